//! The instances of a run, and the facts that they show.

use std::collections::BTreeMap;

use super::platform::{Instance, InstanceState};
use crate::error::{Error, ErrorKind, Result};
use crate::executor::Run;
use crate::facts::{Facts, Foreign};

/// The instances of a run.
pub(super) struct Scene {
    pub(super) service: String,
    pub(super) temporary: String,
    pub(super) aside: String,
    pub(super) old_id: u64,
    old: Option<Instance>,
    new: Option<(u64, Instance)>,
    pub(super) strays: Vec<u64>,
    owner: Option<(u64, Instance)>,
    pub(super) instances: BTreeMap<u64, Instance>,
}

impl Scene {
    pub(super) fn of(run: &Run, instances: BTreeMap<u64, Instance>) -> Self {
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

    pub(super) fn facts(&self) -> Facts {
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

    pub(super) fn new_id(&self) -> Result<u64> {
        self.new
            .as_ref()
            .map(|(id, _)| *id)
            .ok_or_else(|| Error::new(ErrorKind::Mismatch, "act", "the new instance is not there"))
    }
}
