//! What is laid over a project's files: other images, and nothing else.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stillme_rollback_core::{Fingerprint, Result};

use super::files;
use super::names::{Project, ServiceName};

/// The images of some services, as one more compose file. JSON, which is YAML.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Overlay {
    pub(super) images: BTreeMap<ServiceName, String>,
    /// The `version` of the files under it, which the first generation of Compose wants repeated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<Value>,
}

impl Overlay {
    pub(super) fn new(version: Option<Value>) -> Self {
        Self { images: BTreeMap::new(), version }
    }

    pub(super) fn with(mut self, service: &ServiceName, image: &str) -> Self {
        self.images.insert(service.clone(), image.to_owned());
        self
    }

    /// The file's text.
    pub(super) fn text(&self) -> String {
        let images = self.images.iter();
        let services: serde_json::Map<_, _> =
            images.map(|(name, image)| (name.to_string(), json!({ "image": image }))).collect();
        let mut file = json!({ "services": services });
        if let Some(version) = &self.version {
            file["version"] = version.clone();
        }
        format!("{file:#}\n")
    }

    /// Writes it into a folder of ours, under a name made of its content, and gives its path; nothing
    /// for one that changes nothing. Containers name the file on their labels, so it is never removed.
    pub(super) fn write(&self, folder: &Path, project: &Project) -> Result<Option<PathBuf>> {
        if self.images.is_empty() {
            return Ok(None);
        }
        let text = self.text();
        let hash = Fingerprint::of_bytes(text.as_bytes());
        let path = folder.join(format!("{project}-{}.json", &hash.as_str()[..16]));
        files::write_once(folder, &path, |file| file.write_all(text.as_bytes()))?;
        Ok(Some(path))
    }
}

/// Whether a path is one of an overlay in this folder, be it there or not.
pub(super) fn is_ours(folder: &Path, path: &Path) -> bool {
    path.parent() == Some(folder) && path.extension().is_some_and(|extension| extension == "json")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn it_holds_images_and_nothing_else() {
        let web = ServiceName::new("web").unwrap();
        let overlay = Overlay::new(Some(json!("2.4"))).with(&web, "app:v1");
        let value: Value = serde_json::from_str(&overlay.text()).unwrap();
        assert_eq!(value, json!({"version": "2.4", "services": {"web": {"image": "app:v1"}}}));
        let bare = Overlay::new(None).with(&web, "app:v1");
        assert!(!bare.text().contains("version"));
    }

    #[test]
    fn it_is_written_once_and_for_its_owner() {
        let state = tempfile::tempdir().unwrap();
        let folder = state.path().join("compose");
        let project = Project::new("shop").unwrap();
        let overlay = Overlay::new(None).with(&ServiceName::new("web").unwrap(), "app:v1");
        let path = overlay.write(&folder, &project).unwrap().unwrap();
        assert_eq!(overlay.write(&folder, &project).unwrap().unwrap(), path);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(is_ours(&folder, &path) && !is_ours(state.path(), &path));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), overlay.text());
        assert_eq!(Overlay::new(None).write(&folder, &project).unwrap(), None);
    }
}
