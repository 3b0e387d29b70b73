//! What goes out of the machine and comes into it.

use std::time::Duration;

use super::super::ruling::CallError;
use crate::end::EndState;
use crate::facts::Facts;
use crate::journal::{Attachment, Entry, ErrorNote};
use crate::verdict::Verdict;

/// What the loop does next. It does exactly this and answers with the matching [`Input`].
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Make this entry durable; then [`Input::Appended`]. If that fails, the run must not go on.
    Append(Entry),
    /// Ask the executor for the facts; then [`Input::Observed`].
    Observe,
    /// Do a step; then [`Input::Answered`].
    Apply(Call),
    /// Take a step back; then [`Input::Answered`].
    Undo(Call),
    /// Ask the verifier, for at most this long; then [`Input::Judged`].
    Verify {
        /// How long it may take.
        time_left: Duration,
    },
    /// Collect and store evidence; then [`Input::Collected`].
    Collect,
    /// Let time pass; then [`Input::Waited`].
    Wait {
        /// How long.
        time: Duration,
        /// What for.
        why: WaitReason,
    },
    /// The run is over, or paused. Nothing follows.
    Finish(EndState),
}

/// One attempt's request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// The step's index in the plan.
    pub step: usize,
    /// The attempt, from 1.
    pub attempt: u32,
    /// How long it may take.
    pub time_left: Duration,
}

/// What a run waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WaitReason {
    /// The effect of a request that was taken.
    Effect,
    /// The next attempt, after this error.
    Backoff(ErrorNote),
    /// The next try of a verdict that could not be told.
    Verdict,
    /// A second look at what seems to be somebody else's deploy.
    SecondLook,
    /// Late effects of requests in doubt.
    Settle,
}

/// What the loop brings back.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// The first input of a life.
    Start,
    /// The entry is durable.
    Appended,
    /// The facts, or why they can't be told.
    Observed(Result<Facts, CallError>),
    /// The answer to a request.
    Answered(Result<(), CallError>),
    /// The verdict, or why there is none.
    Judged(Result<Verdict, ErrorNote>),
    /// What was collected.
    Collected {
        /// The files.
        files: Vec<Attachment>,
        /// Lines without secrets.
        summary: Vec<String>,
    },
    /// The time has passed.
    Waited,
}

/// What the machine may know of the outside besides its input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// The time since this life of the run began.
    pub elapsed: Duration,
    /// Whether somebody asked to stop for now (Ctrl-C).
    pub cancelled: bool,
    /// Who asked to give the run up, if somebody did.
    pub aborted: Option<String>,
}

/// What the operator says with a resume.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wish {
    /// Take an inconclusive verdict as good, for this reason.
    pub accept: Option<String>,
    /// Give the run up: take everything back, for this reason.
    pub undo: Option<String>,
    /// Whether the step that must not be repeated has happened.
    pub happened: Option<bool>,
}
