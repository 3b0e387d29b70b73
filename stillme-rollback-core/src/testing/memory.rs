//! A platform in memory: instances of a service, one of which has the service's name.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;

use super::simulated::{Model, Simulated};
use crate::error::{Error, ErrorKind, Result};
use crate::executor::{Capabilities, Executor, Exhibit, Run, StepContext};
use crate::facts::{Condition, Facts, Foreign};
use crate::id::StepId;
use crate::observation::Observation;
use crate::plan::Plan;
use crate::redact::Secret;
use crate::step::{Action, Phase, Step, StepKind, Undo};
use crate::strategy::{Goal, PlanRefusal, Request, Strategy};
use crate::target::{Evidence, Release, Target, Version};
use crate::verdict::{Check, Outcome, Proof, Verdict};
use crate::verifier::Verifier;

/// An instance.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Instance {
    /// Its name: unique, and changeable.
    pub name: String,
    /// What it runs.
    pub version: String,
    /// Whether it runs.
    pub state: InstanceState,
    /// Whether the platform starts it again by itself.
    pub restart: bool,
    /// The run that created it.
    pub run: Option<String>,
}

/// Whether an instance runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InstanceState {
    /// It never ran.
    Created,
    /// It runs.
    Up,
    /// It ran.
    Exited,
}

/// Instances by id, and versions that do not work. One port: only one instance can be up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct MemoryPlatform {
    /// The instances by id. Ids are never used twice.
    pub instances: BTreeMap<u64, Instance>,
    /// Versions that start and answer, but do not work.
    pub sick: Vec<String>,
    /// Versions that exit as soon as they are started.
    pub broken: Vec<String>,
    last_id: u64,
}

impl MemoryPlatform {
    /// A platform on which `service` runs `version`.
    pub fn with_service(service: &str, version: &str) -> Self {
        let mut platform = Self::default();
        platform.add(Instance {
            name: service.to_owned(),
            version: version.to_owned(),
            state: InstanceState::Up,
            restart: true,
            run: None,
        });
        platform
    }

    /// Adds an instance and gives its id.
    pub fn add(&mut self, instance: Instance) -> u64 {
        self.last_id += 1;
        self.instances.insert(self.last_id, instance);
        self.last_id
    }

    /// The instance that has a name.
    pub fn named(&self, name: &str) -> Option<(u64, &Instance)> {
        self.instances.iter().find(|(_, instance)| instance.name == name).map(|(id, i)| (*id, i))
    }

    fn get(&mut self, id: u64) -> Result<&mut Instance> {
        self.instances
            .get_mut(&id)
            .ok_or_else(|| Error::new(ErrorKind::NotFound, "call", format!("no instance {id}")))
    }
}

/// A call to the platform.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MemoryCall {
    /// All instances.
    List,
    /// A new instance, not started.
    Create {
        /// Its name.
        name: String,
        /// What it runs.
        version: String,
        /// The run that creates it.
        run: String,
    },
    /// Starts an instance. Fails while another one is up.
    Start(u64),
    /// Stops an instance.
    Stop(u64),
    /// Gives it another name.
    Rename(u64, String),
    /// Says whether the platform starts it again by itself.
    SetRestart(u64, bool),
    /// Removes it for good.
    Remove(u64),
    /// Does something to whatever has a name when the call arrives: what a rollback must never do.
    ByName(String, Box<Self>),
}

/// The reply to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MemoryReply {
    /// It is done.
    Done,
    /// The instances by id.
    Instances(BTreeMap<u64, Instance>),
}

impl Model for MemoryPlatform {
    type Call = MemoryCall;
    type Reply = MemoryReply;

    fn is_write(call: &MemoryCall) -> bool {
        !matches!(call, MemoryCall::List)
    }

    fn perform(&mut self, call: &MemoryCall) -> Result<MemoryReply> {
        match call {
            MemoryCall::List => return Ok(MemoryReply::Instances(self.instances.clone())),
            MemoryCall::Create { name, version, run } => {
                self.refuse_taken(name, None)?;
                self.add(Instance {
                    name: name.clone(),
                    version: version.clone(),
                    state: InstanceState::Created,
                    restart: true,
                    run: Some(run.clone()),
                });
            }
            MemoryCall::Start(id) => self.start(*id)?,
            MemoryCall::Stop(id) => {
                let instance = self.get(*id)?;
                if instance.state == InstanceState::Up {
                    instance.state = InstanceState::Exited;
                }
            }
            MemoryCall::Rename(id, name) => {
                self.refuse_taken(name, Some(*id))?;
                self.get(*id)?.name.clone_from(name);
            }
            MemoryCall::SetRestart(id, restart) => self.get(*id)?.restart = *restart,
            MemoryCall::Remove(id) => {
                self.get(*id)?;
                self.instances.remove(id);
            }
            MemoryCall::ByName(name, call) => return self.perform_by_name(name, call),
        }
        Ok(MemoryReply::Done)
    }

