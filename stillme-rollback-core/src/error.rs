//! The one error type of the workspace: kind, disposition, operation, message, context, hint, source.
//!
//! `Display` is one sentence that never repeats the source: print the chain with [`chain`].

use std::fmt;
use std::time::Duration;

/// A result with the workspace's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, for callers that decide by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Input that cannot mean anything: a malformed name, tag, URL, path or option.
    InvalidInput,
    /// The thing that was asked for does not exist.
    NotFound,
    /// The platform answered that the state does not allow it (HTTP 409).
    Conflict,
    /// What was found is not what the plan expected.
    Mismatch,
    /// The platform understood the request and said no (HTTP 4xx).
    Rejected,
    /// The credentials at hand may not do this.
    PermissionDenied,
    /// The platform cannot do this at all.
    Unsupported,
    /// No connection, or the platform says that it is not ready.
    Unavailable,
    /// Too many requests (HTTP 429).
    RateLimited,
    /// No answer within the time limit.
    Timeout,
    /// The connection broke before the whole answer was read.
    Interrupted,
    /// The platform failed by itself (HTTP 5xx).
    Internal,
    /// The journal could not be read or written.
    Journal,
    /// A file or answer is damaged.
    Corrupt,
    /// Something was written by a version that this one does not know.
    UnknownFormat,
    /// Another run holds the target.
    Held,
    /// Code of a step or of a check panicked.
    Panicked,
    /// None of the above: please report it.
    Unexpected,
}

/// What may be done after an error. Set by the code that knows, never guessed from text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Disposition {
    /// Doing it again gives the same answer.
    Permanent,
    /// Nothing happened: observe, then try again.
    Retry,
    /// Nothing happened: try again, but not before this time has passed (HTTP 429 `Retry-After`).
    RetryAfter(Duration),
    /// The state is not what the request assumed: read again and decide again, never resend (HTTP 409).
    Reread,
    /// The effect may have happened, may happen later, or never: observe before anything else.
    InDoubt,
}

/// An error of this workspace.
///
/// ```
/// use stillme_rollback_core::{Disposition, Error, ErrorKind};
///
/// let error = Error::new(ErrorKind::Timeout, "start container", "no answer within 30 s")
///     .with_disposition(Disposition::InDoubt)
///     .with_context("container", "web")
///     .with_hint("look with `docker ps -a`");
/// assert_eq!(
///     error.to_string(),
///     "start container: no answer within 30 s (container: web); look with `docker ps -a`"
/// );
/// ```
#[derive(Debug)]
pub struct Error {
    inner: Box<Inner>,
}

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    disposition: Disposition,
    operation: String,
    message: String,
    context: Vec<(&'static str, String)>,
    hint: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of `kind` while doing `operation`; `message` says what happened, in lower case and
    /// without a full stop. The disposition is the usual one of the kind.
    pub fn new(kind: ErrorKind, operation: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            inner: Box::new(Inner {
                kind,
                disposition: usual_disposition(kind),
                operation: operation.into(),
                message: message.into(),
                context: Vec::new(),
                hint: None,
                source: None,
            }),
        }
    }

    /// The same error with another disposition.
    #[must_use]
    pub fn with_disposition(mut self, disposition: Disposition) -> Self {
        self.inner.disposition = disposition;
        self
    }

    /// The same error with one more pair of context. Values are for people: never a secret.
    #[must_use]
    pub fn with_context(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.inner.context.push((key, value.into()));
        self
    }

    /// The same error with what the reader can do next.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.inner.hint = Some(hint.into());
        self
    }

    /// The same error with its cause.
    #[must_use]
    pub fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.inner.source = Some(source.into());
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// What may be done after it.
    pub fn disposition(&self) -> Disposition {
        self.inner.disposition
    }

    /// What was being done.
    pub fn operation(&self) -> &str {
        &self.inner.operation
    }

    /// What happened, without operation and context.
    pub fn message(&self) -> &str {
        &self.inner.message
    }

    /// What the reader can do next, where the code knows.
    pub fn hint(&self) -> Option<&str> {
        self.inner.hint.as_deref()
    }

    /// Whether trying again can help, after observing.
    pub fn is_retryable(&self) -> bool {
        !matches!(self.inner.disposition, Disposition::Permanent)
    }

    /// Whether the effect may have happened all the same.
    pub fn is_in_doubt(&self) -> bool {
        matches!(self.inner.disposition, Disposition::InDoubt)
    }
}

/// The disposition that a kind has unless the caller says otherwise.
///
/// `Internal` is in doubt: a server that fails may have done half or all of the work before.
fn usual_disposition(kind: ErrorKind) -> Disposition {
    match kind {
        ErrorKind::Timeout | ErrorKind::Interrupted | ErrorKind::Internal => Disposition::InDoubt,
        ErrorKind::Unavailable | ErrorKind::RateLimited => Disposition::Retry,
        ErrorKind::Conflict => Disposition::Reread,
        _ => Disposition::Permanent,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.inner;
        write!(f, "{}: {}", inner.operation, inner.message)?;
        for (index, (key, value)) in inner.context.iter().enumerate() {
            let open = if index == 0 { " (" } else { ", " };
            write!(f, "{open}{key}: {value}")?;
        }
        if !inner.context.is_empty() {
            f.write_str(")")?;
        }
        if let Some(hint) = &inner.hint {
            write!(f, "; {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.inner.source.as_deref().map(|source| source as _)
    }
}

/// The error and all of its causes, outermost first: one line each.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> Vec<String> {
    let mut lines = vec![error.to_string()];
    let mut current = error.source();
    while let Some(cause) = current {
        lines.push(cause.to_string());
        current = cause.source();
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_never_repeats_the_source() {
        let error = Error::new(ErrorKind::Unavailable, "connect", "no answer")
            .with_source(std::io::Error::other("refused by peer"));
        assert_eq!(error.to_string(), "connect: no answer");
        assert_eq!(chain(&error), ["connect: no answer", "refused by peer"]);
    }

    #[test]
    fn kinds_have_a_usual_disposition() {
        for (kind, disposition) in [
            (ErrorKind::Timeout, Disposition::InDoubt),
            (ErrorKind::Internal, Disposition::InDoubt),
            (ErrorKind::Conflict, Disposition::Reread),
            (ErrorKind::RateLimited, Disposition::Retry),
            (ErrorKind::NotFound, Disposition::Permanent),
            (ErrorKind::Rejected, Disposition::Permanent),
        ] {
            assert_eq!(Error::new(kind, "x", "y").disposition(), disposition, "{kind:?}");
        }
    }

    #[test]
    fn an_error_is_one_word_wide() {
        assert_eq!(size_of::<Result<()>>(), size_of::<usize>());
    }
}
