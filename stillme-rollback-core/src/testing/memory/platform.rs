//! The platform: instances, calls, and the rules that a rollback depends on.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use crate::error::{Error, ErrorKind, Result};
use crate::testing::simulated::Model;

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

impl fmt::Display for MemoryPlatform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.view())?;
        f.write_char('\n')
    }
}
