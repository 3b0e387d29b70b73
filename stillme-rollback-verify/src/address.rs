//! Which servers a check may speak to.
//!
//! A health check is a request that somebody else can aim: by the configuration, by a redirect, or
//! by the name server. What must never be reached that way is the metadata service of a cloud, which
//! hands the machine's credentials to whoever asks from it.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use stillme_rollback_core::{Error, ErrorKind};

use crate::url::Host;

/// Decides which hosts and addresses may be asked.
///
/// Link-local addresses, metadata services and addresses that no service can have are denied, also
/// where they hide in an IPv6 address. Loopback and private ranges are allowed, because that is where
/// services are; [`public_only`](Self::public_only) is for URLs that do not come from the operator.
///
/// Names are judged twice: as they are written, and by every address they resolve to. A check
/// connects only to addresses that were judged, so that a name server can't answer well first and
/// badly after.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressPolicy {
    allowed: BTreeSet<Host>,
    public_only: bool,
}

/// Why a host or an address may not be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Denied {
    /// The name of a cloud's metadata service.
    #[error("{0} is a cloud's metadata service")]
    MetadataName(String),
    /// An address of a cloud's metadata service, or a link-local one.
    #[error("{0} is link-local or a cloud's metadata service")]
    Metadata(IpAddr),
    /// A multicast, broadcast or reserved address.
    #[error("{0} is multicast, broadcast or reserved: no service has it")]
    NoUnicast(IpAddr),
    /// A loopback or private address, where only public ones are allowed.
    #[error("{0} is a loopback or private address, and only public ones are allowed")]
    Private(IpAddr),
}

impl From<Denied> for Error {
    fn from(denied: Denied) -> Self {
        Self::new(ErrorKind::PermissionDenied, "check health address", denied.to_string())
            .with_hint("nothing was asked; allow the host for this check if it is meant")
    }
}

impl AddressPolicy {
    /// Only public addresses: for URLs that somebody else than the operator gives.
    pub fn public_only() -> Self {
        Self { allowed: BTreeSet::new(), public_only: true }
    }

    /// The same policy with one more host allowed: an address, or a name with whatever addresses it
    /// resolves to.
    #[must_use]
    pub fn allow(mut self, host: Host) -> Self {
        self.allowed.insert(host);
        self
    }

    /// The hosts that are allowed although they would be denied.
    pub fn allowed(&self) -> impl Iterator<Item = &Host> {
        self.allowed.iter()
    }

    /// Whether only public addresses are allowed.
    pub fn is_public_only(&self) -> bool {
        self.public_only
    }

    /// Judges a host as it is written.
    ///
    /// # Errors
    /// The reason why it may not be asked.
    pub fn check_host(&self, host: &Host) -> Result<(), Denied> {
        if self.allowed.contains(host) {
            return Ok(());
        }
        match host {
            Host::Ip(ip) => self.check_ip(*ip),
            Host::Name(name) if METADATA_NAMES.contains(&name.as_str()) => {
                Err(Denied::MetadataName(name.clone()))
            }
            Host::Name(_) => Ok(()),
        }
    }

    /// The addresses of a host that may be asked.
    ///
    /// # Errors
    /// The reason for the first address, if none may.
    pub fn filter(&self, host: &Host, addresses: Vec<IpAddr>) -> Result<Vec<IpAddr>, Denied> {
        if self.allowed.contains(host) {
            return Ok(addresses);
        }
        let mut reason = None;
        let mut fine = Vec::with_capacity(addresses.len());
        for ip in addresses {
            match self.check_ip(ip) {
                Ok(()) => fine.push(ip),
                Err(denied) => reason = reason.or(Some(denied)),
            }
        }
        match reason {
            Some(denied) if fine.is_empty() => Err(denied),
            _ => Ok(fine),
        }
    }

    fn check_ip(&self, ip: IpAddr) -> Result<(), Denied> {
        if self.allowed.contains(&Host::Ip(ip)) {
            return Ok(());
        }
        let inner = match ip {
            IpAddr::V4(v4) => Some(v4),
            IpAddr::V6(v6) => embedded_v4(v6),
        };
        let is = |v4: fn(Ipv4Addr) -> bool, v6: fn(Ipv6Addr) -> bool| {
            inner.is_some_and(v4) || matches!(ip, IpAddr::V6(whole) if v6(whole))
        };
        if is(is_metadata_v4, is_metadata_v6) {
            Err(Denied::Metadata(ip))
        } else if is(is_no_unicast_v4, |v6| v6.is_multicast()) {
            Err(Denied::NoUnicast(ip))
        } else if self.public_only && is(is_private_v4, is_private_v6) {
            Err(Denied::Private(ip))
        } else {
            Ok(())
        }
    }
}

/// Names under which clouds serve metadata.
const METADATA_NAMES: &[&str] = &[
    "instance-data",
    "instance-data.ec2.internal",
    "metadata",
    "metadata.goog",
    "metadata.google.internal",
    "metadata.packet.net",
    "metadata.tencentyun.com",
    "rancher-metadata",
];

fn is_metadata_v4(ip: Ipv4Addr) -> bool {
    ip.is_link_local()
        || matches!(ip.octets(), [100, 100, 100, 200] | [168, 63, 129, 16] | [192, 0, 0, 192])
}

fn is_metadata_v6(ip: Ipv6Addr) -> bool {
    const AMAZON: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    const GOOGLE: Ipv6Addr = Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254);
    ip.is_unicast_link_local() || ip == AMAZON || ip == GOOGLE
}

fn is_no_unicast_v4(ip: Ipv4Addr) -> bool {
    // 0.0.0.0 itself is how engines print "every interface"; connecting to it means loopback.
    ip.is_multicast() || ip.octets()[0] >= 240 || (ip.octets()[0] == 0 && !ip.is_unspecified())
}

fn is_private_v4(ip: Ipv4Addr) -> bool {
    let shared = ip.octets()[0] == 100 && (64..128).contains(&ip.octets()[1]);
    ip.is_private() || ip.is_loopback() || ip.is_unspecified() || shared
}

fn is_private_v6(ip: Ipv6Addr) -> bool {
    ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local()
}

/// The IPv4 address inside an IPv6 one that leads to it: mapped, compatible, translated, NAT64, 6to4, Teredo.
fn embedded_v4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let part = |index: usize, flip: u16| {
        let s = ip.segments();
        let ([a, b], [c, d]) =
            ((s[index] ^ flip).to_be_bytes(), (s[index + 1] ^ flip).to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] | [0x64, 0xff9b, ..] => {
            Some(part(6, 0))
        }
        [0x2002, ..] => Some(part(1, 0)),
        [0x2001, 0, ..] => Some(part(6, 0xffff)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
