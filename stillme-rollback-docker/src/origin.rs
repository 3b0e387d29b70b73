//! Whose settings a new container gets: those of the one that runs, or those of a kept one.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stillme_rollback_core::{Error, ErrorKind, Evidence, Note, Printable, Release, Result};

use crate::detail::{Detail, Kept, text};
use crate::names::{ContainerId, LABEL_FROM};
use crate::recreate::RESTART_POLICY;
use crate::scene;

/// Where the settings come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// From the container that runs: the image alone goes back.
    Running,
    /// From the container of the release that is gone back to.
    Release,
}

/// The kept container whose settings a new one gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Origin {
    pub(crate) container: ContainerId,
    /// The restart policy that it had while it served. It was taken from it when it was put aside.
    pub(crate) restart: Value,
}

/// A kept container, and what the reader of the plan should know of the choice.
pub(crate) struct Chosen {
    pub(crate) origin: Origin,
    /// The kept container as it was while it served.
    pub(crate) container: Value,
    pub(crate) notes: Vec<Note>,
}

impl Origin {
    /// The container as it was while it served: what was changed when it was put aside is its restart
    /// policy.
    pub(crate) fn as_it_was(&self, container: &Value) -> Value {
        let mut container = container.clone();
        container["HostConfig"]["RestartPolicy"] = self.restart.clone();
        container
    }
}

/// The newest kept container of a release, of those that the release names.
///
/// # Errors
/// `NotFound` if there is none any more: only it has the values.
pub(crate) fn choose(detail: &Detail, to: &Release, now: &Release) -> Result<Chosen> {
    let named = |kept: &&Kept| {
        let is_it = |evidence: &Evidence| matches!(evidence, Evidence::Kept { instance } if *instance == kept.name);
        to.evidence.iter().any(is_it)
    };
    let ran_it = |kept: &&Kept| {
        let container = detail.kept_containers.get(kept.id.as_str());
        container.is_some_and(|container| text(container, "/Image") == to.version.as_str())
    };
    let mut all = detail.kept.iter().filter(named).filter(ran_it);
    let kept = all.next().ok_or_else(|| gone(to, now))?;
    let others: Vec<_> = all.map(|kept| kept.name.as_str()).collect();
    let (restart, from) = restart_policy(detail, kept, to);
    let origin = Origin { container: kept.id.clone(), restart };
    let container = detail.kept_containers.get(kept.id.as_str()).cloned().unwrap_or_default();
    let container = origin.as_it_was(&container);
    let mut notes = vec![Note::info(format!(
        "the settings are those of {} ({}), its restart policy {from}",
        kept.name,
        kept.id.short()
    ))];
    if !others.is_empty() {
        notes.push(Note::warning(format!(
            "other containers of that image are kept as well, with settings of their own: {}; `--to kept:NAME` chooses",
            others.join(", ")
        )));
    }
    Ok(Chosen { origin, container, notes })
}

/// The restart policy that a kept container had, and where that is known from.
fn restart_policy(detail: &Detail, kept: &Kept, to: &Release) -> (Value, String) {
    let own = |id: &str| {
        let container = if detail.id().is_ok_and(|current| current.as_str() == id) {
            Some(&detail.container)
        } else {
            detail.kept_containers.get(id)
        };
        container.and_then(|container| container.pointer("/HostConfig/RestartPolicy")).cloned()
    };
    if let Some(policy) = own(kept.id.as_str()).filter(|policy| !scene::is_held(policy)) {
        return (policy, "its own".to_owned());
    }
    let recorded = to
        .settings
        .as_ref()
        .filter(|settings| settings.instance.as_deref() == Some(kept.id.as_str()));
    if let Some(policy) = recorded.and_then(|settings| settings.values.get(RESTART_POLICY)) {
        return (parsed(policy), "as it was recorded".to_owned());
    }
    // Who replaced it was created with its policy; that one may have been put aside as well since.
    let mut id = kept.id.as_str();
    for _ in 0..=detail.kept_containers.len() {
        let replaced_by = |container: &&Value| {
            let from = container.pointer("/Config/Labels").and_then(|all| all.get(LABEL_FROM));
            from.and_then(Value::as_str) == Some(id)
        };
        let mut all = std::iter::once(&detail.container).chain(detail.kept_containers.values());
        let Some(next) = all.find(replaced_by) else { break };
        id = text(next, "/Id");
        if let Some(policy) = own(id).filter(|policy| !scene::is_held(policy)) {
            return (policy, "that of the container which replaced it".to_owned());
        }
    }
    let current = detail.container.pointer("/HostConfig/RestartPolicy").cloned();
    let policy = current.unwrap_or_else(|| json!({"Name": "no"}));
    (policy, "that of the container which runs, for nothing tells its own".to_owned())
}

/// A restart policy as [`restart_option`](crate::recipe::restart_option) writes it.
fn parsed(option: &str) -> Value {
    let (name, count) = option.split_once(':').unwrap_or((option, "0"));
    json!({"Name": name, "MaximumRetryCount": count.parse::<u64>().unwrap_or(0)})
}

fn gone(to: &Release, now: &Release) -> Error {
    let mut error = Error::new(
        ErrorKind::NotFound,
        "plan rollback",
        "no container of that release is kept any more, and only it has the settings' values",
    )
    .with_context("release", to.to_string());
    if let (Some(then), Some(now)) = (&to.settings, &now.settings) {
        let differing = then.differing(now).join(", ");
        error = error.with_context("recorded otherwise", Printable(&differing).to_string());
    }
    error.with_hint(
        "nothing was touched; without `--with-config` the image alone goes back and today's settings stay; \
         or deploy that release anew with its settings",
    )
}

#[cfg(test)]
mod tests;
