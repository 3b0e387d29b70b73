//! The first words over a connection that does not say whether it is one.
//!
//! `ssh` takes what it is sent long before anybody answers. So an engine is asked for a sign of life
//! first: until it has given one, nothing of the real request was sent, and errors can say so.

use stillme_rollback_core::Printable;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// `HEAD` has no body to be read, and what it asks changes nothing. In the API from 1.40 on.
const QUESTION: &[u8] = b"HEAD /_ping HTTP/1.1\r\nHost: api.moby.localhost\r\n\r\n";
const BEGIN: &[u8] = b"HTTP/1.";
const END: &[u8] = b"\r\n\r\n";
/// An engine's answer has some 300 bytes.
const LONGEST: usize = 8 << 10;
/// What is cited of an answer that is none.
const CITED: usize = 80;

/// Why there was no greeting.
#[derive(Debug)]
pub(super) enum Silence {
    /// The other side ended without a word.
    Ended,
    /// It is no engine that answers; its first words, safe to print.
    Rubbish(String),
    /// It would not take a second request.
    Closes,
}

/// Asks, and reads the answer to its last byte.
pub(super) async fn exchange(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
) -> Result<(), Silence> {
    // Who ended already can't be asked; why they did is learned by reading.
    let _ = stream.write_all(QUESTION).await;
    let _ = stream.flush().await;
    let mut answer = Vec::new();
    loop {
        match stream.read_buf(&mut answer).await {
            Ok(0) if !answer.is_empty() => return Err(rubbish(&answer)),
            Ok(0) | Err(_) => return Err(Silence::Ended),
            Ok(_) => {}
        }
        if let Some(done) = judge(&answer) {
            return done;
        }
    }
}

/// `None` as long as it may become an answer.
fn judge(answer: &[u8]) -> Option<Result<(), Silence>> {
    let begun = answer.len().min(BEGIN.len());
    if answer[..begun] != BEGIN[..begun] || answer.len() > LONGEST {
        return Some(Err(rubbish(answer)));
    }
    let end = answer.windows(END.len()).position(|window| window == END)?;
    if answer.len() > end + END.len() {
        return Some(Err(rubbish(&answer[end + END.len()..])));
    }
    let head = String::from_utf8_lossy(answer).to_ascii_lowercase();
    let closes = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .any(|(name, value)| name == "connection" && value.trim() == "close");
    Some(if closes { Err(Silence::Closes) } else { Ok(()) })
}

fn rubbish(words: &[u8]) -> Silence {
    let words = String::from_utf8_lossy(&words[..words.len().min(CITED)]);
    Silence::Rubbish(Printable(words.trim()).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(answer: &str) -> &'static str {
        match judge(answer.as_bytes()) {
            None => "more",
            Some(Ok(())) => "greeted",
            Some(Err(Silence::Rubbish(_))) => "rubbish",
            Some(Err(Silence::Closes)) => "closes",
            Some(Err(_)) => "other",
        }
    }

    #[test]
    fn an_answer_is_told_from_everything_else() {
        let long = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(LONGEST));
        for (answer, expected) in [
            ("H", "more"),
            ("HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\n", "more"),
            ("HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\n\r\n", "greeted"),
            // Somebody answers, and what they think of it, they will say again.
            ("HTTP/1.1 403 Forbidden\r\n\r\n", "greeted"),
            ("HTTP/1.1 200 OK\r\nConnection: Close\r\n\r\n", "closes"),
            ("HTTP/1.1 200 OK\r\n\r\nOK", "rubbish"),
            ("Welcome to web-1!\n", "rubbish"),
            ("HTTQ", "rubbish"),
            (&long, "rubbish"),
        ] {
            assert_eq!(judged(answer), expected, "{answer:.60}");
        }
    }

    #[test]
    fn rubbish_is_cited_in_few_and_printable_words() {
        let words = format!("\u{1b}[2Jhello{}", "x".repeat(1000));
        let Silence::Rubbish(cited) = rubbish(words.as_bytes()) else { panic!("no rubbish") };
        assert!(cited.starts_with("\\u{1b}[2Jhello") && cited.len() < 100, "{cited}");
    }
}
