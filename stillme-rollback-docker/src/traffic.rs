//! Where a proxy sends a service's traffic: seen, and changed.

mod function;
mod kamal;

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use stillme_rollback_core::Result;

pub use self::function::FnSwitch;
pub use self::kamal::KamalProxy;
use crate::engine::ContainerSummary;
use crate::names::{ContainerId, ContainerName};

/// A container as a proxy reaches it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Upstream {
    /// Its id. On networks of one's own the engine's DNS knows the first twelve digits as a host.
    pub id: ContainerId,
    /// Its name now. A run renames containers, so a proxy that is pointed to a name may find another
    /// container there later.
    pub name: ContainerName,
    /// Its addresses by network. One that does not run has none.
    pub addresses: BTreeMap<String, IpAddr>,
}

impl Upstream {
    /// A container of this id and name, without addresses.
    pub const fn new(id: ContainerId, name: ContainerName) -> Self {
        Self { id, name, addresses: BTreeMap::new() }
    }

    /// The same container with an address on a network.
    #[must_use]
    pub fn at(mut self, network: impl Into<String>, address: IpAddr) -> Self {
        self.addresses.insert(network.into(), address);
        self
    }

    /// Whether a host in a proxy's settings is this container: its id, at least twelve digits of it, its
    /// name, or an address.
    pub fn is(&self, host: &str) -> bool {
        let by_id = host.len() >= 12 && self.id.as_str().starts_with(host);
        let by_address = || host.parse().is_ok_and(|host: IpAddr| self.is_at(host));
        by_id || host == self.name.as_str() || by_address()
    }

    fn is_at(&self, host: IpAddr) -> bool {
        self.addresses.values().any(|address| *address == host)
    }

    /// A container of a list, with its inspect answer.
    pub(crate) fn read(summary: &ContainerSummary, container: Option<&Value>) -> Option<Self> {
        let mut upstream = Self::new(summary.id.clone(), summary.name.clone()?);
        let networks = container.and_then(|found| found.pointer("/NetworkSettings/Networks"));
        for (network, endpoint) in networks.and_then(Value::as_object).into_iter().flatten() {
            let text = |field: &str| endpoint.get(field).and_then(Value::as_str);
            let found = [text("IPAddress"), text("GlobalIPv6Address")];
            let mut addresses = found.into_iter().flatten().filter_map(|text| text.parse().ok());
            if let Some(address) = addresses.next() {
                upstream = upstream.at(network, address);
            }
        }
        Some(upstream)
    }
}

/// Where traffic goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Traffic {
    /// All of it to this container.
    To(ContainerId),
    /// Not to one of those that were asked for, or not to one alone. For people: what was found.
    Elsewhere(String),
}

impl Traffic {
    /// The container that a host in a proxy's settings is.
    pub fn to_host(host: &str, among: &[Upstream]) -> Self {
        match among.iter().find(|upstream| upstream.is(host)) {
            Some(upstream) => Self::To(upstream.id.clone()),
            None => Self::Elsewhere(host.to_owned()),
        }
    }
}

impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::To(id) => f.write_str(id.short()),
            Self::Elsewhere(what) => write!(f, "{}", stillme_rollback_core::Printable(what)),
        }
    }
}

/// How long pointing may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PointLimits {
    /// All of it.
    pub whole: Duration,
    /// Of that, for requests under way on the container that had the traffic, where the proxy waits for them
    /// by itself.
    pub drain: Duration,
}

impl PointLimits {
    /// These limits.
    pub const fn new(whole: Duration, drain: Duration) -> Self {
        Self { whole, drain }
    }
}

