//! How a check goes about asking a server, whatever it asks.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use stillme_rollback_core::{Result, Verdict};

use crate::address::AddressPolicy;
use crate::cadence::Cadence;
use crate::probe::{Probe, Sight, watch};
use crate::resolve::{Resolver, SystemResolver, vetted};
use crate::url::Host;

/// How often a server is asked, and at which addresses.
#[derive(Clone, Debug)]
pub(crate) struct Approach {
    pub(crate) cadence: Cadence,
    pub(crate) policy: AddressPolicy,
    pub(crate) resolver: Arc<dyn Resolver>,
}

impl Default for Approach {
    fn default() -> Self {
        Self {
            cadence: Cadence::default(),
            policy: AddressPolicy::default(),
            resolver: Arc::new(SystemResolver),
        }
    }
}

impl Approach {
    /// Checks that it means something and that the policy lets it near a host.
    ///
    /// # Errors
    /// `InvalidInput` for the cadence, `PermissionDenied` for the host.
    pub(crate) fn check(&self, host: &Host) -> Result<()> {
        self.cadence.check()?;
        Ok(self.policy.check_host(host)?)
    }

    /// The addresses of a host that one try may connect to.
    pub(crate) async fn addresses(&self, host: &Host) -> Result<Vec<IpAddr>, Sight> {
        vetted(&*self.resolver, &self.policy, host).await
    }

    /// The verdict on what a probe sees.
    pub(crate) async fn verdict(&self, probe: &dyn Probe, time_left: Duration) -> Verdict {
        Verdict::of(vec![watch(probe, self.cadence, time_left).await])
    }
}
