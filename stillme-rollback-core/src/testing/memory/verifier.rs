//! The verifier.

use std::time::Duration;

use async_trait::async_trait;

use super::platform::{InstanceState, MemoryCall, MemoryPlatform, MemoryReply};
use crate::error::{Error, ErrorKind, Result};
use crate::executor::Run;
use crate::testing::simulated::Simulated;
use crate::verdict::{Check, Outcome, Proof, Verdict};
use crate::verifier::Verifier;

/// A verifier that looks into the platform: the instance that is up must not be sick.
#[derive(Clone, Debug)]
pub struct MemoryVerifier(Simulated<MemoryPlatform>);

impl MemoryVerifier {
    /// The verifier of a platform.
    pub fn new(platform: Simulated<MemoryPlatform>) -> Self {
        Self(platform)
    }
}

#[async_trait]
impl Verifier for MemoryVerifier {
    async fn verify(&self, run: &Run, _time_left: Duration) -> Result<Verdict> {
        let MemoryReply::Instances(instances) = self.0.call(MemoryCall::List)? else {
            return Err(Error::new(ErrorKind::Corrupt, "verify", "no list came"));
        };
        let sick = self.0.model().sick;
        let serving = instances.values().find(|i| i.state == InstanceState::Up);
        let (outcome, evidence) = match serving {
            None => (Outcome::Fail, String::from("nothing is up")),
            Some(i) if sick.contains(&i.version) => {
                (Outcome::Fail, format!("{} is sick", i.version))
            }
            Some(i) if i.version == run.plan.to.version.as_str() => {
                (Outcome::Pass, String::from("it works"))
            }
            Some(i) => (Outcome::Fail, format!("{} serves", i.version)),
        };
        Ok(Verdict::of(vec![
            Check::new("memory", outcome, evidence).with_proof(Proof::all_good(1)),
        ]))
    }
}
