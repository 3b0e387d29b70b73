//! Time, as something that is passed in.

use std::fmt;
use std::time::{Duration, Instant, SystemTime};

/// Tells the time. Decisions use only [`elapsed`](Self::elapsed); the wall clock is for people.
///
/// # Contract
/// `elapsed` never goes backwards.
#[cfg_attr(feature = "mock", mockall::automock)]
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The wall clock.
    fn now(&self) -> SystemTime;
    /// The time since the clock was made, monotonic.
    fn elapsed(&self) -> Duration;
}

/// The operating system's clocks.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    made: Instant,
}

impl SystemClock {
    /// A clock that begins now.
    #[expect(clippy::new_without_default, reason = "a clock's making is a moment, not a default")]
    pub fn new() -> Self {
        Self { made: Instant::now() }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn elapsed(&self) -> Duration {
        self.made.elapsed()
    }
}
