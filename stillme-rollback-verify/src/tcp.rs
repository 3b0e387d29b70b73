//! The TCP check.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use stillme_rollback_core::{Result, Run, Verdict, Verifier};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::address::AddressPolicy;
use crate::approach::Approach;
use crate::cadence::Cadence;
use crate::probe::{Probe, Sight, says_nothing_of_the_service};
use crate::resolve::Resolver;
use crate::url::Endpoint;

/// Connects until it can decide, as [`Cadence`] says. A connection to one of
/// the host's addresses within the timeout is good.
///
/// That is weak: the kernel accepts for a process that hangs, and a proxy in front of the service,
/// such as the one an engine puts before a published port, accepts for a process that is gone.
#[derive(Clone, Debug)]
pub struct TcpCheck {
    endpoint: Endpoint,
    approach: Approach,
}

/// What a [`TcpCheck`] is made of.
#[derive(Clone, Debug)]
#[must_use]
pub struct TcpCheckBuilder {
    endpoint: Endpoint,
    approach: Approach,
}

impl TcpCheckBuilder {
    /// How often to try, and how many tries decide.
    pub fn cadence(mut self, cadence: Cadence) -> Self {
        self.approach.cadence = cadence;
        self
    }

    /// Which servers may be asked.
    pub fn policy(mut self, policy: AddressPolicy) -> Self {
        self.approach.policy = policy;
        self
    }

    /// Who finds the addresses of names, instead of the operating system.
    pub fn resolver(mut self, resolver: Arc<dyn Resolver>) -> Self {
        self.approach.resolver = resolver;
        self
    }

    /// The check.
    ///
    /// # Errors
    /// `InvalidInput` for a cadence that means nothing, `PermissionDenied` for a host that the policy
    /// denies.
    pub fn build(self) -> Result<TcpCheck> {
        self.approach.check(self.endpoint.host())?;
        Ok(TcpCheck { endpoint: self.endpoint, approach: self.approach })
    }
}

impl TcpCheck {
    /// A check of an endpoint with the defaults: three connections in a row.
    pub fn builder(endpoint: Endpoint) -> TcpCheckBuilder {
        TcpCheckBuilder { endpoint, approach: Approach::default() }
    }

    /// Where it connects to.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// How often it tries, and how many tries decide.
    pub fn cadence(&self) -> Cadence {
        self.approach.cadence
    }

    /// Which servers it may ask.
    pub fn policy(&self) -> &AddressPolicy {
        &self.approach.policy
    }
}

#[async_trait]
impl Probe for TcpCheck {
    fn title(&self) -> String {
        format!("TCP {}", self.endpoint)
    }

    async fn look(&self) -> Sight {
        let addresses = match self.approach.addresses(self.endpoint.host()).await {
            Ok(addresses) => addresses,
            Err(sight) => return sight,
        };
        match connect_any(addresses, self.endpoint.port()).await {
            Ok(()) => Sight::Good(String::from("connected")),
            Err(error) if says_nothing_of_the_service(&error) => {
                Sight::Blind(format!("can't connect from here: {error}"))
            }
            Err(error) => Sight::Bad(format!("can't connect: {error}")),
        }
    }
}

/// Connects to all at once until one answers: one that swallows packets must not hide the others.
async fn connect_any(addresses: Vec<IpAddr>, port: u16) -> io::Result<()> {
    let mut attempts = JoinSet::new();
    for ip in addresses {
        attempts.spawn(TcpStream::connect(SocketAddr::new(ip, port)));
    }
    let mut last = io::Error::other("no address answered");
    while let Some(Ok(attempt)) = attempts.join_next().await {
        match attempt {
            Ok(_) => return Ok(()),
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[async_trait]
impl Verifier for TcpCheck {
    async fn verify(&self, _: &Run, time_left: Duration) -> Result<Verdict> {
        Ok(self.approach.verdict(self, time_left).await)
    }
}
