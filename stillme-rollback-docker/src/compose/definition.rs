//! Where a project's definition stands: its folder, files, environment files and profiles.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stillme_rollback_core::{Error, ErrorKind, Printable, Result};

use super::files::{self, Root};
use super::labels::{Replica, agreed};
use super::lint;
use super::names::{Project, ServiceName};
use super::overlay;
use super::sticky::Sticky;

/// What the caller says of a project beside its services' names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ComposeOptions {
    /// The compose files, in their order. Empty: those that the containers name.
    pub files: Vec<PathBuf>,
    /// Environment files instead of `.env`. Empty: those that the containers name.
    pub env_files: Vec<PathBuf>,
    /// Profiles that are on. Containers do not name them.
    pub profiles: Vec<String>,
    /// The folder under which all files must lie. The project's own unless it is given.
    pub root: Option<PathBuf>,
    /// Goes on where the files are not what the containers were made from.
    pub allow_drift: bool,
    /// Whether the next `up` shall keep the version that was gone back to.
    pub sticky: Sticky,
}

/// Where a project's definition stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Definition {
    pub(super) project: Project,
    /// The project's folder.
    pub(super) dir: PathBuf,
    pub(super) files: Vec<PathBuf>,
    /// Empty: `.env` in the folder, if it is there.
    pub(super) env_files: Vec<PathBuf>,
    pub(super) profiles: Vec<String>,
    /// The folder under which all of them lie.
    pub(super) root: PathBuf,
}

/// A definition, looked at.
pub(super) struct Found {
    pub(super) definition: Definition,
    /// The files' documents, in their order.
    pub(super) documents: Vec<Value>,
}

impl Definition {
    /// The definition that containers were made from, or that the caller says.
    ///
    /// # Errors
    /// `NotFound` if its folder or a file is gone, `Rejected` for what [`Root::file`] refuses,
    /// `InvalidInput` for a profile that is none.
    pub(super) fn find(
        project: &Project,
        replicas: &[&Replica],
        options: &ComposeOptions,
        ours: &Path,
    ) -> Result<Self> {
        let dir = agreed("project folder", replicas.iter().map(|replica| &replica.dir))?.cloned();
        let given = options.files.first().map(|file| absolute(file)).transpose()?;
        let dir = dir
            .flatten()
            .or_else(|| given.as_deref().and_then(Path::parent).map(Path::to_owned))
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::NotFound,
                    "find project",
                    "the containers do not name the project's folder",
                )
                .with_hint("nothing was touched; name the compose files with -f")
            })?;
        let dir = Root::new(&dir)?;
        let root = match &options.root {
            Some(root) => Root::new(&absolute(root)?)?,
            None => dir.clone(),
        };
        let mut files = Vec::new();
        if options.files.is_empty() {
            let named = |replica: &&Replica| -> Vec<PathBuf> {
                let is_ours = |file: &&PathBuf| overlay::is_ours(ours, file);
                replica.files.iter().filter(|file| !is_ours(file)).cloned().collect()
            };
            for file in agreed("files", replicas.iter().map(named))?.unwrap_or_default() {
                files.push(root.file(&relative_to(dir.path(), &file))?);
            }
            // A run of ours kept it there after its `up`, so that the containers do not name it. Whether
            // it is what they were made with, the reproduction check tells.
            let is_ours =
                |replica: &&Replica| replica.files.iter().any(|file| overlay::is_ours(ours, file));
            if let ([only], true) = (files.as_slice(), replicas.iter().any(is_ours))
                && let Some(kept) = default_override(dir.path(), only).filter(|kept| kept.exists())
            {
                files.push(root.file(&kept)?);
            }
        } else {
            for file in &options.files {
                files.push(root.file(&absolute(file)?)?);
            }
        }
        if files.is_empty() {
            return Err(Error::new(
                ErrorKind::NotFound,
                "find project",
                "the containers do not name their compose files",
            )
            .with_hint("nothing was touched; name them with -f"));
        }
        let mut env_files = Vec::new();
        if options.env_files.is_empty() {
            let named = agreed("environment files", replicas.iter().map(|r| &r.env_files))?;
            for file in named.into_iter().flatten() {
                env_files.push(root.file(&relative_to(dir.path(), file))?);
            }
        } else {
            for file in &options.env_files {
                env_files.push(root.file(&absolute(file)?)?);
            }
        }
        for profile in &options.profiles {
            check_profile(profile)?;
        }
        Ok(Self {
            project: project.clone(),
            dir: dir.path().to_owned(),
            files,
            env_files,
            profiles: options.profiles.clone(),
            root: root.path().to_owned(),
        })
    }

    /// Reads the files and all that they lead to, and refuses what must not reach a compose command.
    ///
    /// # Errors
    /// As [`lint::check`].
    pub(super) fn check(self) -> Result<Found> {
        let root = Root::new(&self.root)?;
        let dot_env = self.dir.join(".env");
        if self.env_files.is_empty() && dot_env.symlink_metadata().is_ok() {
            root.file(&dot_env)?;
        }
        for file in &self.env_files {
            root.file(file)?;
        }
        let mut documents = Vec::new();
        for file in &self.files {
            documents.push(lint::check(&root, &self.dir, file)?);
        }
        Ok(Found { definition: self, documents })
    }

    /// The file of environment variables that is read, if there is one.
    pub(super) fn env_file(&self) -> Option<PathBuf> {
        match self.env_files.last() {
            Some(file) => Some(file.clone()),
            None => Some(self.dir.join(".env")).filter(|file| file.is_file()),
        }
    }
}

