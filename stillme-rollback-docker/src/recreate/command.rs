//! `Entrypoint` and `Cmd`, which an engine merges as one: an entrypoint of the user drops the
//! image's command, an empty one keeps it.

use serde_json::Value;

use super::merge::Images;
use super::raw::{Object, set_strings, strings};
use super::undecided::Undecided;

/// A command: the entrypoint, and the arguments. `None` and an empty list mean different things.
#[derive(Clone, Debug, PartialEq)]
struct Command {
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
}

impl Command {
    fn of(config: &Object) -> Self {
        Self { entrypoint: strings(config, "Entrypoint"), cmd: strings(config, "Cmd") }
    }

    fn put_into(self, config: &mut Object) {
        set_strings(config, "Entrypoint", self.entrypoint);
        set_strings(config, "Cmd", self.cmd);
    }

    /// What an engine makes of this command of a user and that of an image.
    fn merged(&self, image: &Self) -> Self {
        let mut merged = self.clone();
        if is_empty(self.entrypoint.as_ref()) {
            if is_empty(self.cmd.as_ref()) {
                merged.cmd.clone_from(&image.cmd);
            }
            if self.entrypoint.is_none() {
                merged.entrypoint.clone_from(&image.entrypoint);
            }
        }
        if merged.entrypoint.as_deref() == Some(&[String::new()]) {
            merged.entrypoint = None;
        }
        merged
    }

    /// Whether both run the same: what differs is only how "nothing" is written.
    fn runs_like(&self, other: &Self) -> bool {
        let same = |one: &Option<Vec<String>>, two: &Option<Vec<String>>| {
            one.as_deref().unwrap_or_default() == two.as_deref().unwrap_or_default()
        };
        same(&self.entrypoint, &other.entrypoint) && same(&self.cmd, &other.cmd)
    }

    /// What a user may have asked for to get this, the least first.
    fn requests(&self) -> Vec<Self> {
        // Engines read `[""]` as "no entrypoint, and not the image's either".
        let explicit = match self.entrypoint.as_ref() {
            Some(words) if !words.is_empty() => words.clone(),
            _ => vec![String::new()],
        };
        let request = |entrypoint: Option<&Vec<String>>, cmd: Option<&Vec<String>>| Self {
            entrypoint: entrypoint.cloned(),
            cmd: cmd.cloned(),
        };
        let (empty, cmd) = (Vec::new(), self.cmd.as_ref());
        vec![
            request(None, None),
            request(None, cmd),
            request(Some(&empty), None),
            request(Some(&empty), cmd),
            request(Some(&explicit), None),
            request(Some(&explicit), cmd),
        ]
    }
}

fn is_empty(words: Option<&Vec<String>>) -> bool {
    words.is_none_or(Vec::is_empty)
}

pub(super) fn merge(config: &mut Object, image: &Object) {
    Command::of(config).merged(&Command::of(image)).put_into(config);
}

pub(super) fn unmerge(config: &mut Object, images: &Images<'_>, undecided: &mut Vec<Undecided>) {
    let (shown, old) = (Command::of(config), Command::of(images.old));
    let mut explains_exactly: Vec<_> = shown.requests();
    explains_exactly.retain(|request| request.merged(&old) == shown);
    let mut explains: Vec<_> = shown.requests();
    explains.retain(|request| request.merged(&old).runs_like(&shown));

    let chosen = explains_exactly.first().or(explains.first());
    let Some(chosen) = chosen.cloned() else {
        // Nothing that a user could have asked for gives this: keep what runs.
        return;
    };
    let new = Command::of(images.new);
    let outcome = chosen.merged(&new);
    if explains_exactly.iter().any(|request| !request.merged(&new).runs_like(&outcome)) {
        undecided.push(Undecided::Command);
    }
    chosen.put_into(config);
}

/// The whole command line, for a comparison.
pub(super) fn line(config: &Object) -> Value {
    let Command { entrypoint, cmd } = Command::of(config);
    Value::from([entrypoint.unwrap_or_default(), cmd.unwrap_or_default()].concat())
}
