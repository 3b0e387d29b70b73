//! How often a check tries, and how many tries decide.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use stillme_rollback_core::{Error, ErrorKind, Result};

/// How often a check tries, and how many tries decide.
///
/// # How a check decides
/// - It **passes** at the moment when [`successes`](Self::successes) tries in a row were good.
/// - Until then it keeps trying, because a service that still boots answers badly or not at all.
/// - It **fails** when the time is over and no try was good, or good ones were followed by bad ones:
///   also when nothing ever answered. With [`fail_after`](Self::fail_after) it fails sooner.
/// - It is **inconclusive** when the time is over while the tries had just become good, or when no try
///   could tell anything (none could be finished, this machine is out of files, the address is denied).
///   Tries that tell nothing count for neither side.
///
/// # What a pass proves
/// All tries good, n of them: the bound of [`Proof`](stillme_rollback_core::Proof) for n. If bad ones
/// came before the first good one, the first good one only ended the wait, so the bound is for n - 1.
/// If bad ones came between good ones, a run of good ones was bound to come some time: it passes, and
/// proves nothing.
///
/// ```
/// use std::time::Duration;
/// use stillme_rollback_verify::Cadence;
///
/// let cadence = Cadence::default()
///     .successes(59) // fewer than 5 % bad at 95 % confidence
///     .interval(Duration::from_millis(100));
/// assert_eq!(cadence.timeout, Duration::from_secs(1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
#[non_exhaustive]
pub struct Cadence {
    /// How many good tries in a row pass. Default 3.
    pub successes: u32,
    /// The time from the start of one try to the start of the next. Default 500 ms.
    pub interval: Duration,
    /// How long one try may take, from the look-up of the name to the last byte. Default 1 s.
    pub timeout: Duration,
    /// After how many bad tries in a row it fails before the time is over, once the service was good
    /// or [`boot_grace`](Self::boot_grace) is over. Default: never. A verdict that fails takes the
    /// rollback back to a version that was bad enough to leave, so there is seldom a hurry.
    pub fail_after: Option<u32>,
    /// How long a service that was never good may boot before [`fail_after`](Self::fail_after) counts.
    /// Default 30 s.
    pub boot_grace: Duration,
}

impl Default for Cadence {
    fn default() -> Self {
        Self {
            successes: 3,
            interval: Duration::from_millis(500),
            timeout: Duration::from_secs(1),
            fail_after: None,
            boot_grace: Duration::from_secs(30),
        }
    }
}

impl Cadence {
    /// The same cadence with this many good tries in a row to pass.
    #[must_use]
    pub fn successes(mut self, successes: u32) -> Self {
        self.successes = successes;
        self
    }

    /// The same cadence with this time between the starts of two tries.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// The same cadence with this limit for one try.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The same cadence, failing after this many bad tries in a row.
    #[must_use]
    pub fn fail_after(mut self, tries: u32) -> Self {
        self.fail_after = Some(tries);
        self
    }

    /// The same cadence with this time to boot.
    #[must_use]
    pub fn boot_grace(mut self, grace: Duration) -> Self {
        self.boot_grace = grace;
        self
    }

    /// Checks that every value can mean something.
    ///
    /// # Errors
    /// `InvalidInput` for counts outside 1 to 10,000, an interval or timeout outside 10 ms to 1 h, and
    /// a grace above 1 h.
    pub fn check(&self) -> Result<()> {
        let counts = 1..=10_000;
        let times = Duration::from_millis(10)..=HOUR;
        let wrong = if !counts.contains(&self.successes) {
            "successes has to be 1 to 10000"
        } else if self.fail_after.is_some_and(|n| !counts.contains(&n)) {
            "fail_after has to be 1 to 10000"
        } else if !times.contains(&self.interval) {
            "interval has to be 10 ms to 1 h"
        } else if !times.contains(&self.timeout) {
            "timeout has to be 10 ms to 1 h"
        } else if self.boot_grace > HOUR {
            "boot_grace has to be at most 1 h"
        } else {
            return Ok(());
        };
        Err(Error::new(ErrorKind::InvalidInput, "set up health check", wrong)
            .with_hint("nothing was touched"))
    }
}

const HOUR: Duration = Duration::from_secs(3600);

/// The cadence as it stands in a plan: whole milliseconds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    successes: u32,
    interval_ms: u64,
    timeout_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fail_after: Option<u32>,
    boot_grace_ms: u64,
}

impl From<Cadence> for Stored {
    fn from(cadence: Cadence) -> Self {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self {
            successes: cadence.successes,
            interval_ms: ms(cadence.interval),
            timeout_ms: ms(cadence.timeout),
            fail_after: cadence.fail_after,
            boot_grace_ms: ms(cadence.boot_grace),
        }
    }
}

impl From<Stored> for Cadence {
    fn from(stored: Stored) -> Self {
        Self {
            successes: stored.successes,
            interval: Duration::from_millis(stored.interval_ms),
            timeout: Duration::from_millis(stored.timeout_ms),
            fail_after: stored.fail_after,
            boot_grace: Duration::from_millis(stored.boot_grace_ms),
        }
    }
}
