//! Errors on purpose, spread evenly and without chance.

use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};

/// A share of requests, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ErrorRate(u32);

const WHOLE: u32 = 1_000_000;

impl ErrorRate {
    pub(crate) const NONE: Self = Self(0);

    /// Whether the request with this number (from 0) fails. Of the first `n` requests exactly
    /// `floor(n * rate)` do, so that a test can count on it.
    const fn fails(self, number: u32) -> bool {
        let number = (number % WHOLE) as u64;
        let failed_before = number * self.0 as u64 / WHOLE as u64;
        let failed_after = (number + 1) * self.0 as u64 / WHOLE as u64;
        failed_after > failed_before
    }
}

impl FromStr for ErrorRate {
    type Err = NotAShare;

    fn from_str(text: &str) -> Result<Self, NotAShare> {
        let share: f64 = text.parse().map_err(|_| NotAShare)?;
        if !(0.0..=1.0).contains(&share) {
            return Err(NotAShare);
        }
        // In range: checked just above.
        Ok(Self((share * f64::from(WHOLE)).round() as u32))
    }
}

/// Not a number from 0 to 1.
#[derive(Debug, thiserror::Error)]
#[error("not a number from 0 to 1")]
pub(crate) struct NotAShare;

/// Numbers the requests and says which of them fail.
#[derive(Debug)]
pub(crate) struct Faults {
    rate: ErrorRate,
    seen: AtomicU32,
}

impl Faults {
    pub(crate) const fn new(rate: ErrorRate) -> Self {
        Self { rate, seen: AtomicU32::new(0) }
    }

    pub(crate) fn next_fails(&self) -> bool {
        self.rate.fails(self.seen.fetch_add(1, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_n_requests_exactly_the_share_fails() {
        for (rate, of_100) in [("0", 0), ("0.01", 1), ("0.2", 20), ("0.333", 33), ("1", 100)] {
            let faults = Faults::new(rate.parse().unwrap());
            let failed = (0..100).filter(|_| faults.next_fails()).count();
            assert_eq!(failed, of_100, "rate {rate}");
        }
    }

    #[test]
    fn failures_are_spread_evenly() {
        let faults = Faults::new("0.25".parse().unwrap());
        let failed: Vec<usize> = (1..=12).filter(|_| faults.next_fails()).collect();
        assert_eq!(failed, [4, 8, 12]);
    }

    #[test]
    fn only_shares_are_read() {
        for text in ["-0.1", "1.01", "NaN", "inf", "half", ""] {
            assert!(text.parse::<ErrorRate>().is_err(), "{text}");
        }
    }
}
