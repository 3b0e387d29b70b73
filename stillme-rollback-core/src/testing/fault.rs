//! What can go wrong with one call to a platform.

use std::time::Duration;

use crate::error::{Disposition, Error, ErrorKind};

/// A fault of one call. With the crash of our own process these are the fifteen that a rollback
/// meets in the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Fault {
    /// The connection is refused: nothing was sent.
    Refused,
    /// The connection breaks before the request had an effect.
    ResetBefore,
    /// The connection breaks after the request had its effect.
    ResetAfter,
    /// No answer in time, and no effect.
    TimeoutBefore,
    /// No answer in time, after the effect.
    TimeoutAfter,
    /// HTTP 409 without effect.
    Conflict,
    /// HTTP 404 without effect.
    NotFound,
    /// HTTP 422 without effect.
    Unprocessable,
    /// HTTP 429 with `Retry-After`, without effect.
    TooManyRequests,
    /// HTTP 500 without effect.
    InternalBefore,
    /// HTTP 500 after the effect.
    InternalAfter,
    /// The answer comes after half a minute.
    Slow,
    /// The effect happens, and the answer breaks off in the middle.
    PartialBody,
    /// No answer in time, and the effect happens after this many further calls.
    Late(u32),
    /// The process is killed after the effect and before the answer.
    CrashAfter,
    /// The process is killed, and the effect happens after this many further calls.
    CrashLate(u32),
}

impl Fault {
    /// The faults of a call that only reads. (Before and after an effect are the same there.)
    pub fn of_reads() -> Vec<Self> {
        vec![
            Self::Refused,
            Self::ResetBefore,
            Self::TimeoutBefore,
            Self::Conflict,
            Self::NotFound,
            Self::Unprocessable,
            Self::TooManyRequests,
            Self::InternalBefore,
            Self::Slow,
            Self::PartialBody,
        ]
    }

    /// The faults of a call that changes something.
    pub fn of_writes() -> Vec<Self> {
        let mut all = Self::of_reads();
        all.extend([Self::ResetAfter, Self::TimeoutAfter, Self::InternalAfter]);
        all.extend(DELAYS.map(Self::Late));
        all
    }

    /// The ways to be killed in the middle of a call that changes something. (Killed before its
    /// effect is the same as killed after the record before it.)
    pub fn crashes_of_writes() -> Vec<Self> {
        let mut all = vec![Self::CrashAfter];
        all.extend(DELAYS.map(Self::CrashLate));
        all
    }

    /// Whether the call has its effect at once.
    pub(super) fn has_effect(self) -> bool {
        matches!(
            self,
            Self::ResetAfter
                | Self::TimeoutAfter
                | Self::InternalAfter
                | Self::Slow
                | Self::PartialBody
                | Self::CrashAfter
        )
    }

    /// After how many further calls the effect comes.
    pub(super) fn late(self) -> Option<u32> {
        match self {
            Self::Late(calls) | Self::CrashLate(calls) => Some(calls),
            _ => None,
        }
    }

    /// Whether our own process is killed.
    pub(super) fn is_crash(self) -> bool {
        matches!(self, Self::CrashAfter | Self::CrashLate(_))
    }

    /// How long the caller waits.
    pub(super) fn takes(self) -> Duration {
        match self {
            Self::Slow | Self::TimeoutBefore | Self::TimeoutAfter | Self::Late(_) => {
                Duration::from_secs(30)
            }
            _ => Duration::ZERO,
        }
    }

    /// What the caller is told; `None` when it gets its answer.
    pub(super) fn error(self) -> Option<Error> {
        let (kind, message) = match self {
            Self::Slow => return None,
            Self::Refused => (ErrorKind::Unavailable, "connection refused"),
            Self::ResetBefore | Self::ResetAfter => (ErrorKind::Interrupted, "connection reset"),
            Self::TimeoutBefore | Self::TimeoutAfter | Self::Late(_) => {
                (ErrorKind::Timeout, "no answer within 30 s")
            }
            Self::Conflict => (ErrorKind::Conflict, "409 conflict"),
            Self::NotFound => (ErrorKind::NotFound, "404 not found"),
            Self::Unprocessable => (ErrorKind::Rejected, "422 unprocessable"),
            Self::TooManyRequests => (ErrorKind::RateLimited, "429 too many requests"),
            Self::InternalBefore | Self::InternalAfter => {
                (ErrorKind::Internal, "500 internal error")
            }
            Self::PartialBody => (ErrorKind::Interrupted, "the answer broke off"),
            Self::CrashAfter | Self::CrashLate(_) => (ErrorKind::Interrupted, "killed"),
        };
        let error = Error::new(kind, "simulated call", message);
        Some(match self {
            Self::TooManyRequests => {
                error.with_disposition(Disposition::RetryAfter(Duration::from_secs(1)))
            }
            _ => error,
        })
    }
}

/// After how many further calls a late effect comes: every early moment, then sparser. What is still
/// outstanding comes at the latest within [`LATEST`](super::simulated::LATEST).
const DELAYS: [u32; 10] = [1, 2, 3, 4, 5, 7, 9, 12, 16, 20];
