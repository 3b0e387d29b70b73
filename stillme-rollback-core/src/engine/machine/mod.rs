//! The runner as a pure transition function: an input and the time go in, one command comes out.
//!
//! It does no I/O and keeps no clock, so that tests can drive it through every crash and fault, and
//! so that what it decided can be replayed. [`run`](super::run) is the thin loop around it.

mod attempt;
mod back;
mod forward;
mod messages;

use std::sync::Arc;
use std::time::Duration;

use super::options::Options;
use super::ruling::CallError;
use crate::end::EndState;
use crate::executor::Run;
use crate::facts::Facts;
use crate::journal::{Direction, Entry, ErrorNote, Progress, StepOutcome};
use crate::plan::Plan;
use crate::step::Phase;

use self::attempt::Attempt;
pub use self::messages::{Call, Command, Input, Now, WaitReason, Wish};

/// The pause before a second look. Longer than a proxy's hiccup, too short to be felt.
const SECOND_LOOK: Duration = Duration::from_millis(300);

/// Where the machine stands between two inputs.
#[derive(Clone, Debug, PartialEq)]
enum Point {
    Start,
    CheckStart,
    CheckStartAgain,
    Intended(Attempt),
    Before(Attempt),
    Called(Attempt),
    After(Attempt),
    Waiting(Attempt),
    Concluded(Conclusion),
    Verify { step: usize, began: Duration },
    VerifyAgain { step: usize, began: Duration },
    Judged { step: usize },
    Forward,
    FinalCheck,
    FinalCheckAgain,
    Settle,
    TurnedBack,
    Collecting,
    Back,
    Surveying { reads: u32 },
    SurveyAgain { reads: u32 },
    SettleBack,
    Ending(EndState),
    Over,
}

/// What follows once a result is durable.
#[derive(Clone, Debug, PartialEq)]
enum Conclusion {
    Next { step: usize, direction: Direction, outcome: StepOutcome, note: Option<ErrorNote> },
    RetryAfter { direction: Direction, wait: Duration, error: ErrorNote },
    Superseded(String),
}

/// The runner's state: what the journal knows ([`Progress`]) and what only this life knows.
#[derive(Clone, Debug)]
pub struct Machine {
    run: Run,
    progress: Progress,
    options: Arc<Options>,
    wish: Wish,
    point: Point,
    /// When the last request in doubt ended, in this life's time. A life that begins with doubt
    /// counts from its beginning.
    doubt_since: Duration,
    /// Whether the settle window has passed since.
    settled: bool,
    /// When the last look began. What came about while it took its time, it need not show.
    look_began: Duration,
    /// Why the run turned back, for its end's text.
    reason: String,
    /// What the last observation said of somebody else.
    foreign: Option<String>,
    /// When the step that is being tried began, over its attempts in this life.
    step_began: Option<(usize, Direction, Duration)>,
    /// Whether the verdict that was just written is inconclusive.
    last_inconclusive: bool,
    /// Failed looks in a row at the start or the end.
    blind_looks: u32,
    /// What looked like somebody else's deploy at the last look.
    suspected: Option<String>,
    /// The first life looks whether the world is as the plan expects.
    fresh: bool,
}

impl Machine {
    /// A machine for a run that has just begun: its `Begin` is durable, nothing else happened.
    pub fn begin(run: Run, options: Arc<Options>) -> Self {
        let progress = Progress::begin(&run.plan);
        Self::new(run, progress, Wish::default(), options)
    }

    /// A machine for a run that somebody left: its `Resumed` is durable.
    pub fn resume(run: Run, progress: Progress, wish: Wish, options: Arc<Options>) -> Self {
        Self::new(run, progress, wish, options)
    }

    fn new(run: Run, progress: Progress, wish: Wish, options: Arc<Options>) -> Self {
        let fresh = progress.steps.iter().all(|step| step.attempts == 0) && !progress.turned_back;
        Self {
            run,
            progress,
            options,
            wish,
            point: Point::Start,
            doubt_since: Duration::ZERO,
            settled: false,
            look_began: Duration::ZERO,
            reason: String::new(),
            foreign: None,
            step_began: None,
            last_inconclusive: false,
            blind_looks: 0,
            suspected: None,
            fresh,
        }
    }

    /// Where the run stands.
    pub const fn progress(&self) -> &Progress {
        &self.progress
    }

    /// The run.
    pub const fn run(&self) -> &Run {
        &self.run
    }