impl Found {
    /// The `version` that an overlay must repeat for the first generation of Compose.
    pub(super) fn file_version(&self) -> Option<Value> {
        let version = self.documents.iter().find_map(|document| document.get("version"))?;
        Some(match version {
            Value::Number(number) => Value::from(number.to_string()),
            other => other.clone(),
        })
    }

    /// The last file that says a service's image itself, and its words. Files that only inherit it
    /// do not count.
    pub(super) fn image_said(&self, service: &ServiceName) -> Option<(&Path, &str)> {
        let said = |document: &'_ Value| -> Option<String> {
            Some(
                document.get("services")?.get(service.as_str())?.get("image")?.as_str()?.to_owned(),
            )
        };
        let index = self.documents.iter().rposition(|document| said(document).is_some())?;
        let text = self.documents[index]["services"][service.as_str()]["image"].as_str()?;
        Some((&self.definition.files[index], text))
    }

    /// The last file that defines a service at all.
    pub(super) fn defines(&self, service: &ServiceName) -> Option<&Path> {
        let defines = |document: &Value| document["services"][service.as_str()].is_object();
        let index = self.documents.iter().rposition(defines)?;
        Some(&self.definition.files[index])
    }
}

/// The override file that an `up` without `-f` reads beside a project's only file, if it reads that.
pub(super) fn default_override(dir: &Path, file: &Path) -> Option<PathBuf> {
    let stem = file.file_stem()?.to_str()?;
    let extension = file.extension()?.to_str()?;
    let is_default = file.parent() == Some(dir)
        && matches!(stem, "compose" | "docker-compose")
        && matches!(extension, "yml" | "yaml");
    is_default.then(|| dir.join(format!("{stem}.override.{extension}")))
}

/// v1 writes files as they were named, from wherever it was called: in the folder itself or above it.
fn relative_to(dir: &Path, file: &Path) -> PathBuf {
    if file.is_absolute() {
        return file.to_owned();
    }
    let found = dir.ancestors().map(|above| above.join(file)).find(|path| path.is_file());
    found.unwrap_or_else(|| dir.join(file))
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|error| {
        files::about(ErrorKind::InvalidInput, path, "it is no path")
            .with_hint("nothing was touched")
            .with_source(error)
    })
}

fn check_profile(profile: &str) -> Result<()> {
    let fits = (1..=63).contains(&profile.len())
        && profile.starts_with(|c: char| c.is_ascii_alphanumeric())
        && profile.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
    if fits {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::InvalidInput,
        "read profile",
        format!(
            "`{}` is not a letter or digit, then letters, digits and `_ . -`",
            Printable(profile)
        ),
    )
    .with_hint("nothing was touched"))
}
