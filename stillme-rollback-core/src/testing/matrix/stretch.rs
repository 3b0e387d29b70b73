//! A stretch of the matrix: from a place where ways meet to the next ones.
//!
//! Ways meet where a life begins, and at an intent. What follows depends on nothing but what the key
//! of such a place is made of.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use super::story::{During, Name, Note, Story};
use super::tally::Tally;
use super::{CrashMatrix, Mutation, TOO_MANY_COMMANDS};
use crate::end::EndState;
use crate::engine::{Command, Input, Machine, Now, Wish};
use crate::executor::Run;
use crate::journal::{Direction, Entry, Progress};
use crate::testing::fault::Fault;
use crate::testing::simulated::{Model, Simulated};

/// Long enough for everything that is still on its way.
const FOR_EVER: Duration = Duration::from_secs(3600);

/// What all walks share.
pub(super) struct Ground<'a, M: Model> {
    pub(super) matrix: &'a CrashMatrix<M>,
    pub(super) run: Run,
    /// Where a run stands that has just begun.
    pub(super) begin: Progress,
    /// What a user finds before the run.
    pub(super) before: String,
    /// What a user finds after an unperturbed run.
    pub(super) after: String,
}

impl<M: Model> Ground<'_, M> {
    /// The place where everything begins, with its key.
    pub(super) fn first(&self) -> (u64, Place<M>) {
        let matrix = self.matrix;
        let sim = Simulated::new(matrix.platform.clone());
        let left = Left { fault: matrix.faults, crashes: matrix.crashes };
        let key = life_key(state_key(&self.begin, &sim), left);
        (key, Place::Life(Life { durable: self.begin.clone(), sim, left, is_first: true }))
    }
}

/// What may still go wrong.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Left {
    fault: bool,
    crashes: u8,
}

/// Where ways meet.
pub(super) enum Place<M: Model> {
    /// A life of the process begins.
    Life(Life<M>),
    /// The rest of a life, from an intent on.
    Rest(Box<Walk<M>>),
}

impl<M: Model> Place<M> {
    pub(super) const fn is_life(&self) -> bool {
        matches!(self, Self::Life(_))
    }
}

/// Where a life of the process begins.
pub(super) struct Life<M: Model> {
    durable: Progress,
    sim: Simulated<M>,
    left: Left,
    /// Whether the run has done nothing in an earlier one.
    is_first: bool,
}

/// A walk in the middle of a life.
pub(super) struct Walk<M: Model> {
    machine: Machine,
    command: Command,
    durable: Progress,
    sim: Simulated<M>,
    born: Duration,
    is_first: bool,
    left: Left,
    /// The crash states that this walk has been through already.
    seen: HashSet<u64>,
    story: Story,
}

impl<M: Model> Walk<M> {
    fn now(&self) -> Now {
        Now { elapsed: self.sim.elapsed().saturating_sub(self.born), ..Now::default() }
    }

    fn key(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        state_key(&self.durable, &self.sim).hash(&mut hasher);
        self.left.hash(&mut hasher);
        self.is_first.hash(&mut hasher);
        self.machine.key(self.now().elapsed, &mut hasher);
        hasher.finish()
    }
}

/// What outlives a crash.
fn state_key<M: Model>(durable: &Progress, sim: &Simulated<M>) -> u64 {
    let mut hasher = DefaultHasher::new();
    durable.hash(&mut hasher);
    sim.key(&mut hasher);
    hasher.finish()
}

fn life_key(state: u64, left: Left) -> u64 {
    let mut hasher = DefaultHasher::new();
    (state, left).hash(&mut hasher);
    hasher.finish()
}

/// What is between a place and the next ones.
#[derive(Default)]
pub(super) struct Stretch {
    /// The paths that end in it.
    pub(super) own: Tally,
    /// Where the others go on.
    pub(super) ways: Vec<Way>,
    /// Commands that were walked.
    pub(super) commands: u64,
}

/// All ways of a stretch to the same place.
pub(super) struct Way {
    pub(super) to: u64,
    pub(super) count: u64,
    /// The story of the first one.
    pub(super) story: Story,
}

/// Walks stretches, one after the other.
pub(super) struct Walker<'a, M: Model> {
    ground: &'a Ground<'a, M>,
    /// Places that need not be described any more: somebody walks from them.
    known: &'a HashSet<u64>,
    /// Places that this walker described.
    described: HashSet<u64>,
    faults_of_reads: Vec<Fault>,
    faults_of_writes: Vec<Fault>,
    crashes_of_writes: Vec<Fault>,
    stretch: Stretch,
    /// Where in the stretch the ways to a place are counted.
    ways: HashMap<u64, usize>,
    found: Vec<(u64, Place<M>)>,
}

