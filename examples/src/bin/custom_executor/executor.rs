//! The executor: looks at two symlinks, and makes, moves and removes them.
//!
//! Its facts: `current` (`old`, `new` or `other`), and `next`, the link that waits (`there` or
//! `absent`). Its verbs: `link` makes `next`, `flip` moves it over `current` in one instant.

use std::fs;
use std::io::{self, ErrorKind as Io};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use stillme_rollback_core::{
    Capabilities, Error, ErrorKind, Executor, Exhibit, Facts, Foreign, Observation, Release,
    Result, Run, Step, StepContext, Target, Version, Work,
};

/// The symlinks of a site.
#[derive(Debug)]
pub(crate) struct Links {
    site: PathBuf,
}

impl Links {
    pub(crate) fn new(site: &Path) -> Self {
        Self { site: site.to_owned() }
    }

    fn next(&self) -> PathBuf {
        self.site.join("next")
    }

    /// The release that a link names.
    fn read(&self, link: &str) -> Result<Option<String>> {
        match fs::read_link(self.site.join(link)) {
            Ok(to) => Ok(to.file_name().map(|name| name.to_string_lossy().into_owned())),
            Err(error) if error.kind() == Io::NotFound => Ok(None),
            Err(error) => Err(failed("read link", error)),
        }
    }

    fn link(&self, release: &Release) -> Result<()> {
        let to = Path::new("releases").join(release.version.as_str());
        symlink(to, self.next()).map_err(|error| failed("make link", error))
    }

    fn flip(&self) -> Result<()> {
        fs::rename(self.next(), self.site.join("current")).map_err(|e| failed("move link", e))
    }
}

#[async_trait]
impl Executor for Links {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn observe(&self, target: &Target) -> Result<Observation> {
        let live = self.read(target.name())?.ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "observe", format!("no link `{}`", target.name()))
        })?;
        let mut observation = Observation::new(target.clone());
        observation.running = Some(Release::new(Version::new(&live)?));
        Ok(observation)
    }

    async fn facts(&self, run: &Run) -> Result<Facts> {
        let live = self.read("current")?.unwrap_or_default();
        let next = if self.read("next")?.is_some() { "there" } else { "absent" };
        let facts = Facts::new().with("next", next);
        Ok(match live.as_str() {
            live if live == run.plan.from.version.as_str() => facts.with("current", "old"),
            live if live == run.plan.to.version.as_str() => facts.with("current", "new"),
            live => facts
                .with("current", "other")
                .with_foreign(Foreign::new(format!("`current` leads to `{live}` now"))),
        })
    }

    async fn apply(&self, context: &StepContext, step: &Step) -> Result<()> {
        let missing = step.expects.differences(&self.facts(&context.run).await?);
        if let Some(difference) = missing.first() {
            return Err(Error::new(ErrorKind::Mismatch, "act", difference.to_string()));
        }
        match verb(step) {
            "link" => self.link(&context.run.plan.to),
            _ => self.flip(),
        }
    }

    async fn undo(&self, context: &StepContext, step: &Step) -> Result<()> {
        let facts = self.facts(&context.run).await?;
        if verb(step) == "link" {
            return match fs::remove_file(self.next()) {
                Err(error) if error.kind() != Io::NotFound => Err(failed("remove link", error)),
                _ => Ok(()),
            };
        }
        if facts.get("current") != Some("new") {
            return Ok(());
        }
        // What is left of an undo that was cut off may lead anywhere: only a fresh link is moved.
        let _ = fs::remove_file(self.next());
        self.link(&context.run.plan.from)?;
        self.flip()
    }

    async fn evidence(&self, _: &Run) -> Result<Vec<Exhibit>> {
        Ok(Vec::new())
    }
}

fn verb(step: &Step) -> &str {
    match &step.work {
        Work::Apply(action) => &action.verb,
        Work::Verdict => "verdict",
    }
}

fn failed(operation: &str, error: io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, operation, error.to_string()).with_source(error)
}
