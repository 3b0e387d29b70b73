//! What came out of a crash matrix.

use std::collections::BTreeMap;
use std::fmt;

use crate::end::EndState;

/// What came out of a crash matrix.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MatrixReport {
    /// The plan's strategy.
    pub strategy: String,
    /// How the unperturbed run ended.
    pub unperturbed: EndState,
    /// Distinct cases in which every fault and crash fired.
    pub cases: u64,
    /// How they ended.
    pub ends: BTreeMap<String, u64>,
    /// Cases that left something else than their end state says.
    pub bad: u64,
    /// The first bad ones, told from their beginning.
    pub examples: Vec<String>,
    /// Different states in which a life began.
    pub lives: usize,
    /// Commands that were walked.
    pub commands: u64,
}

impl MatrixReport {
    /// Panics with the first bad cases if there are any, or if nothing was perturbed.
    ///
    /// # Panics
    /// As it says.
    #[expect(clippy::panic, reason = "an assertion for tests")]
    pub fn assert_clean(&self) {
        assert!(self.cases > 1, "nothing was perturbed: {self}");
        if self.bad > 0 {
            panic!("{self}\n{}", self.examples.join("\n\n"));
        }
    }
}

impl fmt::Display for MatrixReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "crash matrix of {}: {} cases, {} bad", self.strategy, self.cases, self.bad)?;
        for (state, count) in &self.ends {
            write!(f, ", {state} {count}")?;
        }
        write!(f, "; {} lives, {} commands", self.lives, self.commands)
    }
}
