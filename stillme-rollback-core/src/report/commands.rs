//! What is left to do, as lines that can be pasted into a shell: commands, and comments with `#`.

use super::{Assurance, Report, Standing, StepReport};
use crate::end::EndState;
use crate::id::RunId;
use crate::plan::Plan;
use crate::printable::Printable;
use crate::step::{Phase, Step, Undo};

/// What a run that paused wants to know before it goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Question {
    /// Whether the latest verdict was inconclusive.
    pub(crate) verdict: bool,
    /// Whether it is unknown if a step that must not be repeated has happened.
    pub(crate) step: bool,
}

/// What can be done about a run that paused.
pub(crate) fn when_paused(run: RunId, question: Question) -> Vec<String> {
    let mut lines = Vec::new();
    if question.step {
        lines.push(command(&format!("resume {run} --happened yes"), "if you see that it happened"));
        lines.push(command(&format!("resume {run} --happened no"), "if not: it is done then"));
    } else {
        lines.push(command(&format!("resume {run}"), "goes on where it stopped"));
    }
    if question.verdict {
        lines.push(command(
            &format!("resume {run} --accept"),
            "takes the inconclusive verdict for a pass",
        ));
    }
    lines.push(command(&format!("abort {run}"), "takes back what it did"));
    lines
}

/// What can be done next.
pub(super) fn next(report: &Report, plan: &Plan, question: Question) -> Vec<String> {
    let run = report.run;
    let versions = command(
        &format!("versions {} {}", report.target.platform(), report.target.name()),
        "lists the versions to go back to",
    );
    match report.state {
        Some(EndState::RolledBack) if report.purpose.is_some() => taken_back(report, plan),
        Some(EndState::Restored) if report.purpose.is_some() => Vec::new(),
        None => vec![
            command(&format!("resume {run}"), "goes on where it stopped, unless it still works"),
            command(&format!("abort {run}"), "takes back what it did"),
        ],
        Some(EndState::Paused) => when_paused(run, question),
        Some(EndState::RolledBack) => unproven(report.assurance).into_iter().collect(),
        Some(EndState::AlreadyThere) => vec![versions],
        Some(EndState::Restored) if report.evidence.is_empty() => vec![versions],
        Some(EndState::Restored) => {
            vec![comment("read the evidence: it shows why the other version failed"), versions]
        }
        Some(EndState::Superseded) => {
            vec![comment("agree with whoever deployed, then make a new plan"), versions]
        }
        Some(EndState::Refused) => vec![comment("put right what the reason names, and try again")],
        Some(EndState::Stuck) => vec![comment(
            "do what is left by hand in its order, and look at the target after each line",
        )],
    }
}

/// How what was done for a purpose is taken back: by one command, or by hand.
fn taken_back(report: &Report, plan: &Plan) -> Vec<String> {
    let back_by = report.purpose.as_ref().and_then(|purpose| purpose.back.as_ref());
    let Some(command) = back_by else { return Vec::new() };
    let mut lines =
        vec![format!("{command}  # takes it back"), comment("or by hand, in this order:")];
    let steps = plan.steps.iter().rev().filter(|step| step.undo_by_hand.is_some());
    lines.extend(steps.map(|step| comment(&back(report.run, step))));
    lines
}

fn unproven(assurance: Assurance) -> Option<String> {
    match assurance {
        Assurance::Verified => None,
        Assurance::Weak => Some(comment(
            "the verdict is weak: look at the service yourself; a health URL makes it stronger",
        )),
        _ => Some(comment("nothing proved that it works: look at the service yourself")),
    }
}

/// The commands that are left to do by hand, for the end states that leave some.
pub(super) fn remaining(report: &Report, plan: &Plan) -> Vec<String> {
    let steps = || report.steps.iter().zip(&plan.steps);
    match report.state {
        Some(EndState::Stuck) if report.turned_back.is_none() => steps()
            .filter(|(line, _)| line.standing != Standing::Done)
            .map(|(_, step)| forward(report.run, step))
            .collect(),
        Some(EndState::Stuck) => {
            // Unless one undo is known to have failed, it is not known which of them hold.
            let known = report.steps.iter().any(|line| line.standing == Standing::UndoFailed);
            steps()
                .rev()
                .filter(|(line, step)| leaves_something(line, step, known))
                .map(|(_, step)| back(report.run, step))
                .collect()
        }
        // What prepare made is ours alone. What switch touched is somebody else's now.
        Some(EndState::Superseded) => steps()
            .rev()
            .filter(|(line, step)| leaves_something(line, step, true))
            .map(|(_, step)| match step.phase {
                Phase::Prepare => back(report.run, step),
                _ => comment(&format!("only after a look: {}", back(report.run, step))),
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// Whether a step left something to take back. Without `known`, what was undone may have come back.
fn leaves_something(line: &StepReport, step: &Step, known: bool) -> bool {
    let has_undo = matches!(step.undo, Undo::Restores(_)) || step.undo_by_hand.is_some();
    let has_effect = match line.standing {
        Standing::Done | Standing::Unfinished | Standing::UndoFailed => true,
        Standing::Failed => line.in_doubt,
        Standing::Undone => !known,
        Standing::NotReached => false,
    };
    has_undo && has_effect && !line.is_verdict
}

fn forward(run: RunId, step: &Step) -> String {
    match &step.by_hand {
        Some(command) => filled(command, run),
        None if step.is_verdict() => comment(&format!("check: {}", step.title)),
        None if step.makes.is_empty() => comment(&format!("{} (no command is known)", step.title)),
        None => comment(&format!("{}, so that {}", step.title, step.makes)),
    }
}

fn back(run: RunId, step: &Step) -> String {
    match (&step.undo_by_hand, &step.undo) {
        (Some(command), _) => filled(command, run),
        (None, Undo::Restores(condition)) if !condition.is_empty() => {
            comment(&format!("take back \"{}\", so that {condition}", step.title))
        }
        (None, _) => comment(&format!("take back \"{}\" (no command is known)", step.title)),
    }
}

/// A plan holds no run id, so its commands have places for it.
fn filled(command: &str, run: RunId) -> String {
    command.replace("{run8}", &run.short()).replace("{run}", &run.to_string())
}

fn command(arguments: &str, does: &str) -> String {
    format!("rollback {arguments}  # {does}")
}

/// A line that a shell skips, whatever is in it.
fn comment(text: &str) -> String {
    format!("# {}", Printable(text))
}
