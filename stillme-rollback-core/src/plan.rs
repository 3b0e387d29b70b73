//! A plan: data that can be shown, compared, stored, approved by its fingerprint, and then run.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::facts::{Condition, Difference, Facts};
use crate::fingerprint::Fingerprint;
use crate::printable::Printable;
use crate::step::{Phase, Step, StepKind, Undo};
use crate::target::{Release, Target};

/// The format that this version writes. Older ones are read; newer ones are refused.
pub const PLAN_FORMAT: u32 = 1;

/// What a run will do, step by step, and what it expects to find.
///
/// A plan holds no run id and no times, so that the same observation and request give the same
/// plan and the same [`fingerprint`](Self::fingerprint), and no secrets: ids, references, names and
/// keyed hashes only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Plan {
    /// The format's number.
    pub format: u32,
    /// The strategy's name: `create-first`.
    pub strategy: String,
    /// What is taken back.
    pub target: Target,
    /// What runs now.
    pub from: Release,
    /// What shall run.
    pub to: Release,
    /// What must hold before the first step; otherwise nothing is touched.
    pub starts: Condition,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// How long everything up to the verdict may take; after that the run is undone.
    pub deadline_ms: u64,
    /// What decides, in words and as data from which a resumed run builds its verifier again.
    pub checks: Vec<CheckSpec>,
    /// What happens with a verdict that stays inconclusive until its deadline.
    pub on_inconclusive: OnInconclusive,
    /// What users will feel, in words: `about 1.3 s, or the boot time of the service`.
    pub expected_outage: String,
    /// What the reader should know before saying yes.
    pub notes: Vec<Note>,
    /// What it does, if it takes nothing back to another version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Purpose>,
}

/// What a plan does that takes nothing back to another version: it isolates a service, or stops it.
///
/// Such a run ends as others do: [`RolledBack`](crate::EndState::RolledBack) when all of its steps were
/// done, [`Restored`](crate::EndState::Restored) when they were undone. These are the words for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Purpose {
    /// In the imperative, for the plan and the question: `take docker/web off its networks`.
    pub task: String,
    /// The report's first line when it is done: `ISOLATED docker/web: it is on no network`.
    pub done: String,
    /// The same when it was undone: `NOT ISOLATED docker/web: it is as before`.
    pub undone: String,
    /// The command that takes it back once it is done, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back: Option<String>,
}

impl Purpose {
    /// A purpose in its words.
    pub fn new(
        task: impl Into<String>,
        done: impl Into<String>,
        undone: impl Into<String>,
    ) -> Self {
        Self { task: task.into(), done: done.into(), undone: undone.into(), back: None }
    }

    /// The same purpose, which this command takes back.
    #[must_use]
    pub fn taken_back_by(mut self, command: impl Into<String>) -> Self {
        self.back = Some(command.into());
        self
    }
}

/// A check of the verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CheckSpec {
    /// The check's kind, by which its builder is found: `http`.
    pub kind: String,
    /// One line for people.
    pub title: String,
    /// What its builder needs. No secrets.
    #[serde(default)]
    pub arguments: serde_json::Value,
}

impl CheckSpec {
    /// A check from its kind, its line for people, and its arguments.
    pub fn new(
        kind: impl Into<String>,
        title: impl Into<String>,
        arguments: serde_json::Value,
    ) -> Self {
        Self { kind: kind.into(), title: title.into(), arguments }
    }
}

/// What happens with a verdict that stays inconclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum OnInconclusive {
    /// Stop where nothing irreversible was done, and ask.
    #[default]
    Pause,
    /// Take it back.
    Undo,
    /// Keep it, and say that it is not proven.
    Keep,
}

/// A remark for the reader of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Note {
    /// How much it matters.
    pub level: NoteLevel,
    /// One sentence.
    pub text: String,
}

/// How much a note matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum NoteLevel {
    /// Good to know.
    Info,
    /// Read it before you say yes.
    Warning,
}

impl Note {
    /// Good to know.
    pub fn info(text: impl Into<String>) -> Self {
        Self { level: NoteLevel::Info, text: text.into() }
    }

    /// Read it before you say yes.
    pub fn warning(text: impl Into<String>) -> Self {
        Self { level: NoteLevel::Warning, text: text.into() }
    }
}

impl Plan {
    /// A plan without steps; the strategy fills it, then calls [`check`](Self::check).
    pub fn new(strategy: impl Into<String>, target: Target, from: Release, to: Release) -> Self {
        Self {
            format: PLAN_FORMAT,
            strategy: strategy.into(),
            target,
            from,
            to,
            starts: Condition::new(),
            steps: Vec::new(),
            deadline_ms: 120_000,
            checks: Vec::new(),
            on_inconclusive: OnInconclusive::default(),
            expected_outage: String::from("unknown"),
            notes: Vec::new(),
            purpose: None,
        }
    }

