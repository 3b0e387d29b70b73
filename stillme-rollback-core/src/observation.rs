//! What a strategy knows when it plans.

use std::fmt;

use crate::redact::Secret;
use crate::target::{Release, Target};

/// The target as an executor saw it before a plan was made.
///
/// `detail` is the platform's own answer, raw: it may hold secrets (environment values), so it has
/// no way into a log. A strategy reads from it what its plan needs.
#[derive(Clone)]
#[non_exhaustive]
pub struct Observation {
    /// What was looked at.
    pub target: Target,
    /// What runs, if anything does.
    pub running: Option<Release>,
    /// What the target could go back to, most recent first.
    pub releases: Vec<Release>,
    /// The platform's own answer.
    pub detail: Secret<serde_json::Value>,
}

impl Observation {
    /// An observation in which nothing was found yet.
    pub fn new(target: Target) -> Self {
        Self { target, running: None, releases: Vec::new(), detail: Secret::default() }
    }
}

impl fmt::Debug for Observation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observation")
            .field("target", &self.target)
            .field("running", &self.running)
            .field("releases", &self.releases)
            .finish_non_exhaustive()
    }
}
