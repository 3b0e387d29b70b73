//! The decision from a row of tries: pure, so that every rule has its line in a table of tests.

use std::fmt;
use std::time::Duration;

use stillme_rollback_core::{Outcome, Proof};

use crate::cadence::Cadence;
use crate::probe::Sight;

/// What was seen so far.
#[derive(Debug)]
pub(crate) struct Streak {
    cadence: Cadence,
    good: u32,
    bad: u32,
    blind: u32,
    good_in_a_row: u32,
    bad_in_a_row: u32,
    /// Bad ones after a good one.
    relapses: u32,
    last_good: Option<String>,
    last_bad: Option<String>,
    last_blind: Option<String>,
}

/// How a row of tries came out.
#[derive(Debug, PartialEq)]
pub(crate) struct Decision {
    pub(crate) outcome: Outcome,
    pub(crate) evidence: String,
    pub(crate) proof: Option<Proof>,
}

impl Streak {
    pub(crate) fn new(cadence: Cadence) -> Self {
        Self {
            cadence,
            good: 0,
            bad: 0,
            blind: 0,
            good_in_a_row: 0,
            bad_in_a_row: 0,
            relapses: 0,
            last_good: None,
            last_bad: None,
            last_blind: None,
        }
    }

    /// Takes in one try, which ended `elapsed` after the check began. Decides, if that is enough.
    pub(crate) fn take(&mut self, sight: Sight, elapsed: Duration) -> Option<Decision> {
        match sight {
            Sight::Good(what) => {
                self.good += 1;
                self.good_in_a_row += 1;
                self.bad_in_a_row = 0;
                self.last_good = Some(what);
                (self.good_in_a_row >= self.cadence.successes).then(|| self.passed())
            }
            Sight::Bad(what) => {
                self.bad += 1;
                self.bad_in_a_row += 1;
                self.good_in_a_row = 0;
                self.relapses += u32::from(self.good > 0);
                self.last_bad = Some(what);
                self.has_failed(elapsed).then(|| self.failed(elapsed))
            }
            Sight::Blind(what) => {
                self.blind += 1;
                self.last_blind = Some(what);
                None
            }
        }
    }

    /// Decides when the time is over.
    pub(crate) fn conclude(&self, elapsed: Duration) -> Decision {
        match (self.good, self.bad) {
            (0, 0) => self.saw_nothing(elapsed),
            (1.., _) if self.relapses == 0 => self.was_cut_short(elapsed),
            _ => self.failed(elapsed),
        }
    }

    fn has_failed(&self, elapsed: Duration) -> bool {
        let booted = self.good > 0 || elapsed >= self.cadence.boot_grace;
        booted && self.cadence.fail_after.is_some_and(|limit| self.bad_in_a_row >= limit)
    }

    fn passed(&self) -> Decision {
        let n = u64::from(self.good_in_a_row);
        let before = self.bad - self.relapses;
        let (proven, remark) = match (self.relapses, before) {
            (0, 0) => (n, String::new()),
            (0, before) => (n - 1, format!(" after {before} bad while it came up")),
            (relapses, _) => (
                0,
                format!(
                    "; but {relapses} of {} went bad before, so this proves little",
                    self.good + self.relapses
                ),
            ),
        };
        Decision {
            outcome: Outcome::Pass,
            evidence: format!("{}; {n} good in a row{remark}", Text(&self.last_good)),
            proof: (proven > 0).then(|| Proof::all_good(proven)),
        }
    }

    fn failed(&self, elapsed: Duration) -> Decision {
        let tries = self.good + self.bad;
        let good = match self.good {
            0 => String::from("none good"),
            good => format!("{good} good, never {} in a row", self.cadence.successes),
        };
        Decision {
            outcome: Outcome::Fail,
            evidence: format!(
                "{} in {}: {good}; last bad: {}{}",
                count(tries),
                Seconds(elapsed),
                Text(&self.last_bad),
                self.blind_remark()
            ),
            proof: None,
        }
    }

    fn was_cut_short(&self, elapsed: Duration) -> Decision {
        let before = match self.bad {
            0 => String::new(),
            bad => format!(", after {bad} bad while it came up"),
        };
        Decision {
            outcome: Outcome::Inconclusive,
            evidence: format!(
                "time ran out after {} with {} good in a row of {} needed{before}{}",
                Seconds(elapsed),
                self.good_in_a_row,
                self.cadence.successes,
                self.blind_remark()
            ),
            proof: None,
        }
    }

    fn saw_nothing(&self, elapsed: Duration) -> Decision {
        let evidence = if self.blind == 0 {
            format!("no try could be finished in {}", Seconds(elapsed))
        } else {
            format!("nothing seen of the service{}", self.blind_remark())
        };
        Decision { outcome: Outcome::Inconclusive, evidence, proof: None }
    }

    fn blind_remark(&self) -> String {
        match self.blind {
            0 => String::new(),
            n => format!("; {} told nothing: {}", count(n), Text(&self.last_blind)),
        }
    }
}

fn count(tries: u32) -> String {
    match tries {
        1 => String::from("1 try"),
        n => format!("{n} tries"),
    }
}

struct Text<'a>(&'a Option<String>);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_deref().unwrap_or("nothing"))
    }
}

struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} s", self.0.as_secs_f64())
    }
}

#[cfg(test)]
mod tests;
