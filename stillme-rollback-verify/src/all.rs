//! Several verifiers as one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use stillme_rollback_core::{Check, Outcome, Printable, Result, Run, Verdict, Verifier};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::timeout;
use tracing::Instrument as _;

use crate::probe::margin;

/// Runs several verifiers at once, within the time of one: the verdict is the worst of theirs.
///
/// - The first that fails decides; the others are not waited for, and the verdict says so.
/// - One that could not tell (an `Err`), panicked, or did not come back is an inconclusive check that
///   names the reason.
/// - Without any verifier the verdict is inconclusive.
#[derive(Clone, Debug, Default)]
pub struct All {
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
struct Part {
    title: String,
    verifier: Arc<dyn Verifier>,
}

impl All {
    /// No verifiers.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with one more verifier. The title names it where it gives no verdict of its own.
    #[must_use]
    pub fn with(self, title: impl Into<String>, verifier: impl Verifier) -> Self {
        self.with_boxed(title, Box::new(verifier))
    }

    /// The same with one more verifier, as [`verifier_from`](crate::verifier_from) gives them.
    #[must_use]
    pub fn with_boxed(mut self, title: impl Into<String>, verifier: Box<dyn Verifier>) -> Self {
        self.parts.push(Part { title: title.into(), verifier: verifier.into() });
        self
    }

    /// How many verifiers there are.
    pub fn len(&self) -> usize {
        self.parts.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }
}

#[async_trait]
impl Verifier for All {
    async fn verify(&self, run: &Run, time_left: Duration) -> Result<Verdict> {
        let mut verdicts: Vec<Option<Verdict>> = vec![None; self.parts.len()];
        let mut tasks = JoinSet::new();
        let mut indexes: HashMap<Id, usize> = HashMap::new();
        // A little later than the verifiers' own end, a little before the engine's.
        let limit = time_left.saturating_sub(margin(time_left) / 2);
        for (index, part) in self.parts.iter().enumerate() {
            let (verifier, run) = (Arc::clone(&part.verifier), run.clone());
            let task = async move { timeout(limit, verifier.verify(&run, time_left)).await };
            let handle = tasks.spawn(task.in_current_span());
            indexes.insert(handle.id(), index);
        }
        while let Some(ended) = tasks.join_next_with_id().await {
            let (id, verdict) = match ended {
                Ok((id, Ok(Ok(verdict)))) => (id, Ok(verdict)),
                Ok((id, Ok(Err(error)))) => (id, Err(format!("could not tell: {error}"))),
                Ok((id, Err(_))) => (id, Err(String::from("did not come back in time"))),
                Err(error) => (error.id(), Err(end_of(&error))),
            };
            let Some(&index) = indexes.get(&id) else {
                continue;
            };
            let verdict = verdict.unwrap_or_else(|why| self.untold(index, &why));
            let failed = verdict.outcome == Outcome::Fail;
            verdicts[index] = Some(verdict);
            if failed {
                break;
            }
        }
        // Dropping the set stops the tasks that are left.
        drop(tasks);
        Ok(Verdict::all(verdicts.into_iter().enumerate().map(|(index, verdict)| {
            verdict.unwrap_or_else(|| {
                self.untold(index, "not waited for, because another check failed")
            })
        })))
    }
}

impl All {
    fn untold(&self, index: usize, why: &str) -> Verdict {
        let evidence = Printable(why).to_string();
        let title = self.parts[index].title.clone();
        Verdict::of(vec![Check::new(title, Outcome::Inconclusive, evidence)])
    }
}

/// What ended a task: the panic's message is left out, because it may hold anything.
fn end_of(error: &JoinError) -> String {
    String::from(if error.is_panic() { "panicked" } else { "was stopped" })
}

#[cfg(test)]
mod tests;
