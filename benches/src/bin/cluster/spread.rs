//! Times, by their middle and their quartiles.

use std::fmt;
use std::time::Duration;

/// Times of one way.
#[derive(Debug, Default)]
pub(crate) struct Spread(Vec<Duration>);

impl Spread {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn add(&mut self, time: Duration) {
        self.0.push(time);
        self.0.sort();
    }

    fn at(&self, part: usize, of: usize) -> Duration {
        let last = self.0.len().saturating_sub(1);
        self.0.get(last * part / of).copied().unwrap_or_default()
    }

    /// How many times another one's middle this one's is.
    pub(crate) fn ratio(&self, other: &Self) -> f64 {
        self.at(1, 2).as_secs_f64() / other.at(1, 2).as_secs_f64()
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |time: Duration| time.as_millis();
        let (low, middle, high) = (self.at(1, 4), self.at(1, 2), self.at(3, 4));
        write!(f, "{:>5} ms ({}-{})", ms(middle), ms(low), ms(high))
    }
}