    /// A key of everything that decides what happens after an intent, but for texts: two machines
    /// with equal keys go the same way. Times count as distances from now.
    #[cfg(feature = "testing")]
    pub(crate) fn key(&self, elapsed: Duration, hasher: &mut std::hash::DefaultHasher) {
        use std::hash::Hash as _;

        self.progress.hash(hasher);
        self.fresh.hash(hasher);
        self.settled.hash(hasher);
        self.last_inconclusive.hash(hasher);
        self.blind_looks.hash(hasher);
        self.suspected.hash(hasher);
        self.foreign.hash(hasher);
        elapsed.hash(hasher);
        self.doubt_since.hash(hasher);
        self.look_began.hash(hasher);
        self.step_began.hash(hasher);
    }

    fn plan(&self) -> &Arc<Plan> {
        &self.run.plan
    }

    /// The next command. An input that does not belong to the last command is a defect of the loop:
    /// the run then pauses rather than guess.
    pub fn next(&mut self, input: Input, now: &Now) -> Command {
        let command = self.step(input, now);
        if matches!(command, Command::Observe) {
            self.look_began = now.elapsed;
        }
        command
    }

    fn step(&mut self, input: Input, now: &Now) -> Command {
        let point = std::mem::replace(&mut self.point, Point::Over);
        match (point, input) {
            (Point::Start, Input::Start) => self.start(now),
            (Point::CheckStart, Input::Observed(facts)) => self.check_start(facts, now),
            (Point::CheckStartAgain, Input::Waited) => self.observe(Point::CheckStart),
            (Point::Intended(attempt), Input::Appended) => self.look_before(attempt),
            (Point::Before(attempt), Input::Observed(facts)) => self.decide(attempt, facts, now),
            (Point::Called(attempt), Input::Answered(answer)) => {
                self.look_after(attempt, answer, now)
            }
            (Point::After(attempt), Input::Observed(facts)) => self.decide(attempt, facts, now),
            (Point::Waiting(attempt), Input::Waited) => self.look_again(attempt),
            (Point::Concluded(conclusion), Input::Appended) => self.conclude(conclusion, now),
            (Point::Verify { step, began }, Input::Judged(verdict)) => {
                self.judge(step, began, verdict, now)
            }
            (Point::VerifyAgain { step, began }, Input::Waited) => self.verify(step, began, now),
            (Point::Judged { step }, Input::Appended) => self.judged(step, now),
            (Point::Forward, Input::Appended | Input::Waited) => self.forward(now),
            (Point::FinalCheck, Input::Observed(facts)) => self.final_check(facts, now),
            (Point::FinalCheckAgain, Input::Waited) => self.observe(Point::FinalCheck),
            (Point::Settle, Input::Waited) => {
                self.settled = true;
                self.observe(Point::FinalCheck)
            }
            (Point::TurnedBack, Input::Appended) => self.collect(),
            (Point::Collecting, Input::Collected { files, summary }) => {
                self.append(Entry::Evidence { files, summary }, Point::Back)
            }
            (Point::Back, Input::Appended | Input::Waited) => self.back(now),
            (Point::Surveying { reads }, Input::Observed(facts)) => self.survey(reads, facts, now),
            (Point::SurveyAgain { reads }, Input::Waited) => {
                self.observe(Point::Surveying { reads })
            }
            (Point::SettleBack, Input::Waited) => {
                self.settled = true;
                self.back(now)
            }
            (Point::Ending(state), Input::Appended) => Command::Finish(state),
            (_, _) => Command::Finish(EndState::Paused),
        }
    }

    fn start(&mut self, now: &Now) -> Command {
        if self.progress.turned_back {
            return self.collect();
        }
        if let Some(reason) = self.wish.undo.take()
            && !self.beyond_return()
        {
            return self.turn_back(reason);
        }
        if let Some(reason) = self.wish.accept.take()
            && let Some(step) = self.undecided()
        {
            let id = self.plan().steps[step].id.clone();
            return self.append(Entry::Accept { step: id, reason }, Point::Forward);
        }
        if self.fresh { self.observe(Point::CheckStart) } else { self.forward(now) }
    }

    /// The verify step that waits for a decision: it was tried and did not pass.
    fn undecided(&self) -> Option<usize> {
        let steps = self.plan().steps.iter().zip(&self.progress.steps);
        steps
            .enumerate()
            .find(|(_, (s, p))| s.is_verdict() && p.attempts > 0 && !p.done)
            .map(|(i, _)| i)
    }

