//! What a probe saw, in four figures.

use std::fmt;
use std::time::Duration;

use crate::page::span;

/// A good answer is whole within this time.
pub(crate) const GOOD: Duration = Duration::from_millis(150);

/// A request.
pub(crate) struct Try {
    /// When it was made.
    pub(crate) at: Duration,
    /// What came of it, once something did.
    pub(crate) answer: Option<Answer>,
}

/// What came of a request.
pub(crate) struct Answer {
    /// Until its last byte, or until it was given up.
    pub(crate) took: Duration,
    /// Which version answered; `None` if the answer was bad or never came.
    pub(crate) version: Option<String>,
}

impl Try {
    pub(crate) fn version(&self) -> Option<&str> {
        self.answer.as_ref()?.version.as_deref()
    }

    pub(crate) fn failed(&self) -> bool {
        self.answer.as_ref().is_some_and(|answer| answer.version.is_none())
    }

    fn is_slow(&self) -> bool {
        self.version().is_some() && !self.is_good()
    }

    pub(crate) fn is_good(&self) -> bool {
        self.answer.as_ref().is_some_and(|answer| answer.version.is_some() && answer.took <= GOOD)
    }
}

/// What was seen in a window of time.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tally {
    /// The requests.
    pub(crate) requests: usize,
    /// Those without a good status, or without an answer.
    pub(crate) failed: usize,
    /// Those whose good answer took longer than [`GOOD`].
    pub(crate) slow: usize,
    /// The longest time in which no request was made that was answered well.
    pub(crate) outage: Duration,
}

impl Tally {
    pub(crate) fn of(tries: &[Try], from: Duration, to: Duration) -> Self {
        let inside: Vec<_> = tries.iter().filter(|t| (from..=to).contains(&t.at)).collect();
        let mut outage = Duration::ZERO;
        let mut last_good = from;
        // Without a good one to end it, an outage lasts to the end of the window.
        for good in inside.iter().filter(|t| t.is_good()).map(|t| t.at).chain([to]) {
            outage = outage.max(good.saturating_sub(last_good));
            last_good = good;
        }
        Self {
            requests: inside.len(),
            failed: inside.iter().filter(|t| t.failed()).count(),
            slow: inside.iter().filter(|t| t.is_slow()).count(),
            outage,
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "longest outage {}; {} requests, of which {} failed and {} took longer than {} ms",
            span(self.outage),
            self.requests,
            self.failed,
            self.slow,
            GOOD.as_millis()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn tried(at: u64, took: u64, version: Option<&str>) -> Try {
        let answer = Answer { took: ms(took), version: version.map(str::to_owned) };
        Try { at: ms(at), answer: Some(answer) }
    }

    fn tally(tries: &[Try], from: u64, to: u64) -> (usize, usize, usize, u128) {
        let tally = Tally::of(tries, ms(from), ms(to));
        (tally.requests, tally.failed, tally.slow, tally.outage.as_millis())
    }

    #[test]
    fn an_outage_is_the_longest_time_without_a_request_that_was_answered_well() {
        let good = |at| tried(at, 3, Some("v1"));
        let failed = |at| tried(at, 1, None);
        let slow = |at| tried(at, 1000, Some("v1"));
        for (tries, expected) in [
            (vec![good(0), good(10), good(20)], (3, 0, 0, 10)),
            (vec![good(0), failed(10), failed(20), good(30)], (4, 2, 0, 30)),
            // A hang is an outage even though its answer is good in the end.
            (vec![good(0), slow(10), slow(20), good(30)], (4, 0, 2, 30)),
            // Good ones in between end it.
            (vec![failed(0), good(10), failed(20), good(30)], (4, 2, 0, 20)),
        ] {
            assert_eq!(tally(&tries, 0, 30), expected);
        }
    }

    #[test]
    fn it_lasts_to_the_edges_of_the_window() {
        let tries = [tried(40, 3, Some("v1")), tried(50, 3, None)];
        assert_eq!(tally(&tries, 0, 45), (1, 0, 0, 40));
        assert_eq!(tally(&tries, 30, 100), (2, 1, 0, 60));
        assert_eq!(tally(&[], 0, 100), (0, 0, 0, 100));
    }
}