impl<'a, M: Model> Walker<'a, M> {
    pub(super) fn new(ground: &'a Ground<'a, M>, known: &'a HashSet<u64>) -> Self {
        Self {
            ground,
            known,
            described: HashSet::new(),
            faults_of_reads: Fault::of_reads(),
            faults_of_writes: Fault::of_writes(),
            crashes_of_writes: Fault::crashes_of_writes(),
            stretch: Stretch::default(),
            ways: HashMap::new(),
            found: Vec::new(),
        }
    }

    /// The stretch from a place on, and those of the places to which it leads that may be new.
    pub(super) fn walk_from(&mut self, place: Place<M>) -> (Stretch, Vec<(u64, Place<M>)>) {
        let walk = match place {
            Place::Life(life) => self.live(life),
            Place::Rest(walk) => *walk,
        };
        self.walk(walk);
        self.ways.clear();
        (std::mem::take(&mut self.stretch), std::mem::take(&mut self.found))
    }

    fn live(&self, life: Life<M>) -> Walk<M> {
        let mut machine = self.machine(&life);
        Walk {
            command: machine.next(Input::Start, &Now::default()),
            machine,
            born: life.sim.elapsed(),
            durable: life.durable,
            sim: life.sim,
            is_first: life.is_first,
            left: life.left,
            seen: HashSet::new(),
            story: Story::default(),
        }
    }

    fn machine(&self, life: &Life<M>) -> Machine {
        let (run, options) = (self.ground.run.clone(), Arc::clone(&self.ground.matrix.options));
        if life.is_first {
            return Machine::begin(run, options);
        }
        let mut progress = life.durable.clone();
        // The entry is legal wherever a run is not at its end.
        let _ = progress.apply(&run.plan, &Entry::Resumed { by: String::from("matrix") });
        Machine::resume(run, progress, Wish::default(), options)
    }

    fn walk(&mut self, mut walk: Walk<M>) {
        // A state in which nothing happened yet is no crash of this walk.
        walk.seen.insert(state_key(&walk.durable, &walk.sim));
        let mut inside = false;
        for _ in 0..TOO_MANY_COMMANDS {
            if inside && matches!(walk.command, Command::Append(Entry::Intent { .. })) {
                self.meet(walk);
                return;
            }
            inside = true;
            self.stretch.commands += 1;
            let input = match &walk.command {
                Command::Finish(state) => {
                    self.judge(*state, &walk);
                    return;
                }
                Command::Append(entry) => {
                    let (name, entry) = (Name::of(entry), entry.clone());
                    if let Entry::End { state, reason } = entry {
                        walk.story = walk.story.and(Note::Ended(state, reason));
                    }
                    self.boundary(&mut walk, &name);
                    Input::Appended
                }
                Command::Wait { .. } => {
                    self.ground.matrix.perform(&walk.machine, &walk.command, &walk.sim)
                }
                _ => self.calls(&mut walk),
            };
            let now = walk.now();
            walk.command = walk.machine.next(input, &now);
        }
        self.stretch.own.cases += 1;
        self.stretch.own.blame(&walk.story, || String::from("goes round in circles"));
    }

    /// The walk comes to an intent, where many faults lead to the same rest of a life.
    fn meet(&mut self, walk: Walk<M>) {
        let key = walk.key();
        let story = walk.story.clone();
        self.way(
            key,
            || story,
            || {
                let walk = Walk { seen: HashSet::new(), story: Story::default(), ..walk };
                Place::Rest(Box::new(walk))
            },
        );
    }

    /// One more way to a place.
    fn way(&mut self, to: u64, story: impl FnOnce() -> Story, place: impl FnOnce() -> Place<M>) {
        if let Some(index) = self.ways.get(&to) {
            self.stretch.ways[*index].count += 1;
            return;
        }
        self.ways.insert(to, self.stretch.ways.len());
        self.stretch.ways.push(Way { to, count: 1, story: story() });
        if !self.known.contains(&to) && self.described.insert(to) {
            self.found.push((to, place()));
        }
    }

    /// A journal boundary: killed before the record is durable, or after.
    fn boundary(&mut self, walk: &mut Walk<M>, record: &Name) {
        let killed = |durable| Note::Killed { durable, record: record.clone() };
        let sim = walk.sim.clone();
        self.crash(walk, &sim, || killed(false));
        let skips = self.ground.matrix.mutation == Mutation::SkipIntent;
        if !(skips && matches!(record, Name::Intent(..))) {
            walk.durable.clone_from(walk.machine.progress());
        }
        self.crash(walk, &sim, || killed(true));
    }