    fn view(&self) -> String {
        let mut lines: Vec<_> = self
            .instances
            .values()
            .map(|i| format!("{} {} {:?} restart={}", i.name, i.version, i.state, i.restart))
            .collect();
        lines.sort();
        lines.join("\n")
    }
}

impl MemoryPlatform {
    fn perform_by_name(&mut self, name: &str, call: &MemoryCall) -> Result<MemoryReply> {
        let Some((id, _)) = self.named(name) else {
            return Err(Error::new(ErrorKind::NotFound, "call", format!("no `{name}`")));
        };
        self.perform(&match call {
            MemoryCall::Start(_) => MemoryCall::Start(id),
            MemoryCall::Stop(_) => MemoryCall::Stop(id),
            MemoryCall::Rename(_, to) => MemoryCall::Rename(id, to.clone()),
            MemoryCall::SetRestart(_, restart) => MemoryCall::SetRestart(id, *restart),
            MemoryCall::Remove(_) => MemoryCall::Remove(id),
            other => other.clone(),
        })
    }

    fn refuse_taken(&self, name: &str, except: Option<u64>) -> Result<()> {
        match self.named(name) {
            Some((id, _)) if except != Some(id) => {
                Err(Error::new(ErrorKind::Conflict, "call", format!("`{name}` is taken by {id}")))
            }
            _ => Ok(()),
        }
    }

    fn start(&mut self, id: u64) -> Result<()> {
        let other = self.instances.iter().any(|(o, i)| *o != id && i.state == InstanceState::Up);
        let broken = self.broken.clone();
        let instance = self.get(id)?;
        if instance.state == InstanceState::Up {
            return Ok(());
        }
        if other {
            return Err(Error::new(ErrorKind::Internal, "call", "the port is already allocated"));
        }
        let exits = broken.contains(&instance.version);
        instance.state = if exits { InstanceState::Exited } else { InstanceState::Up };
        Ok(())
    }
}

/// The executor of a simulated [`MemoryPlatform`].
///
/// Its verbs: `create`, `hold` (no restart by the platform), `stop`, `start`, `set-aside` (the old
/// one gives up its name), `take-over` (the new one gets it), `clear` (nothing of the run is left
/// beside the new one), `forget` (the old one is removed; can't be undone).
///
/// Its facts: `name` (`old`, `new` or `free`), `old` (`up`, `down` or `gone`), `old.restart`
/// (`kept` or `held`), `new` (`absent`, `created`, `up` or `exited`), `strays` (`none` or `some`).
#[derive(Clone, Debug)]
pub struct MemoryExecutor {
    platform: Simulated<MemoryPlatform>,
    by_name: bool,
}

impl MemoryExecutor {
    /// The executor of a platform.
    pub fn new(platform: Simulated<MemoryPlatform>) -> Self {
        Self { platform, by_name: false }
    }

    /// An executor that acts on names instead of ids, to show what comes of it.
    #[must_use]
    pub fn acting_by_name(mut self) -> Self {
        self.by_name = true;
        self
    }

    fn list(&self) -> Result<BTreeMap<u64, Instance>> {
        match self.platform.call(MemoryCall::List)? {
            MemoryReply::Instances(instances) => Ok(instances),
            MemoryReply::Done => Err(Error::new(ErrorKind::Corrupt, "list", "no list came")),
        }
    }

    fn scene(&self, run: &Run) -> Result<Scene> {
        Ok(Scene::of(run, self.list()?))
    }

    fn send(&self, call: MemoryCall) -> Result<()> {
        self.platform.call(call).map(drop)
    }

    /// The call as it is sent: on the id, or on the name that the id has now.
    fn addressed(&self, call: MemoryCall, instances: &BTreeMap<u64, Instance>) -> MemoryCall {
        let id = match &call {
            MemoryCall::Start(id)
            | MemoryCall::Stop(id)
            | MemoryCall::Rename(id, _)
            | MemoryCall::SetRestart(id, _)
            | MemoryCall::Remove(id) => *id,
            _ => return call,
        };
        match instances.get(&id) {
            Some(instance) if self.by_name => {
                MemoryCall::ByName(instance.name.clone(), Box::new(call))
            }
            _ => call,
        }
    }
}

