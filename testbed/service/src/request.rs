//! The head of an HTTP/1.1 request.

use std::io::{self, BufRead, Read};

#[cfg(test)]
mod tests;

/// Longest head that is read, in bytes.
const MAX_HEAD: u64 = 16 * 1024;

/// What the service needs to know of a request. A body is never read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Without the query.
    pub(crate) path: String,
    /// Whether the client asks for plain text rather than JSON.
    pub(crate) wants_text: bool,
    /// Whether the client allows another request on this connection.
    pub(crate) keep_alive: bool,
    /// Whether bytes follow the head that nobody will read.
    pub(crate) has_body: bool,
}

/// Why there is no request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    /// The client closed the connection, or went silent, between two requests.
    #[error("no further request")]
    Closed,
    /// Not HTTP/1.x.
    #[error("malformed request")]
    Malformed,
    /// The head is longer than [`MAX_HEAD`].
    #[error("request head too large")]
    TooLarge,
    /// The connection failed in the middle of a head.
    #[error("connection failed")]
    Io(#[from] io::Error),
}

impl Request {
    /// Reads one head, and nothing of what follows it.
    pub(crate) fn read(connection: &mut impl BufRead) -> Result<Self, RequestError> {
        let mut head = connection.take(MAX_HEAD);
        let Some(line) = first_line(&mut head)? else {
            return Err(RequestError::Closed);
        };
        let mut request = Self::from_request_line(&line)?;
        loop {
            let line = line_of(&mut head)?;
            if line.is_empty() {
                return Ok(request);
            }
            let (name, value) = line.split_once(':').ok_or(RequestError::Malformed)?;
            request.apply_header(name, value.trim())?;
        }
    }

    fn from_request_line(line: &str) -> Result<Self, RequestError> {
        let mut words = line.split(' ');
        let (Some(method), Some(target), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(RequestError::Malformed);
        };
        let is_token = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if method.is_empty() || !method.chars().all(is_token) || !target.starts_with('/') {
            return Err(RequestError::Malformed);
        }
        let keep_alive = match version {
            "HTTP/1.1" => true,
            "HTTP/1.0" => false,
            _ => return Err(RequestError::Malformed),
        };
        let path = target.split(['?', '#']).next().unwrap_or(target);
        Ok(Self {
            method: method.to_owned(),
            path: path.to_owned(),
            wants_text: false,
            keep_alive,
            has_body: false,
        })
    }

    fn apply_header(&mut self, name: &str, value: &str) -> Result<(), RequestError> {
        // A space before the colon is how requests are smuggled past proxies.
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(RequestError::Malformed);
        }
        let value = value.to_ascii_lowercase();
        match name.to_ascii_lowercase().as_str() {
            "connection" if value.contains("close") => self.keep_alive = false,
            "accept" => self.wants_text |= value.starts_with("text/plain"),
            "content-length" => self.has_body |= value != "0",
            "transfer-encoding" => self.has_body = true,
            _ => {}
        }
        Ok(())
    }
}

/// The request line, or `None` if the client is done. An empty line before it is let pass, as
/// RFC 9112 §2.2 asks for.
fn first_line(head: &mut io::Take<impl BufRead>) -> Result<Option<String>, RequestError> {
    match head.fill_buf() {
        Ok([]) => return Ok(None),
        Ok(_) => {}
        Err(error) if is_timeout(&error) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    let line = line_of(head)?;
    if line.is_empty() { line_of(head).map(Some) } else { Ok(Some(line)) }
}

fn line_of(head: &mut io::Take<impl BufRead>) -> Result<String, RequestError> {
    let mut line = Vec::new();
    head.read_until(b'\n', &mut line)?;
    if line.pop() != Some(b'\n') {
        let too_large = head.limit() == 0;
        return Err(if too_large { RequestError::TooLarge } else { RequestError::Malformed });
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    String::from_utf8(line).map_err(|_| RequestError::Malformed)
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
