//! What to do about what a run left. Pure.

use stillme_rollback_core::{Error, ErrorKind, Result};

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
