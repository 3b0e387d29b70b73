//! Text of others, made safe to print: control and bidirectional characters escaped, length capped.

use std::fmt::{self, Write as _};

/// The number of characters after which text is cut.
const CAP: usize = 512;

/// Shows text that came from outside (labels, answers, input) without letting it steer a terminal
/// or fake a line of a log.
///
/// ```
/// use stillme_rollback_core::Printable;
///
/// assert_eq!(Printable("v1\u{1b}]0;owned\u{7}").to_string(), r"v1\u{1b}]0;owned\u{7}");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Printable<'a>(pub &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, c) in self.0.chars().enumerate() {
            if index == CAP {
                return write!(f, "… ({} bytes)", self.0.len());
            }
            if is_unsafe(c) {
                write!(f, "{}", c.escape_unicode())?;
            } else {
                f.write_char(c)?;
            }
        }
        Ok(())
    }
}

/// Whether a character can move the cursor, hide text or turn its direction.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_steers_and_keeps_the_rest() {
        for (input, output) in [
            ("v1.2.3", "v1.2.3"),
            ("größer 版", "größer 版"),
            ("a\r\nb", r"a\u{d}\u{a}b"),
            ("\u{202e}gpj", r"\u{202e}gpj"),
        ] {
            assert_eq!(Printable(input).to_string(), output);
        }
    }

    #[test]
    fn cuts_long_text_and_says_how_long_it_was() {
        let long = "x".repeat(65_536);
        let shown = Printable(&long).to_string();
        assert!(shown.ends_with("… (65536 bytes)"), "{shown}");
        assert!(shown.len() < 600);
    }
}