    fn check_start(&mut self, facts: Result<Facts, CallError>, now: &Now) -> Command {
        let facts = match facts {
            Ok(facts) => facts,
            Err(error) => return self.blind_at_start(error),
        };
        if let Some(foreign) = &facts.foreign {
            if self.is_first_sight(Some(foreign.to_string())) {
                return self.wait(SECOND_LOOK, WaitReason::SecondLook, Point::CheckStartAgain);
            }
            return self.end(EndState::Superseded, format!("nothing was touched: {foreign}"));
        }
        // A plan of which nothing can be observed says nothing of where it ends.
        let ends = self.plan().ends();
        if !ends.is_empty() && ends.holds(&facts) {
            return self.end(EndState::AlreadyThere, String::from("nothing was to be done"));
        }
        let diff = self.plan().diff(&facts);
        if !diff.is_empty() {
            let diff: Vec<_> = diff.iter().map(ToString::to_string).collect();
            let reason = format!(
                "nothing was touched: the target changed since the plan: {}",
                diff.join(", ")
            );
            return self.end(EndState::Refused, reason);
        }
        self.forward(now)
    }

    fn blind_at_start(&mut self, error: CallError) -> Command {
        self.blind_looks += 1;
        if self.blind_looks < self.options.reads {
            let time = self.options.wait_after(self.blind_looks);
            return self.wait(time, WaitReason::Backoff(error.note), Point::CheckStartAgain);
        }
        let reason =
            format!("nothing was touched: the target can't be looked at: {}", error.note.message);
        self.end(EndState::Refused, reason)
    }

    /// Somebody else's deploy is believed when it is seen twice in a row: one odd answer of a
    /// platform in trouble must not leave a service half switched.
    fn is_first_sight(&mut self, foreign: Option<String>) -> bool {
        let first = foreign.is_some() && self.suspected != foreign;
        self.suspected = foreign;
        first
    }

    /// Whether users may already feel the run.
    fn switch_begun(&self) -> bool {
        let steps = self.plan().steps.iter().zip(&self.progress.steps);
        steps.into_iter().any(|(step, progress)| {
            step.phase >= Phase::Switch && progress.attempts > 0 && !step.is_verdict()
        })
    }

    fn note_doubt(&mut self, in_doubt: bool, now: &Now) {
        if in_doubt {
            self.doubt_since = now.elapsed;
            self.settled = false;
        }
    }

    /// How long late effects must still be waited for; `None` when there is no doubt (any more): the last
    /// look began after the window.
    fn unsettled(&self, now: &Now) -> Option<Duration> {
        if !self.progress.in_doubt || self.settled {
            return None;
        }
        let until = self.doubt_since + self.options.settle;
        (self.look_began < until).then(|| until.saturating_sub(now.elapsed))
    }

    fn observe(&mut self, point: Point) -> Command {
        self.point = point;
        Command::Observe
    }

    fn wait(&mut self, time: Duration, why: WaitReason, point: Point) -> Command {
        self.point = point;
        Command::Wait { time, why }
    }

    /// Appends an entry that must make sense after the ones before it: the same law as on replay.
    fn append(&mut self, entry: Entry, point: Point) -> Command {
        let plan = Arc::clone(self.plan());
        if self.progress.apply(&plan, &entry).is_err() {
            // A defect of this machine. Pausing keeps everything as it is and resumable.
            self.point = Point::Over;
            return Command::Finish(EndState::Paused);
        }
        self.point = point;
        Command::Append(entry)
    }

    fn end(&mut self, state: EndState, reason: impl Into<String>) -> Command {
        self.append(Entry::End { state, reason: reason.into() }, Point::Ending(state))
    }

    fn pause(&mut self, reason: impl Into<String>) -> Command {
        self.append(Entry::Pause { reason: reason.into() }, Point::Ending(EndState::Paused))
    }

    /// Turns back, or gives up if something that can't be undone was begun.
    fn turn_back(&mut self, reason: impl Into<String>) -> Command {
        let reason = reason.into();
        if self.beyond_return() {
            return self.end(
                EndState::Stuck,
                format!("{reason}; a step that can't be undone was begun, so what is left must be done by hand"),
            );
        }
        self.reason.clone_from(&reason);
        self.append(Entry::TurnBack { reason }, Point::TurnedBack)
    }

    fn beyond_return(&self) -> bool {
        let steps = self.plan().steps.iter().zip(&self.progress.steps);
        steps.into_iter().any(|(step, progress)| {
            step.undo == crate::step::Undo::Impossible && progress.attempts > 0
        })
    }
}
