//! A report for a person at three in the morning: the verdict on the whole first.

use std::fmt::{self, Display, Formatter};

use super::moment::{Moment, Span};
use super::{Assurance, Report, Standing, StepReport};
use crate::end::EndState;
use crate::event::word;
use crate::journal::StepOutcome;
use crate::printable::Printable;

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.headline(f)?;
        self.identity(f)?;
        self.story(f)?;
        self.proof(f)?;
        self.evidence(f)?;
        lines(f, "left to do by hand, in this order", &self.remaining)?;
        lines(f, "next", &self.next)
    }
}

impl Report {
    /// The verdict on the whole in one line.
    fn headline(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (target, from, to) = (&self.target, &self.from, &self.to);
        let span = Span(self.elapsed_ms);
        if let Some(purpose) = &self.purpose {
            match self.state {
                Some(EndState::RolledBack) => {
                    return writeln!(f, "{}, in {span}", Printable(&purpose.done));
                }
                Some(EndState::Restored) => {
                    write!(f, "{}, after {span}", Printable(&purpose.undone))?;
                    return match &self.reason {
                        Some(reason) => writeln!(f, ": {}", Printable(reason)),
                        None => writeln!(f),
                    };
                }
                _ => {}
            }
        }
        match self.state {
            Some(EndState::RolledBack) => {
                write!(f, "ROLLED BACK {target} to {to} in {span}, ")?;
                self.assured(f)?;
                return writeln!(f);
            }
            Some(EndState::AlreadyThere) => {
                return writeln!(
                    f,
                    "NOTHING TO DO: {target} already runs {to}; nothing was touched"
                );
            }
            Some(EndState::Restored) => {
                write!(f, "NOT ROLLED BACK: {target} runs {from} again, as before, after {span}")
            }
            Some(EndState::Superseded) => write!(f, "SUPERSEDED {target}"),
            Some(EndState::Refused) => write!(f, "REFUSED {target}"),
            Some(EndState::Stuck) => {
                write!(f, "STUCK: {target} needs a person; what is left to do is below")
            }
            Some(EndState::Paused) => write!(
                f,
                "PAUSED: {target} on its way from {from} to {to}; nothing irreversible was done"
            ),
            None => {
                return writeln!(
                    f,
                    "UNFINISHED: {target} on its way from {from} to {to}; the run works or was killed"
                );
            }
        }?;
        match &self.reason {
            Some(reason) => writeln!(f, ": {}", Printable(reason)),
            None => writeln!(f),
        }
    }

