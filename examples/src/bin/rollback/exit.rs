//! How a command ends when it does not end well, and the exit code for it.

use stillme_rollback_core::{EndState, Error, ErrorKind};

/// The exit code of an error.
pub(crate) const ERROR: u8 = 1;
/// The exit code of a command line that means nothing.
pub(crate) const USAGE: u8 = 2;

/// A command's exit code, or why it failed.
pub(crate) type Outcome<T = u8> = Result<T, Failure>;

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    pub(crate) code: u8,
    /// Whether it is certain that nothing was touched.
    pub(crate) untouched: bool,
}

impl Failure {
    /// Something on the command line can't be what it should be.
    pub(crate) fn usage(error: impl Into<Error>) -> Self {
        Self { error: error.into(), code: USAGE, untouched: true }
    }

    /// A rollback that is not begun: refused, if the answer is no, and else an error.
    pub(crate) fn before_run(error: Error) -> Self {
        let is_refusal = matches!(
            error.kind(),
            ErrorKind::InvalidInput
                | ErrorKind::NotFound
                | ErrorKind::Conflict
                | ErrorKind::Mismatch
                | ErrorKind::Rejected
                | ErrorKind::Unsupported
                | ErrorKind::Held
        );
        let code = if is_refusal { EndState::Refused.exit_code() } else { ERROR };
        Self { error, code, untouched: true }
    }

    /// A run that had to stop where it is. The error says how to go on.
    pub(crate) fn during_run(error: Error) -> Self {
        Self { error, code: ERROR, untouched: false }
    }

    /// Whether it is a refusal.
    pub(crate) fn is_refusal(&self) -> bool {
        self.code == EndState::Refused.exit_code()
    }
}

/// An error before anything was touched.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, code: ERROR, untouched: true }
    }
}

/// Something on the command line, read by the type of a library.
pub(crate) fn read<T, E: Into<Error>>(value: Result<T, E>) -> Outcome<T> {
    value.map_err(Failure::usage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_no_is_a_refusal_and_a_breakdown_is_an_error() {
        for (kind, code) in [
            (ErrorKind::NotFound, 13),
            (ErrorKind::Held, 13),
            (ErrorKind::Mismatch, 13),
            (ErrorKind::Unavailable, 1),
            (ErrorKind::Journal, 1),
            (ErrorKind::Timeout, 1),
        ] {
            assert_eq!(Failure::before_run(Error::new(kind, "a", "b")).code, code, "{kind:?}");
        }
    }
}