/// Says where one service's traffic goes, and points it to another container.
///
/// What [`BehindProxy`](crate::BehindProxy) goes by; a [`DockerExecutor`](crate::DockerExecutor) is given
/// one with [`with_traffic_switch`](crate::DockerExecutor::with_traffic_switch). [`KamalProxy`] is one,
/// and [`FnSwitch`] makes one of three functions.
///
/// # Contract
/// - **[`confirm`](Self::confirm) is an observation.** It asks the proxy where new requests go *now*,
///   and remembers nothing: neither what [`point`](Self::point) was told nor what it answered. A run
///   believes nothing else. It changes nothing, and is asked between all steps: it should take less than
///   a second.
/// - **`point` changes one thing, at most once**: where new requests go. Requests under way go on where
///   they are. Pointing to where the traffic goes already changes nothing. Everything else that the
///   proxy knows of the service (host names, TLS, limits) is afterwards as it was.
/// - **`point` may fail, and may take effect late**, as any request. What is not ready to take the
///   traffic should be refused, so that a request which comes late can't point to what is gone.
/// - **[`drain`](Self::drain) waits** until the requests that a container still has are finished. New
///   ones go elsewhere by then. It may be called again, and for a container that has none or is about to
///   crash.
/// - **Everything ends** within the limit that is given. `drain` then answers `Ok` as well: requests that
///   take longer are cut.
/// - Errors carry a truthful [`Disposition`](stillme_rollback_core::Disposition): `InDoubt` whenever the
///   traffic may have moved or may yet move. No error holds a secret.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait TrafficSwitch: fmt::Debug + Send + Sync + 'static {
    /// Which proxy and which service of it, in one word: `kamal:kamal-proxy/web:8080`. It stands in plans,
    /// and a run is only gone on with through a switch of the same name.
    fn name(&self) -> String;

    /// The TCP port on which a container takes the proxy's requests.
    fn port(&self) -> u16;

    /// Where new requests go now, as far as it is one of these containers.
    ///
    /// # Errors
    /// Whatever kept the proxy from being asked. A proxy that knows no such service is no error: its
    /// traffic goes [`Elsewhere`](Traffic::Elsewhere).
    async fn confirm(&self, among: &[Upstream]) -> Result<Traffic>;

    /// Points new requests to a container.
    ///
    /// # Errors
    /// As the contract says; `Rejected` if the proxy refuses the container.
    async fn point(&self, to: &Upstream, limits: PointLimits) -> Result<()>;

    /// Waits until a container that gets no new requests has finished those under way.
    ///
    /// # Errors
    /// Whatever kept the proxy from being asked.
    async fn drain(&self, from: &Upstream, limit: Duration) -> Result<()>;
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn upstream(digit: &str, name: &str, address: [u8; 4]) -> Upstream {
        let id = ContainerId::new(digit.repeat(64)).unwrap();
        Upstream::new(id, ContainerName::new(name).unwrap()).at("front", IpAddr::from(address))
    }

    #[test]
    fn a_host_is_a_container_by_id_name_or_address() {
        let (old, new) =
            (upstream("a", "web", [10, 0, 0, 2]), upstream("b", "web.rbn-x", [10, 0, 0, 3]));
        for (host, is_old) in [
            ("aaaaaaaaaaaa", Some(true)),
            ("aaaaaaaaaaa", None),
            ("bbbbbbbbbbbbb", Some(false)),
            ("web", Some(true)),
            ("we", None),
            ("", None),
            ("10.0.0.3", Some(false)),
            ("10.0.0.30", None),
            ("web.rbn-x", Some(false)),
        ] {
            let wanted = match is_old {
                Some(true) => Traffic::To(old.id.clone()),
                Some(false) => Traffic::To(new.id.clone()),
                None => Traffic::Elsewhere(host.to_owned()),
            };
            assert_eq!(Traffic::to_host(host, &[old.clone(), new.clone()]), wanted, "{host}");
        }
    }

    #[test]
    fn addresses_are_read_as_the_engine_shows_them() {
        let mut summary = ContainerSummary::new(ContainerId::new("a".repeat(64)).unwrap());
        summary.name = Some(ContainerName::new("web").unwrap());
        let container = json!({"NetworkSettings": {"Networks": {
            "four": {"IPAddress": "10.0.0.2"},
            "six": {"IPAddress": "", "GlobalIPv6Address": "fd00::2"},
            "none": {"IPAddress": ""},
        }}});
        let upstream = Upstream::read(&summary, Some(&container)).unwrap();
        assert_eq!(upstream.addresses.keys().collect::<Vec<_>>(), ["four", "six"]);
        assert!(upstream.is("10.0.0.2") && upstream.is("fd00::2"));
        assert!(Upstream::read(&summary, None).unwrap().addresses.is_empty());
    }
}
