//! Verdicts: what was checked, what came out, and what that proves.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::printable::Printable;

/// How a check or all of them came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It works, within the stated bound.
    Pass,
    /// Not enough is known either way.
    Inconclusive,
    /// It does not work.
    Fail,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "pass",
            Self::Inconclusive => "inconclusive",
            Self::Fail => "fail",
        })
    }
}

/// The verdict on a target: the worst of its checks. No checks at all are inconclusive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Verdict {
    /// How it came out.
    pub outcome: Outcome,
    /// Its checks.
    pub checks: Vec<Check>,
}

impl Verdict {
    /// The verdict of some checks.
    pub fn of(checks: Vec<Check>) -> Self {
        let outcome =
            checks.iter().map(|check| check.outcome).max().unwrap_or(Outcome::Inconclusive);
        Self { outcome, checks }
    }

    /// The verdict of all the checks of several verdicts.
    pub fn all(verdicts: impl IntoIterator<Item = Self>) -> Self {
        Self::of(verdicts.into_iter().flat_map(|verdict| verdict.checks).collect())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.outcome)?;
        for check in &self.checks {
            write!(f, "\n  {check}")?;
        }
        Ok(())
    }
}

/// One check with its evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Check {
    /// What was checked: `GET http://localhost:8080/healthz`.
    pub name: String,
    /// How it came out.
    pub outcome: Outcome,
    /// What was seen, in one line without secrets: `200 in 3 ms, 3 in a row`.
    pub evidence: String,
    /// What a pass proves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
}

impl Check {
    /// A check that came out this way.
    pub fn new(name: impl Into<String>, outcome: Outcome, evidence: impl Into<String>) -> Self {
        Self { name: name.into(), outcome, evidence: evidence.into(), proof: None }
    }

    /// The same check with what its pass proves.
    #[must_use]
    pub fn with_proof(mut self, proof: Proof) -> Self {
        self.proof = Some(proof);
        self
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.outcome, Printable(&self.name), Printable(&self.evidence))?;
        match &self.proof {
            Some(proof) => write!(f, " ({proof})"),
            None => Ok(()),
        }
    }
}

/// What n good observations of n prove: with 95 % confidence the rate of bad ones is below a bound.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Proof {
    /// How many observations there were, all of them good.
    pub n: u64,
    /// The rate of bad ones that they exclude, between 0 and 1.
    pub bound: f64,
    /// The confidence, between 0 and 1.
    pub confidence: f64,
}

impl Proof {
    /// The exact (Clopper-Pearson) bound of n successes in n independent trials:
    /// `1 - (1 - confidence)^(1/n)`; 1 for n = 0, which proves nothing.
    ///
    /// ```
    /// let proof = stillme_rollback_core::Proof::all_good(59);
    /// assert!((proof.bound - 0.0495).abs() < 0.0001);
    /// ```
    pub fn all_good(n: u64) -> Self {
        let confidence = 0.95_f64;
        // As a number for people, 2^53 observations are enough.
        #[expect(clippy::cast_precision_loss, reason = "n is a count of probes")]
        let bound = if n == 0 { 1.0 } else { 1.0 - (1.0 - confidence).powf(1.0 / n as f64) };
        Self { n, bound, confidence }
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "n={}: fewer than {:.0} % bad at {:.0} % confidence",
            self.n,
            (self.bound * 100.0).ceil(),
            self.confidence * 100.0
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_check_decides_and_none_decides_nothing() {
        use Outcome::{Fail, Inconclusive, Pass};
        for (outcomes, verdict) in [
            (vec![], Inconclusive),
            (vec![Pass], Pass),
            (vec![Pass, Inconclusive], Inconclusive),
            (vec![Inconclusive, Fail, Pass], Fail),
        ] {
            let checks = outcomes.iter().map(|o| Check::new("c", *o, "e")).collect();
            assert_eq!(Verdict::of(checks).outcome, verdict, "{outcomes:?}");
        }
    }

    /// The figures of the rule, by hand: 1 - 0.05^(1/n).
    #[test]
    fn the_bound_follows_the_formula() {
        for (n, bound) in
            [(0, 1.0), (1, 0.95), (3, 0.6316), (10, 0.2589), (59, 0.0495), (100, 0.0295)]
        {
            assert!((Proof::all_good(n).bound - bound).abs() < 0.0001, "n={n}");
        }
        assert_eq!(Proof::all_good(3).to_string(), "n=3: fewer than 64 % bad at 95 % confidence");
    }
}
