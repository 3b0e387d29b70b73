//! Journals for tests, told in a few words.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::end::EndState;
use crate::facts::{Condition, Facts};
use crate::id::{RunId, StepId};
use crate::journal::{Attachment, Direction, Entry, ErrorNote, Record, StepOutcome};
use crate::plan::Plan;
use crate::step::{Action, Phase, Step, StepKind, Undo};
use crate::target::{Release, Target, Version};
use crate::verdict::{Check, Outcome, Proof, Verdict};

/// The run of every story.
pub(crate) fn run() -> RunId {
    RunId::from_parts(began(), 0x1234_5678_9abc_def0_1234)
}

fn began() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_499_870)
}

pub(crate) fn id(name: &str) -> StepId {
    StepId::new(name).unwrap()
}

/// create, stop and start, check, remove: as a container is exchanged.
pub(crate) fn plan() -> Plan {
    let release = |digit: &str, tag: &str| {
        Release::new(Version::new(&format!("sha256:{}", digit.repeat(64))).unwrap())
            .with_image(format!("stillme:{tag}").parse().unwrap())
    };
    let mut plan = Plan::new(
        "create-first",
        Target::new("docker", "ENGINE", "web").unwrap(),
        release("2", "v2"),
        release("1", "v1"),
    );
    plan.starts = Condition::new().is("old", "up");
    plan.steps = vec![
        act("create", Phase::Prepare, "create web.rbn")
            .by_hand("docker create --name web.rbn-{run8} stillme:v1", {
                Some("docker rm web.rbn-{run8}".to_owned())
            }),
        act("stop", Phase::Switch, "stop web")
            .by_hand("docker stop web", Some("docker start web".to_owned())),
        act("start", Phase::Switch, "start web.rbn"),
        Step::verdict(id("check"), "check web", Duration::from_secs(60)),
        act("remove", Phase::Commit, "remove the old container")
            .undo(Undo::Impossible)
            .by_hand("docker rm web.rbo-{run8}  # {run}", None),
    ];
    plan.check().unwrap();
    plan
}

fn act(name: &str, phase: Phase, title: &str) -> Step {
    let action = Action::new(name, serde_json::Value::Null);
    Step::apply(id(name), phase, StepKind::Observable, title, action)
        .makes(Condition::new().is(name, "done"))
        .undo(Undo::Restores(Condition::new().is(name, "not done")))
}

/// A journal in the making. Every record is 100 ms after the one before, unless it says otherwise.
pub(crate) struct Story {
    pub(crate) records: Vec<Record>,
    epoch: u32,
    elapsed_ms: u64,
    wall: SystemTime,
}

impl Story {
    pub(crate) fn begin() -> Self {
        let plan = Arc::new(plan());
        let fingerprint = plan.fingerprint();
        let story = Self { records: Vec::new(), epoch: 1, elapsed_ms: 0, wall: began() };
        story.then(0, Entry::Begin { plan, fingerprint })
    }

    pub(crate) fn then(mut self, after_ms: u64, entry: Entry) -> Self {
        self.elapsed_ms += after_ms;
        self.wall += Duration::from_millis(after_ms);
        self.records.push(Record::new(
            self.records.len() as u64,
            self.epoch,
            self.wall,
            self.elapsed_ms,
            entry,
        ));
        self
    }

    pub(crate) fn intent(self, name: &str, attempt: u32, direction: Direction) -> Self {
        let step = id(name);
        self.then(100, Entry::Intent { step, attempt, direction })
    }

    pub(crate) fn result(
        self,
        name: &str,
        attempt: u32,
        direction: Direction,
        outcome: StepOutcome,
        error: Option<&str>,
    ) -> Self {
        self.then(
            100,
            Entry::Result {
                step: id(name),
                attempt,
                direction,
                outcome,
                in_doubt: false,
                facts: Facts::new(),
                error: error.map(ErrorNote::text),
            },
        )
    }

    /// A step that is done at its first attempt.
    pub(crate) fn done(self, name: &str) -> Self {
        self.intent(name, 1, Direction::Do).result(
            name,
            1,
            Direction::Do,
            StepOutcome::Changed,
            None,
        )
    }

    /// A step that is undone at its first attempt.
    pub(crate) fn undone(self, name: &str) -> Self {
        self.intent(name, 1, Direction::Undo).result(
            name,
            1,
            Direction::Undo,
            StepOutcome::Changed,
            None,
        )
    }

    /// Everything up to the verdict.
    pub(crate) fn switched(self) -> Self {
        self.done("create").done("stop").done("start")
    }

    pub(crate) fn verdict(self, outcome: Outcome, evidence: &str) -> Self {
        let mut check = Check::new("GET http://127.0.0.1:8080/healthz", outcome, evidence);
        if outcome == Outcome::Pass {
            check = check.with_proof(Proof::all_good(3));
        }
        let (step, verdict) = (id("check"), Verdict::of(vec![check]));
        self.then(2000, Entry::Verdict { step, verdict })
    }

    pub(crate) fn turn_back(self, reason: &str) -> Self {
        let reason = reason.to_owned();
        self.then(0, Entry::TurnBack { reason })
    }

    pub(crate) fn evidence(self, path: &str, line: &str) -> Self {
        let mut file = Attachment::of("logs.txt", b"boom\n");
        file.path = Some(PathBuf::from(path));
        self.then(0, Entry::Evidence { files: vec![file], summary: vec![line.to_owned()] })
    }

    pub(crate) fn pause(self, reason: &str) -> Self {
        let reason = reason.to_owned();
        self.then(0, Entry::Pause { reason })
    }

    /// Another life, an hour later.
    pub(crate) fn resumed(mut self, by: &str) -> Self {
        self.epoch += 1;
        self.elapsed_ms = 0;
        self.wall += Duration::from_secs(3600);
        self.then(0, Entry::Resumed { by: by.to_owned() })
    }

    pub(crate) fn end(self, state: EndState, reason: &str) -> Self {
        let reason = reason.to_owned();
        self.then(0, Entry::End { state, reason })
    }
}