/// The instances of a run.
struct Scene {
    service: String,
    temporary: String,
    aside: String,
    old_id: u64,
    old: Option<Instance>,
    new: Option<(u64, Instance)>,
    strays: Vec<u64>,
    owner: Option<(u64, Instance)>,
    instances: BTreeMap<u64, Instance>,
}

impl Scene {
    fn of(run: &Run, instances: BTreeMap<u64, Instance>) -> Self {
        let service = run.plan.target.name().to_owned();
        let temporary = format!("{service}.rbn-{}", run.id.short());
        let aside = format!("{service}.rbo-{}", run.id.short());
        let old_id = run
            .plan
            .from
            .version
            .as_str()
            .split('@')
            .nth(1)
            .and_then(|id| id.parse().ok())
            .unwrap_or(0);
        let ours = run.id.to_string();
        let made: Vec<_> =
            instances.iter().filter(|(_, i)| i.run.as_deref() == Some(&ours)).collect();
        let new = made
            .iter()
            .find(|(_, i)| i.name == service)
            .or_else(|| made.first())
            .map(|(id, i)| (**id, (*i).clone()));
        let strays = made
            .iter()
            .map(|(id, _)| **id)
            .filter(|id| Some(*id) != new.as_ref().map(|n| n.0))
            .collect();
        let owner =
            instances.iter().find(|(_, i)| i.name == service).map(|(id, i)| (*id, i.clone()));
        Self {
            service,
            temporary,
            aside,
            old_id,
            old: instances.get(&old_id).cloned(),
            new,
            strays,
            owner,
            instances,
        }
    }

    fn facts(&self) -> Facts {
        let new_id = self.new.as_ref().map(|(id, _)| *id);
        let (name, foreign) = match &self.owner {
            None => ("free", None),
            Some((id, _)) if *id == self.old_id => ("old", None),
            Some((id, _)) if Some(*id) == new_id => ("new", None),
            Some((id, i)) => ("other", Some(format!("`{}` is now {id} ({})", i.name, i.version))),
        };
        let gone = self.old.is_none() && name != "new";
        let foreign = foreign.or_else(|| gone.then(|| format!("`{}` was removed", self.service)));
        let (old, restart) = match &self.old {
            None => ("gone", "gone"),
            Some(i) => (
                if i.state == InstanceState::Up { "up" } else { "down" },
                if i.restart { "kept" } else { "held" },
            ),
        };
        let new = match &self.new {
            None => "absent",
            Some((_, i)) => match i.state {
                InstanceState::Created => "created",
                InstanceState::Up => "up",
                InstanceState::Exited => "exited",
            },
        };
        let strays = if self.strays.is_empty() { "none" } else { "some" };
        let facts = Facts::new()
            .with("name", name)
            .with("old", old)
            .with("old.restart", restart)
            .with("new", new)
            .with("strays", strays);
        match foreign {
            Some(found) => facts.with_foreign(Foreign::new(found)),
            None => facts,
        }
    }

    fn new_id(&self) -> Result<u64> {
        self.new
            .as_ref()
            .map(|(id, _)| *id)
            .ok_or_else(|| Error::new(ErrorKind::Mismatch, "act", "the new instance is not there"))
    }
}

#[async_trait]
impl Executor for MemoryExecutor {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn observe(&self, target: &Target) -> Result<Observation> {
        let instances = self.list()?;
        let Some((id, running)) = instances.iter().find(|(_, i)| i.name == target.name()) else {
            return Err(Error::new(
                ErrorKind::NotFound,
                "observe",
                format!("no `{}`", target.name()),
            ));
        };
        let mut observation = Observation::new(target.clone());
        observation.running = Some(
            Release::new(Version::new(&format!("{}@{id}", running.version))?)
                .with_evidence(Evidence::Running),
        );
        observation.detail = Secret::new(json!({ "up": running.state == InstanceState::Up }));
        Ok(observation)
    }

    async fn facts(&self, run: &Run) -> Result<Facts> {
        Ok(self.scene(run)?.facts())
    }