    /// The deadline as a duration.
    pub fn deadline(&self) -> Duration {
        Duration::from_millis(self.deadline_ms)
    }

    /// The SHA-256 of the plan's canonical JSON: what an approval is bound to.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self)
    }

    /// What must hold when every step is done: the last word on each fact.
    pub fn ends(&self) -> Condition {
        self.steps.iter().fold(Condition::new(), |all, step| all.overlaid_with(&step.makes))
    }

    /// What was observed and is not as the plan expects at its start. Empty: it can be run.
    pub fn diff(&self, observed: &Facts) -> Vec<Difference> {
        self.starts.differences(observed)
    }

    /// The index of the first step that users can feel.
    pub fn first_switch(&self) -> Option<usize> {
        self.steps.iter().position(|step| step.phase == Phase::Switch)
    }

    /// Checks the laws that every plan obeys.
    ///
    /// # Errors
    /// `UnknownFormat` if a newer version wrote it; `InvalidInput` naming the step if step names
    /// repeat, phases go backwards, an observable step says nothing that can be observed, a step
    /// that can't be undone stands before the last one that can or outside of commit, or something
    /// is committed without a verdict before it.
    pub fn check(&self) -> Result<()> {
        if self.format > PLAN_FORMAT {
            return Err(Error::new(
                ErrorKind::UnknownFormat,
                "check plan",
                format!(
                    "the plan has format {}, this version knows up to {PLAN_FORMAT}",
                    self.format
                ),
            )
            .with_hint("nothing was touched; use the version that made the plan"));
        }
        if self.steps.is_empty() {
            return Err(illegal("plan", "has no steps"));
        }
        let mut names = BTreeSet::new();
        let mut phase = Phase::Prepare;
        let mut decided = false;
        let mut final_step: Option<&Step> = None;
        for step in &self.steps {
            let name = step.id.as_str();
            if !names.insert(name) {
                return Err(illegal(name, "stands twice"));
            }
            if step.phase < phase {
                return Err(illegal(name, "is of an earlier phase than the step before it"));
            }
            phase = step.phase;
            if step.is_verdict() != (step.phase == Phase::Verify) {
                return Err(illegal(
                    name,
                    "mixes up acting and deciding: only verify decides, and only that",
                ));
            }
            decided |= step.is_verdict();
            if step.phase == Phase::Commit && !decided {
                return Err(illegal(name, "commits without a verdict before it"));
            }
            let observable = step.kind == StepKind::Observable && !step.is_verdict();
            if observable && step.makes.is_empty() {
                return Err(illegal(name, "is observable and names nothing to observe"));
            }
            if step.undo == Undo::Impossible && step.phase != Phase::Commit {
                return Err(illegal(name, "can't be undone and is not in commit"));
            }
            if let (Some(earlier), Undo::Restores(_)) = (final_step, &step.undo) {
                return Err(illegal(
                    earlier.id.as_str(),
                    "can't be undone and stands before one that can",
                ));
            }
            if step.undo == Undo::Impossible {
                final_step = Some(step);
            }
        }
        Ok(())
    }
}

fn illegal(name: &str, why: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, "check plan", format!("step `{name}` {why}"))
        .with_hint("nothing was touched; this is a defect of the strategy that made the plan")
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.purpose {
            Some(purpose) => writeln!(f, "plan        {}", Printable(&purpose.task))?,
            None => writeln!(f, "plan        {} back to {}", self.target, self.to)?,
        }
        writeln!(f, "runs now    {}", self.from)?;
        writeln!(f, "strategy    {}", self.strategy)?;
        writeln!(f, "outage      {}", self.expected_outage)?;
        for check in &self.checks {
            writeln!(f, "check       {}", Printable(&check.title))?;
        }
        writeln!(f, "fingerprint {}", self.fingerprint())?;
        let mut phase = None;
        for (index, step) in self.steps.iter().enumerate() {
            if phase != Some(step.phase) {
                writeln!(f, "{}", step.phase)?;
                phase = Some(step.phase);
            }
            let undo = match step.undo {
                Undo::Impossible => "  (can't be undone)",
                Undo::Nothing | Undo::Restores(_) => "",
            };
            writeln!(f, "  {:>2}. {}{undo}", index + 1, Printable(&step.title))?;
        }
        for note in &self.notes {
            let mark = match note.level {
                NoteLevel::Info => "note",
                NoteLevel::Warning => "WARNING",
            };
            writeln!(f, "{mark}: {}", Printable(&note.text))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
