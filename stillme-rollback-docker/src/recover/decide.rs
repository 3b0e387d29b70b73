//! What to do about what a run left. Pure.

use stillme_rollback_core::{Error, ErrorKind, Printable, Result};

use super::left::{Left, Seen, Standing};

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Nothing is left.
    Nothing,
    /// Back to the old container.
    TakeBack,
    /// The new container gets the name.
    Finish,
}

/// Decides by what is seen: see the table of [`Recover`](super::Recover). `back`: not forward, even
/// where that could be.
pub(super) fn decide(left: &Left, back: bool) -> Result<Decision> {
    let new = match left.waiting.as_slice() {
        [] => return nothing(left),
        [new] => new,
        several => {
            let names: Vec<_> = several.iter().map(|new| new.name.as_str()).collect();
            return Err(refused("more than one run left something", &names.join(", ")).with_hint(
                "nothing was touched; look at them and remove those that do not serve",
            ));
        }
    };
    if !left.beside.is_empty() {
        return Err(refused(
            "the run took dependents along, and without its journal they can't be put in order",
            &left.beside.join(", "),
        )
        .with_hint(
            "nothing was touched; by hand: what ends in `.rbo-…` and has no successor under its name is renamed and started, the service before those that hold on to it; what waits as `.rbn-…` is removed",
        ));
    }
    let decision = of(left, new, back)?;
    // One that never ran has no traffic.
    let may_have_traffic = new.standing != Standing::Created;
    match &new.proxy {
        Some(proxy) if decision == Decision::TakeBack && may_have_traffic => {
            Err(for_the_proxy(left, new, proxy))
        }
        _ => Ok(decision),
    }
}

fn of(left: &Left, new: &Seen, back: bool) -> Result<Decision> {
    match (&left.service, &left.old) {
        (Some(service), Some(old)) if service.id == old.id => Ok(Decision::TakeBack),
        (Some(service), _) => Err(somebody_elses(service, new)),
        (None, Some(old)) if old.stands_in => Err(for_a_person(left, new, old)),
        (None, Some(old)) if old.is_aside() => {
            let forward = new.standing == Standing::Up && !back;
            Ok(if forward { Decision::Finish } else { Decision::TakeBack })
        }
        (None, Some(old)) => Err(refused("the old container was renamed by somebody", old.name.as_str())
            .with_hint(format!(
                "nothing was touched; give it its name back with `docker rename {} {}`, then try again",
                old.id.short(),
                left.name
            ))),
        (None, None) if new.standing == Standing::Up && !back => Ok(Decision::Finish),
        (None, None) => Err(refused("the old container is gone", new.name.as_str()).with_hint(
            format!(
                "nothing was touched; what is left is `{}`: start it and give it the name {} by hand, or deploy anew",
                new.name, left.name
            ),
        )),
    }
}

fn nothing(left: &Left) -> Result<Decision> {
    if left.service.is_some() {
        return Ok(Decision::Nothing);
    }
    Err(Error::new(
        ErrorKind::NotFound,
        "look for what a run left",
        "there is no such container, and nothing that a run left of it",
    )
    .with_context("container", left.name.as_str())
    .with_hint("nothing was touched; `docker ps --all` lists the containers"))
}

fn somebody_elses(service: &Seen, new: &Seen) -> Error {
    let remove = format!("docker rm -f {}", new.id.short());
    refused("somebody else deployed since", service.name.as_str()).with_hint(format!(
        "nothing was touched; `{}` is what the run left: `{remove}` removes it, if nobody needs it",
        new.name
    ))
}

/// Only the proxy knows which of the two serves, and it is not asked here: to stop the wrong one would be
/// the outage that the run was to avoid.
fn for_the_proxy(left: &Left, new: &Seen, proxy: &str) -> Error {
    let (new, name) = (new.id.short(), &left.name);
    let old = left.old.as_ref().map_or("the old container", |old| old.id.short());
    refused("the traffic of a proxy may go to either container", name.as_str())
        .with_context("proxy", Printable(proxy).to_string())
        .with_hint(format!(
            "nothing was touched; see where the proxy sends its traffic; to go back: point it to {old} (start that first if it does not run), then `docker rm -f {new}`; to stay with the new one: point it to {new}, then `docker stop {old}; docker rename {old} {name}.old; docker rename {new} {name}`"
        ))
}

/// A container that its stop deletes can be started once: what is taken back here could not be given
/// again.
fn for_a_person(left: &Left, new: &Seen, old: &Seen) -> Error {
    let (new, old, name) = (new.id.short(), old.id.short(), &left.name);
    refused(
        "the old container was started with `--rm` and is deleted; a copy of it waits",
        left.name.as_str(),
    )
    .with_hint(format!(
        "nothing was touched; to go back: `docker stop {new}; docker rename {old} {name} && docker start {old}`; to stay with the new one: `docker rename {new} {name}`"
    ))
}

fn refused(why: &str, container: &str) -> Error {
    Error::new(ErrorKind::Rejected, "put in order what a run left", why)
        .with_context("container", container)
}

#[cfg(test)]
mod tests;