    async fn apply(&self, context: &StepContext, step: &Step) -> Result<()> {
        let mut scene = self.scene(&context.run)?;
        expect(step, &scene.facts())?;
        let instances = std::mem::take(&mut scene.instances);
        let call = match verb(step) {
            "create" => MemoryCall::Create {
                name: scene.temporary,
                version: context.run.plan.to.version.as_str().to_owned(),
                run: context.run.id.to_string(),
            },
            "hold" => MemoryCall::SetRestart(scene.old_id, false),
            "stop" => MemoryCall::Stop(scene.old_id),
            "start" => MemoryCall::Start(scene.new_id()?),
            "set-aside" => MemoryCall::Rename(scene.old_id, scene.aside),
            "take-over" => MemoryCall::Rename(scene.new_id()?, scene.service),
            "clear" => match scene.strays.first() {
                Some(stray) => MemoryCall::Remove(*stray),
                None => return Ok(()),
            },
            "forget" => MemoryCall::Remove(scene.old_id),
            verb => return Err(unknown(verb)),
        };
        self.send(self.addressed(call, &instances))
    }

    async fn undo(&self, context: &StepContext, step: &Step) -> Result<()> {
        let mut scene = self.scene(&context.run)?;
        let instances = std::mem::take(&mut scene.instances);
        let call = match verb(step) {
            "create" => match scene.strays.first() {
                Some(stray) => MemoryCall::Remove(*stray),
                None => MemoryCall::Remove(scene.new_id()?),
            },
            "hold" => MemoryCall::SetRestart(scene.old_id, true),
            "stop" => MemoryCall::Start(scene.old_id),
            "start" => MemoryCall::Stop(scene.new_id()?),
            "set-aside" => MemoryCall::Rename(scene.old_id, scene.service),
            // A create whose answer was lost, and which happened late, has the temporary name by now.
            "take-over" => match scene.strays.first() {
                Some(stray) => MemoryCall::Remove(*stray),
                None => MemoryCall::Rename(scene.new_id()?, scene.temporary),
            },
            verb => return Err(unknown(verb)),
        };
        self.send(self.addressed(call, &instances))
    }

    async fn evidence(&self, run: &Run) -> Result<Vec<Exhibit>> {
        let scene = self.scene(run)?;
        Ok(vec![Exhibit::new("state.txt", scene.facts().to_string(), Vec::new())])
    }
}

/// The engine looks too, but the contract is the executor's own.
fn expect(step: &Step, facts: &Facts) -> Result<()> {
    let differences = step.expects.differences(facts);
    if differences.is_empty() || step.makes.holds(facts) {
        return Ok(());
    }
    let found: Vec<_> = differences.iter().map(ToString::to_string).collect();
    Err(Error::new(ErrorKind::Mismatch, "act", found.join(", ")))
}

fn verb(step: &Step) -> &str {
    match &step.work {
        crate::Work::Apply(action) => &action.verb,
        crate::Work::Verdict => "verdict",
    }
}

fn unknown(verb: &str) -> Error {
    Error::new(ErrorKind::Unsupported, "act", format!("no verb `{verb}`"))
}

/// A verifier that looks into the platform: the instance that is up must not be sick.
#[derive(Clone, Debug)]
pub struct MemoryVerifier(Simulated<MemoryPlatform>);

impl MemoryVerifier {
    /// The verifier of a platform.
    pub fn new(platform: Simulated<MemoryPlatform>) -> Self {
        Self(platform)
    }
}

#[async_trait]
impl Verifier for MemoryVerifier {
    async fn verify(&self, run: &Run, _time_left: Duration) -> Result<Verdict> {
        let MemoryReply::Instances(instances) = self.0.call(MemoryCall::List)? else {
            return Err(Error::new(ErrorKind::Corrupt, "verify", "no list came"));
        };
        let sick = self.0.model().sick;
        let serving = instances.values().find(|i| i.state == InstanceState::Up);
        let (outcome, evidence) = match serving {
            None => (Outcome::Fail, String::from("nothing is up")),
            Some(i) if sick.contains(&i.version) => {
                (Outcome::Fail, format!("{} is sick", i.version))
            }
            Some(i) if i.version == run.plan.to.version.as_str() => {
                (Outcome::Pass, String::from("it works"))
            }
            Some(i) => (Outcome::Fail, format!("{} serves", i.version)),
        };
        Ok(Verdict::of(vec![
            Check::new("memory", outcome, evidence).with_proof(Proof::all_good(1)),
        ]))
    }
}