    /// A command that makes calls: each of them with each fault, then without.
    fn calls(&mut self, walk: &mut Walk<M>) -> Input {
        self.check_intent(walk);
        let matrix = self.ground.matrix;
        if !walk.left.fault && walk.left.crashes == 0 {
            return matrix.perform(&walk.machine, &walk.command, &walk.sim);
        }
        let base = walk.sim.fork();
        walk.sim.forget_calls();
        let input = matrix.perform(&walk.machine, &walk.command, &walk.sim);
        let calls = walk.sim.calls();
        for (at, is_write) in (0..).zip(calls) {
            if walk.left.fault {
                let faults = if is_write { &self.faults_of_writes } else { &self.faults_of_reads };
                for fault in faults.clone() {
                    self.fault(walk, &base, at, fault);
                }
            }
            if is_write && walk.left.crashes > 0 {
                for crash in self.crashes_of_writes.clone() {
                    self.crash_within(walk, &base, at, crash);
                }
            }
        }
        input
    }

    fn fault(&mut self, walk: &Walk<M>, base: &Simulated<M>, at: u64, fault: Fault) {
        let sim = base.fork();
        sim.arm(at, fault);
        let mut machine = walk.machine.clone();
        let input = self.ground.matrix.perform(&machine, &walk.command, &sim);
        if !sim.fired() {
            return;
        }
        sim.restart();
        let now = Now { elapsed: sim.elapsed().saturating_sub(walk.born), ..Now::default() };
        let command = machine.next(input, &now);
        let during = During::of(&walk.command, &self.ground.run.plan);
        self.walk(Walk {
            machine,
            command,
            durable: walk.durable.clone(),
            sim,
            born: walk.born,
            is_first: walk.is_first,
            left: Left { fault: false, ..walk.left },
            seen: HashSet::new(),
            story: walk.story.and(Note::Fault { fault, call: at, during }),
        });
    }

    /// Killed in the middle of a request.
    fn crash_within(&mut self, walk: &mut Walk<M>, base: &Simulated<M>, at: u64, crash: Fault) {
        let sim = base.fork();
        sim.arm(at, crash);
        self.ground.matrix.perform(&walk.machine, &walk.command, &sim);
        if !sim.crashed() {
            return;
        }
        sim.restart();
        let during = During::of(&walk.command, &self.ground.run.plan);
        self.crash(walk, &sim, || Note::Crash { crash, during });
    }

    /// The process is killed, and another life begins with what is durable.
    fn crash(&mut self, walk: &mut Walk<M>, sim: &Simulated<M>, what: impl FnOnce() -> Note) {
        if walk.left.crashes == 0 || walk.durable.ended.is_some() {
            return;
        }
        let state = state_key(&walk.durable, sim);
        if !walk.seen.insert(state) {
            return;
        }
        let left = Left { crashes: walk.left.crashes - 1, ..walk.left };
        let durable = &walk.durable;
        let is_first = walk.is_first && *durable == self.ground.begin;
        self.way(
            life_key(state, left),
            || walk.story.and(what()),
            || Place::Life(Life { durable: durable.clone(), sim: sim.fork(), left, is_first }),
        );
    }

    /// Law J1: no request leaves before its intent is durable.
    fn check_intent(&mut self, walk: &Walk<M>) {
        let (call, direction) = match &walk.command {
            Command::Apply(call) => (call, Direction::Do),
            Command::Undo(call) => (call, Direction::Undo),
            _ => return,
        };
        let kept = self.ground.matrix.mutation == Mutation::SkipIntent
            || walk.durable.steps[call.step].open == Some(direction);
        if !kept {
            let what = || String::from("a request without a durable intent");
            self.stretch.own.blame(&walk.story, what);
        }
    }

    fn judge(&mut self, state: EndState, walk: &Walk<M>) {
        self.stretch.own.end(state);
        // Whatever is still on its way comes now: an end state must hold afterwards, too.
        walk.sim.advance(FOR_EVER);
        let found = walk.sim.view();
        let wanted = match state {
            EndState::RolledBack => &self.ground.after,
            EndState::Restored | EndState::Refused => &self.ground.before,
            _ => "no such end: nobody else deployed, and one fault must not need a person",
        };
        if found != *wanted {
            let what = || format!("ended {state}: found\n{found}\n  instead of\n{wanted}");
            self.stretch.own.blame(&walk.story, what);
        }
    }
}
