//! From a host to the addresses that may be connected to.

use std::fmt;
use std::io;
use std::net::IpAddr;

use async_trait::async_trait;

use crate::address::AddressPolicy;
use crate::probe::{Sight, says_nothing_of_the_service};
use crate::url::Host;

/// Finds the addresses of a name.
#[async_trait]
pub trait Resolver: fmt::Debug + Send + Sync + 'static {
    /// The addresses of `name`, in the order in which they should be tried.
    ///
    /// # Errors
    /// Whatever kept it from finding any.
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// The operating system's resolver: hosts file, name servers and whatever else is configured.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let addresses = tokio::net::lookup_host((name, 0)).await?;
        Ok(addresses.map(|address| address.ip()).collect())
    }
}

/// The addresses that a check may connect to, all judged by the policy. Asked once a try: what comes
/// out is connected to, so that no second look-up can say something else.
pub(crate) async fn vetted(
    resolver: &dyn Resolver,
    policy: &AddressPolicy,
    host: &Host,
) -> Result<Vec<IpAddr>, Sight> {
    let found = match host {
        Host::Ip(ip) => vec![*ip],
        Host::Name(name) => match resolver.resolve(name).await {
            Ok(found) => found,
            Err(error) if says_nothing_of_the_service(&error) => {
                return Err(Sight::Blind(format!("can't resolve the host: {error}")));
            }
            Err(_) => return Err(Sight::Bad(String::from("the host's name does not resolve"))),
        },
    };
    match policy.filter(host, found) {
        Ok(fine) if fine.is_empty() => {
            Err(Sight::Bad(String::from("the host's name has no address")))
        }
        Ok(fine) => Ok(fine),
        Err(denied) => Err(Sight::Blind(format!("not asked: {denied}"))),
    }
}

#[cfg(test)]
mod tests;