/// A strategy for a [`MemoryPlatform`]: create first, then switch, verify, and exchange the names.
/// The shape of the real strategies, and an example for yours.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Replace {
    /// Whether the old instance is removed in the end, which can't be undone.
    pub forget_old: bool,
}

impl Strategy for Replace {
    fn name(&self) -> &'static str {
        "replace"
    }

    fn plan(&self, observation: &Observation, request: &Request) -> Result<Plan, PlanRefusal> {
        let Goal::Release(to) = &request.to else {
            let refusal = Error::new(
                ErrorKind::NotFound,
                "plan",
                "there is no record of a release before this one",
            );
            return Err(refusal.into());
        };
        let Some(from) = &observation.running else {
            return Err(Error::new(ErrorKind::NotFound, "plan", "nothing runs").into());
        };
        if from.version.as_str().split('@').next() == Some(to.version.as_str()) {
            return Err(PlanRefusal::AlreadyThere(to.clone()));
        }
        let up = observation.detail.expose().get("up") == Some(&json!(true));
        let old = if up { "up" } else { "down" };
        let mut plan = Plan::new(self.name(), observation.target.clone(), from.clone(), to.clone());
        plan.starts = Condition::new().is("name", "old").is("old", old).is("new", "absent");
        plan.steps = self.steps(old)?;
        plan.checks.clone_from(&request.checks);
        plan.on_inconclusive = request.on_inconclusive;
        plan.deadline_ms = u64::try_from(request.deadline.as_millis()).unwrap_or(u64::MAX);
        plan.check()?;
        Ok(plan)
    }
}

impl Replace {
    fn steps(self, old: &str) -> Result<Vec<Step>> {
        let is = |key: &str, value: &str| Condition::new().is(key, value);
        let step = |name: &str, phase, verb: &str, expects, makes, undo| {
            let action = Action::new(verb, serde_json::Value::Null);
            let step = Step::apply(StepId::new(name)?, phase, StepKind::Observable, name, action);
            Ok::<_, Error>(step.expects(expects).makes(makes).undo(undo))
        };
        let mut steps = vec![
            step(
                "create-new",
                Phase::Prepare,
                "create",
                is("new", "absent"),
                is("new", "created"),
                Undo::Restores(is("new", "absent").is("strays", "none")),
            )?,
            step(
                "hold-old",
                Phase::Switch,
                "hold",
                is("old.restart", "kept"),
                is("old.restart", "held"),
                Undo::Restores(is("old.restart", "kept")),
            )?,
            step(
                "stop-old",
                Phase::Switch,
                "stop",
                is("old", "up"),
                is("old", "down"),
                Undo::Restores(is("old", old)),
            )?,
            step(
                "start-new",
                Phase::Switch,
                "start",
                is("new", "created").is("old", "down"),
                is("new", "up"),
                Undo::Restores(Condition::new().is_any("new", ["absent", "created", "exited"])),
            )?,
            Step::verdict(StepId::new("verify")?, "verify", Duration::from_secs(90)),
            step(
                "set-aside",
                Phase::Commit,
                "set-aside",
                is("name", "old"),
                Condition::new().is_any("name", ["free", "new"]),
                Undo::Restores(is("name", "old")),
            )?,
            step(
                "take-over",
                Phase::Commit,
                "take-over",
                is("name", "free"),
                is("name", "new"),
                Undo::Restores(Condition::new().is_any("name", ["free", "old"])),
            )?,
            step(
                "clear",
                Phase::Commit,
                "clear",
                is("strays", "some"),
                is("strays", "none"),
                Undo::Nothing,
            )?,
        ];
        if self.forget_old {
            steps.push(step(
                "forget-old",
                Phase::Commit,
                "forget",
                is("old", "down"),
                is("old", "gone").is("old.restart", "gone"),
                Undo::Impossible,
            )?);
        }
        Ok(steps)
    }
}

impl fmt::Display for MemoryPlatform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.view())?;
        f.write_char('\n')
    }
}

/// Everything that a test needs around a platform, in one call.
impl Simulated<MemoryPlatform> {
    /// The platform's executor.
    pub fn executor(&self) -> Arc<dyn Executor> {
        Arc::new(MemoryExecutor::new(self.clone()))
    }

    /// The platform's verifier.
    pub fn verifier(&self) -> Arc<dyn Verifier> {
        Arc::new(MemoryVerifier::new(self.clone()))
    }
}
