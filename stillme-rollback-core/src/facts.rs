//! What a platform shows of a run, and what a plan expects of it: facts and conditions.
//!
//! A plan never says "call this, then that". It says which facts hold before a step, which it makes
//! true and which hold again after its undo. Whether a step is done is then a comparison, the same
//! when it is run, resumed after a crash, undone, or swept after a late effect.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Facts about a target, as a run needs them: `old` is `up`, `name` is `new`.
///
/// Keys and values are short words that the strategy chose for its plan; never a secret. Most stand in
/// its code, so that facts cost little, of which a run has a few dozen in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Facts {
    /// What is known.
    known: Known,
    /// Set when the target is not ours any more: somebody else deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub foreign: Option<Foreign>,
}

/// Keys, sorted, with their values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "BTreeMap<Word, Word>", into = "BTreeMap<Word, Word>")]
struct Known(Vec<(Word, Word)>);

type Word = Cow<'static, str>;

impl From<BTreeMap<Word, Word>> for Known {
    fn from(map: BTreeMap<Word, Word>) -> Self {
        Self(map.into_iter().collect())
    }
}

impl From<Known> for BTreeMap<Word, Word> {
    fn from(known: Known) -> Self {
        known.0.into_iter().collect()
    }
}

impl Known {
    fn find(&self, key: &str) -> std::result::Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| (**known).cmp(key))
    }
}

impl Facts {
    /// No facts.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same facts and one more.
    #[must_use]
    pub fn with(
        mut self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<Cow<'static, str>>,
    ) -> Self {
        let (key, value) = (key.into(), value.into());
        match self.known.find(&key) {
            Ok(at) => self.known.0[at].1 = value,
            Err(at) => self.known.0.insert(at, (key, value)),
        }
        self
    }

    /// The same facts, with the finding that somebody else deployed.
    #[must_use]
    pub fn with_foreign(mut self, foreign: Foreign) -> Self {
        self.foreign = Some(foreign);
        self
    }

    /// The same facts but one.
    #[must_use]
    pub fn without(mut self, key: &str) -> Self {
        self.known.0.retain(|(known, _)| known != key);
        self
    }

    /// All facts, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.known.0.iter().map(|(key, value)| (&**key, &**value))
    }

    /// One fact.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.known.find(key).ok().map(|at| &*self.known.0[at].1)
    }
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(foreign) = &self.foreign {
            return write!(f, "{foreign}");
        }
        for (index, (key, value)) in self.known.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{key} is {value}")?;
        }
        Ok(())
    }
}

/// Somebody else's deploy: what was found in place of what the plan left.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Foreign {
    /// What was found, for people: `container web is now 3f2a… (stillme:v3)`.
    pub found: String,
    /// Who did it, where the platform tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
}

impl Foreign {
    /// Something was found that neither the plan nor the state before it explains.
    pub fn new(found: impl Into<String>) -> Self {
        Self { found: found.into(), who: None }
    }
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.found)?;
        match &self.who {
            Some(who) => write!(f, ", by {who}"),
            None => Ok(()),
        }
    }
}

/// What must be true: for each key, any of some values. An empty condition always holds.
///
/// ```
/// use stillme_rollback_core::{Condition, Facts};
///
/// let stopped = Condition::new().is("old", "up").is_any("new", ["created", "exited"]);
/// assert!(stopped.holds(&Facts::new().with("old", "up").with("new", "exited")));
/// assert_eq!(stopped.to_string(), "new is created or exited, old is up");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "BTreeMap<String, Vec<String>>", into = "BTreeMap<String, Vec<String>>")]
pub struct Condition(
    /// Sorted by key. A map would be natural, but takes half a kilobyte for one or two keys, and a
    /// plan has some thirty conditions: with ten thousand runs at once that is 100 MiB.
    Vec<(String, Vec<String>)>,
);

impl From<BTreeMap<String, Vec<String>>> for Condition {
    fn from(map: BTreeMap<String, Vec<String>>) -> Self {
        Self(map.into_iter().collect())
    }
}

impl From<Condition> for BTreeMap<String, Vec<String>> {
    fn from(condition: Condition) -> Self {
        condition.0.into_iter().collect()
    }
}

impl Condition {
    /// The condition that always holds.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same condition, and `key` has this value.
    #[must_use]
    pub fn is(self, key: &str, value: &str) -> Self {
        self.is_any(key, [value])
    }