    /// How sure it is, in the headline of a run that rolled back.
    fn assured(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self.assurance {
            Assurance::Verified => "verified: ",
            Assurance::Weak => "WEAKLY verified: ",
            Assurance::Accepted => "NOT PROVEN, accepted: ",
            Assurance::Unproven => "NOT PROVEN: the verdict stayed inconclusive",
            Assurance::Failed => "AGAINST a verdict of fail",
            Assurance::None => "NOT VERIFIED",
        })?;
        let checks = self.verdict.iter().flat_map(|verdict| &verdict.checks);
        match (self.assurance, &self.accepted) {
            (Assurance::Accepted, Some(reason)) => write!(f, "{}", Printable(reason)),
            (Assurance::Verified | Assurance::Weak, _) => match checks.clone().count() {
                1 => {
                    checks.take(1).try_for_each(|check| write!(f, "{}", Printable(&check.evidence)))
                }
                count => write!(f, "{count} checks of {count} passed"),
            },
            _ => Ok(()),
        }
    }

    fn identity(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f)?;
        writeln!(f, "run         {}", self.run)?;
        writeln!(f, "from        {}", self.from)?;
        writeln!(f, "to          {}", self.to)?;
        writeln!(f, "strategy    {}", Printable(&self.strategy))?;
        writeln!(f, "fingerprint {}", self.fingerprint)?;
        writeln!(f, "began       {}", Moment(self.began_ms))?;
        writeln!(f, "took        {}", Span(self.elapsed_ms))?;
        for life in self.lives.iter().filter(|life| life.epoch > 1) {
            let by = life.by.as_deref().unwrap_or("somebody unknown");
            writeln!(f, "resumed     {} by {}", Moment(life.began_ms), Printable(by))?;
        }
        if self.repaired_bytes > 0 {
            let bytes = self.repaired_bytes;
            writeln!(f, "repaired    a torn record of {bytes} bytes was dropped")?;
        }
        if let Some(reason) = &self.turned_back {
            writeln!(f, "turned back {}", Printable(reason))?;
        }
        if let Some(foreign) = &self.foreign {
            writeln!(f, "found       {}", Printable(&foreign.to_string()))?;
        }
        Ok(())
    }

    fn story(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nsteps")?;
        for (index, step) in self.steps.iter().enumerate() {
            writeln!(f, "  {:>2}. {step}", index + 1)?;
            let Some(error) = &step.error else { continue };
            for line in std::iter::once(&error.message).chain(&error.causes) {
                writeln!(f, "      {}", Printable(line))?;
            }
        }
        Ok(())
    }

    fn proof(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Some(verdict) = &self.verdict else {
            return Ok(());
        };
        let word = match self.assurance {
            Assurance::Weak => ", but weak",
            Assurance::Accepted => ", accepted by hand",
            _ => "",
        };
        writeln!(f, "\nverdict: {}{word}", verdict.outcome)?;
        for check in &verdict.checks {
            writeln!(f, "  {check}")?;
        }
        Ok(())
    }

    fn evidence(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.evidence.is_empty() && self.evidence_summary.is_empty() {
            return Ok(());
        }
        writeln!(f, "\nevidence")?;
        for line in &self.evidence_summary {
            writeln!(f, "  {}", Printable(line))?;
        }
        for file in &self.evidence {
            let path = file.path.as_deref().map(|path| path.display().to_string());
            let place = path.as_deref().unwrap_or(&file.name);
            writeln!(f, "  {} ({} bytes)", Whole(place), file.bytes)?;
        }
        Ok(())
    }
}

/// `create web.rbn: done in 120 ms`.
impl Display for StepReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", Printable(&self.title))?;
        if self.standing == Standing::NotReached {
            return f.write_str("not reached");
        }
        if self.attempts > 0 {
            f.write_str(self.word())?;
            if self.is_verdict || self.outcome.is_some() {
                write!(f, " in {}", Span(self.elapsed_ms))?;
            }
            tries(f, self.attempts)?;
        }
        if self.in_doubt {
            f.write_str(", in doubt")?;
        }
        if self.undo_attempts == 0 {
            return match self.standing {
                Standing::Undone => f.write_str("; undone along with others"),
                _ => Ok(()),
            };
        }
        let undo = match self.standing {
            Standing::Undone => "undone",
            Standing::UndoFailed => "UNDO FAILED",
            _ => "undo without a result",
        };
        let comma = if self.attempts > 0 { "; " } else { "" };
        write!(f, "{comma}{undo} in {}", Span(self.undo_elapsed_ms))?;
        tries(f, self.undo_attempts)
    }
}

impl StepReport {
    /// What doing it came to.
    fn word(&self) -> &'static str {
        match (self.is_verdict, self.standing, self.outcome) {
            (true, Standing::Done, _) => "decided",
            (true, Standing::Failed, _) => "FAILED",
            (true, _, _) => "undecided",
            (false, _, Some(StepOutcome::Failed)) => "FAILED",
            (false, _, Some(outcome)) => word(outcome),
            (false, _, None) => "no result",
        }
    }
}

fn tries(f: &mut Formatter<'_>, attempts: u32) -> fmt::Result {
    match attempts {
        0 | 1 => Ok(()),
        many => write!(f, ", {many} attempts"),
    }
}

fn lines(f: &mut Formatter<'_>, title: &str, lines: &[String]) -> fmt::Result {
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(f, "\n{title}")?;
    lines.iter().try_for_each(|line| writeln!(f, "  {}", Whole(line)))
}

/// Like [`Printable`], but never cut: half a command or half a path helps nobody.
struct Whole<'a>(&'a str);

impl Display for Whole<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while !rest.is_empty() {
            let cut = rest.char_indices().nth(256).map_or(rest.len(), |(at, _)| at);
            let (piece, behind) = rest.split_at(cut);
            write!(f, "{}", Printable(piece))?;
            rest = behind;
        }
        Ok(())
    }
}
