//! What a good answer is.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stillme_rollback_core::{Error, ErrorKind, Result};

use super::transport::HttpAnswer;

/// How much of a body is looked at where something is asked of it.
const MATCHED: usize = 64 * 1024;
/// How much of a body is read where nothing is asked of it, as Kubernetes' probes do.
const PLAIN: usize = 10 * 1024;
/// The longest text or pointer that can be asked for, in bytes.
const LONGEST: usize = 4096;

/// What a good answer is. By default: any status from 200 to 399.
///
/// ```
/// use serde_json::json;
/// use stillme_rollback_verify::Expectation;
///
/// let expectation = Expectation::default()
///     .status("200,204".parse()?)
///     .containing("ready")
///     .json("/database/status", json!("up"));
/// # Ok::<(), stillme_rollback_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Expectation {
    /// The statuses. None: any from 200 to 399.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Statuses>,
    /// A text that the first 64 KiB of the body hold. No secret: it stands in plans.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub containing: Option<String>,
    /// Fields that the body, as JSON of at most 64 KiB, has. No secrets: they stand in plans.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub json: Vec<JsonField>,
}

/// A field of a JSON body and its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct JsonField {
    /// Where it stands, as a JSON pointer (RFC 6901): `/status`. Empty: the whole body.
    pub pointer: String,
    /// What it has to be. Numbers are compared by value: `1` is `1.0`.
    pub equals: Value,
}

impl Expectation {
    /// The same expectation with these statuses only. A redirect among them is not followed.
    #[must_use]
    pub fn status(mut self, statuses: Statuses) -> Self {
        self.status = Some(statuses);
        self
    }

    /// The same expectation with a text that the body holds.
    #[must_use]
    pub fn containing(mut self, text: impl Into<String>) -> Self {
        self.containing = Some(text.into());
        self
    }

    /// The same expectation with one more field of the JSON body.
    #[must_use]
    pub fn json(mut self, pointer: impl Into<String>, equals: Value) -> Self {
        self.json.push(JsonField { pointer: pointer.into(), equals });
        self
    }

    /// Checks that it can be met by some answer.
    ///
    /// # Errors
    /// `InvalidInput` for an empty or overlong text, or a malformed JSON pointer.
    pub fn check(&self) -> Result<()> {
        if let Some(text) = &self.containing
            && !(1..=LONGEST).contains(&text.len())
        {
            return Err(meaningless("the text to find has to be 1 to 4096 bytes"));
        }
        for field in &self.json {
            if field.pointer.len() > LONGEST {
                return Err(meaningless("a JSON pointer has more than 4096 bytes"));
            }
            if !is_pointer(&field.pointer) {
                return Err(meaningless(
                    "a JSON pointer is empty or begins with /, and writes ~ as ~0 and / as ~1",
                ));
            }
        }
        Ok(())
    }

    /// How many bytes of a body are needed.
    pub(crate) fn body_cap(&self) -> usize {
        if self.looks_at_body() { MATCHED } else { PLAIN }
    }

    /// Whether a status was asked for by its number.
    pub(crate) fn names_status(&self, status: u16) -> bool {
        self.status.as_ref().is_some_and(|statuses| statuses.contains(status))
    }

    /// Judges an answer that is no redirect to follow: what was good, or what was not. Neither holds
    /// anything of the body.
    pub(crate) fn judge(&self, answer: &HttpAnswer) -> Result<String, String> {
        let status = answer.status;
        let good = match &self.status {
            Some(statuses) => statuses.contains(status),
            None => (200..400).contains(&status),
        };
        if !good {
            return Err(match &self.status {
                Some(statuses) => format!("{status}, expected {statuses}"),
                None => status.to_string(),
            });
        }
        if self.looks_at_body() && answer.is_encoded {
            return Err(format!(
                "{status}, but the body is compressed although that was not asked for"
            ));
        }
        self.judge_text(answer)
            .and_then(|()| self.judge_json(answer))
            .map_err(|why| format!("{status}, but {why}"))?;
        Ok(status.to_string())
    }

    fn looks_at_body(&self) -> bool {
        self.containing.is_some() || !self.json.is_empty()
    }

    fn judge_text(&self, answer: &HttpAnswer) -> Result<(), String> {
        let Some(text) = &self.containing else {
            return Ok(());
        };
        let body = answer.body.expose();
        if body.windows(text.len()).any(|window| window == text.as_bytes()) {
            return Ok(());
        }
        Err(if answer.is_cut {
            format!("the first {} KiB of the body do not hold the expected text", body.len() / 1024)
        } else {
            String::from("the body does not hold the expected text")
        })
    }

    fn judge_json(&self, answer: &HttpAnswer) -> Result<(), String> {
        if self.json.is_empty() {
            return Ok(());
        }
        if answer.is_cut {
            return Err(String::from("the body is too long to be read as JSON"));
        }
        let body: Value = serde_json::from_slice(answer.body.expose())
            .map_err(|_| String::from("the body is no JSON"))?;
        for field in &self.json {
            match body.pointer(&field.pointer) {
                None => return Err(format!("the body has no field `{}`", field.pointer)),
                Some(found) if !same(found, &field.equals) => {
                    return Err(format!("field `{}` is not as expected", field.pointer));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }
}

/// Whether two values are the same, numbers by their value.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        _ => one == other,
    }
}

fn is_pointer(text: &str) -> bool {
    let escapes = text.split('~').skip(1).all(|after| after.starts_with(['0', '1']));
    escapes && (text.is_empty() || text.starts_with('/'))
}

fn meaningless(why: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, "set up health check", why).with_hint("nothing was touched")
}

/// Statuses, as numbers and ranges: `200-299,404`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Statuses(Vec<RangeInclusive<u16>>);

impl Statuses {
    /// Whether a status is among them.
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|range| range.contains(&status))
    }
}

impl From<RangeInclusive<u16>> for Statuses {
    fn from(range: RangeInclusive<u16>) -> Self {
        Self(vec![range])
    }
}

impl FromStr for Statuses {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong =
            || meaningless("statuses are numbers from 100 to 599 and ranges, as in 200-299,404");
        if text.len() > 256 {
            return Err(wrong());
        }
        text.split(',')
            .map(|part| {
                let (from, to) = part.split_once('-').unwrap_or((part, part));
                let (from, to) = (number(from)?, number(to)?);
                (from <= to).then_some(from..=to)
            })
            .collect::<Option<Vec<_>>>()
            .map(Self)
            .ok_or_else(wrong)
    }
}

fn number(text: &str) -> Option<u16> {
    let digits = text.len() == 3 && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|status| digits && (100..600).contains(status))
}

impl TryFrom<String> for Statuses {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Statuses> for String {
    fn from(statuses: Statuses) -> Self {
        statuses.to_string()
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            match (range.start(), range.end()) {
                (from, to) if from == to => write!(f, "{from}")?,
                (from, to) => write!(f, "{from}-{to}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