    /// The same condition, and `key` has one of these values.
    #[must_use]
    pub fn is_any<'a>(mut self, key: &str, values: impl IntoIterator<Item = &'a str>) -> Self {
        self.insert(key.to_owned(), values.into_iter().map(str::to_owned).collect());
        self
    }

    fn insert(&mut self, key: String, values: Vec<String>) {
        match self.0.binary_search_by(|(known, _)| known.cmp(&key)) {
            Ok(at) => self.0[at].1 = values,
            Err(at) => {
                self.0.reserve_exact(1);
                self.0.insert(at, (key, values));
            }
        }
    }

    /// Whether it is the condition that always holds.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys it speaks of.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| key.as_str())
    }

    /// Whether the facts meet it.
    pub fn holds(&self, facts: &Facts) -> bool {
        self.0.iter().all(|(key, values)| holds_for(facts, key, values))
    }

    /// What does not hold, for a plan's diff and an error's text.
    pub fn differences(&self, facts: &Facts) -> Vec<Difference> {
        self.0
            .iter()
            .filter(|(key, values)| !holds_for(facts, key, values))
            .map(|(key, values)| Difference {
                key: key.clone(),
                expected: values.clone(),
                found: facts.get(key).map(str::to_owned),
            })
            .collect()
    }

    /// This condition with the other's keys laid over it.
    #[must_use]
    pub fn overlaid_with(&self, other: &Self) -> Self {
        let mut all = self.clone();
        for (key, values) in &other.0 {
            all.insert(key.clone(), values.clone());
        }
        all
    }

    /// This condition without the keys for which `gone` says so.
    #[must_use]
    pub fn without(&self, gone: impl Fn(&str) -> bool) -> Self {
        Self(self.0.iter().filter(|(key, _)| !gone(key)).cloned().collect())
    }
}

fn holds_for(facts: &Facts, key: &str, values: &[String]) -> bool {
    facts.get(key).is_some_and(|found| values.iter().any(|value| value == found))
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (key, values)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{key} is {}", values.join(" or "))?;
        }
        Ok(())
    }
}

/// One fact that is not as expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Difference {
    /// Which fact.
    pub key: String,
    /// The values that would do.
    pub expected: Vec<String>,
    /// The value that was found, if any.
    pub found: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = self.found.as_deref().unwrap_or("unknown");
        write!(f, "{} is {found}, not {}", self.key, self.expected.join(" or "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_holds_when_every_key_has_one_of_its_values() {
        let condition = Condition::new().is("a", "1").is_any("b", ["x", "y"]);
        for (facts, holds) in [
            (Facts::new().with("a", "1").with("b", "y"), true),
            (Facts::new().with("a", "1").with("b", "y").with("c", "?"), true),
            (Facts::new().with("a", "1"), false),
            (Facts::new().with("a", "2").with("b", "x"), false),
        ] {
            assert_eq!(condition.holds(&facts), holds, "{facts}");
            assert_eq!(condition.differences(&facts).is_empty(), holds, "{facts}");
        }
    }

    #[test]
    fn facts_are_a_map_however_they_came() {
        let one = Facts::new().with("b", "2").with("a", "0").with("a", "1");
        let other = Facts::new().with("c", "3").with("a", "1").with("b", "2").without("c");
        assert_eq!(one, other);
        assert_eq!(one.iter().collect::<Vec<_>>(), [("a", "1"), ("b", "2")]);
        let json = r#"{"known":{"a":"1","b":"2"}}"#;
        assert_eq!(serde_json::to_string(&one).unwrap(), json);
        assert_eq!(serde_json::from_str::<Facts>(json).unwrap(), one);
    }

    #[test]
    fn a_condition_is_a_map_however_it_came() {
        let one = Condition::new().is("b", "2").is("a", "0").is_any("a", ["1", "x"]);
        let json = r#"{"a":["1","x"],"b":["2"]}"#;
        assert_eq!(serde_json::to_string(&one).unwrap(), json);
        assert_eq!(serde_json::from_str::<Condition>(json).unwrap(), one);
        assert_eq!(one.keys().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn laying_over_replaces_keys() {
        let under = Condition::new().is("a", "1").is("b", "1");
        let over = Condition::new().is("b", "2");
        assert_eq!(under.overlaid_with(&over), Condition::new().is("a", "1").is("b", "2"));
    }

    #[test]
    fn a_difference_reads_as_a_sentence() {
        let differences =
            Condition::new().is("old", "up").differences(&Facts::new().with("old", "down"));
        assert_eq!(differences[0].to_string(), "old is down, not up");
    }
}
