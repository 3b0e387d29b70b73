//! Counts of paths, by how they ended.

use super::story::Story;
use crate::end::EndState;

/// How many bad paths are told.
const EXAMPLES: usize = 5;

/// What became of the paths from a place on.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) cases: u64,
    pub(super) bad: u64,
    pub(super) ends: Vec<(EndState, u64)>,
    pub(super) examples: Vec<String>,
}

impl Tally {
    /// A path that ended.
    pub(super) fn end(&mut self, state: EndState) {
        self.cases += 1;
        self.count(state, 1);
    }

    /// Something that must not be, at the end of a story.
    pub(super) fn blame(&mut self, story: &Story, what: impl FnOnce() -> String) {
        self.bad += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(format!("{story}{}", what()));
        }
    }

    /// The paths from another place on, to which so many ways lead, one of them with this story.
    pub(super) fn add(&mut self, other: &Self, ways: u64, story: &Story) {
        self.cases += ways * other.cases;
        self.bad += ways * other.bad;
        for (state, count) in &other.ends {
            self.count(*state, ways * count);
        }
        let room = EXAMPLES.saturating_sub(self.examples.len());
        self.examples.extend(other.examples.iter().take(room).map(|told| format!("{story}{told}")));
    }

    fn count(&mut self, state: EndState, more: u64) {
        match self.ends.iter_mut().find(|(known, _)| *known == state) {
            Some((_, count)) => *count += more,
            None => self.ends.push((state, more)),
        }
    }
}
