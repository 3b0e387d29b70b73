//! Edits files of a project, so that a rollback stays: tried before, checked again when it is done, and
//! taken back as long as nobody else edited them.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use stillme_rollback_core::{Error, ErrorKind, Result};

use super::ComposeExecutor;
use super::look::said;
use crate::compose::action::Orders;
use crate::compose::command::Compose;
use crate::compose::definition::Definition;
use crate::compose::differences::beside_images;
use crate::compose::files::{self, Trial};
use crate::compose::sticky::{self, Change, Edit};

impl ComposeExecutor {
    /// Edits a file, with a copy of what was there, after a look at what it comes to.
    pub(super) async fn persist(&self, orders: &Orders, change: &Change) -> Result<()> {
        match change.standing(&self.key)? {
            "after" => return Ok(()),
            "before" => {}
            _ => return Err(edited(change)),
        }
        let old = sticky::current(&change.path)?;
        let new = change.edit.of(old.as_deref().unwrap_or_default())?;
        let compose = Compose::same(&self.installed().await?, &orders.compose)?;
        self.try_change(&compose, orders, change, &new).await?;
        if let Some(old) = &old {
            self.keep_copy(change, old)?;
        }
        files::replace(&change.path, &new, 0o644)
    }

    fn keep_copy(&self, change: &Change, text: &str) -> Result<()> {
        let path = self.copy_of(change)?;
        let folder = path.parent().unwrap_or(&self.folder).to_owned();
        files::write_once(&folder, &path, |file| file.write_all(text.as_bytes()))
    }

    fn copy_of(&self, change: &Change) -> Result<PathBuf> {
        let before = change.before.as_deref().ok_or_else(|| edited(change))?;
        let name = change.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(self.folder.join("before").join(format!("{}-{name}", &before[..16.min(before.len())])))
    }

    pub(super) fn unpersist(&self, change: &Change) -> Result<()> {
        match (change.standing(&self.key)?, &change.before) {
            ("before", _) => Ok(()),
            ("after", None) => files::remove(&change.path),
            ("after", Some(_)) => {
                let old = files::read_text(&self.copy_of(change)?)?;
                files::replace(&change.path, &old, 0o644)
            }
            _ => Err(edited(change)),
        }
    }

    /// Tries a change of a file: with it the files must say the target images, and nothing else may
    /// differ from what they say without it.
    pub(super) async fn try_change(
        &self,
        compose: &Compose,
        orders: &Orders,
        change: &Change,
        text: &str,
    ) -> Result<()> {
        let trial = Trial::beside(&change.path, text)?;
        let before = compose.config(&orders.definition, &[]).await?;
        let tried = tried(&orders.definition, change, trial.path());
        let after = compose.config(&tried, &[]).await?;
        let images = match &change.edit {
            Edit::Images(images) => images.clone(),
            Edit::Keep(_) | Edit::Variables(_) => orders.forward().images,
        };
        let differences = beside_images(before.expose(), after.expose(), images.keys());
        let refusal = |what: String| {
            Err(Error::new(ErrorKind::Rejected, "make rollback sticky", what)
                .with_context("file", change.path.display().to_string())
                .with_hint("the file was not touched; choose another way with --sticky"))
        };
        if !differences.is_empty() {
            return refusal(format!(
                "it would change more than the images: {}",
                differences.join(", ")
            ));
        }
        for (service, image) in &images {
            if said(after.expose(), service) != Some(image) {
                return refusal(format!(
                    "the image of `{service}` would not be the target all the same"
                ));
            }
        }
        Ok(())
    }
}

/// The definition as it would be with a changed file.
fn tried(definition: &Definition, change: &Change, trial: &Path) -> Definition {
    let mut tried = definition.clone();
    match &change.edit {
        Edit::Variables(_) => {
            tried.env_files.pop();
            tried.env_files.push(trial.to_owned());
        }
        Edit::Keep(_) | Edit::Images(_) => {
            match tried.files.iter_mut().find(|file| **file == change.path) {
                Some(file) => *file = trial.to_owned(),
                None => tried.files.push(trial.to_owned()),
            }
        }
    }
    tried
}

fn edited(change: &Change) -> Error {
    Error::new(ErrorKind::Mismatch, "edit file", "somebody else edited it since the plan was made")
        .with_context("path", change.path.display().to_string())
        .with_hint("the file was not touched")
}
