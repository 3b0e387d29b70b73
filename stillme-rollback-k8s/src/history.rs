//! What a workload ran: its revisions, with all that the cluster tells of them.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stillme_rollback_core::{HashKey, ImageRef, Release, Result, Version};

use crate::names::{ANNOTATION_LEFT, ANNOTATION_VERIFIED, Kind, ObjectName, Uid};
use crate::object;
use crate::template;

const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";

/// One version that a workload has a ReplicaSet or a ControllerRevision of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Revision {
    /// Its number, which grows whenever it is deployed again: never an identity.
    pub number: i64,
    /// The hash that names it among the versions of its workload.
    pub hash: String,
    /// The name of what keeps it: a ReplicaSet, or a ControllerRevision.
    pub name: ObjectName,
    /// The uid of that.
    pub uid: Uid,
    /// The keyed digest of its template.
    pub digest: String,
    /// The keyed digest of the workload's own template, where it is the same in other words.
    pub live: Option<String>,
    /// Each container and its image.
    pub images: Vec<(String, String)>,
    /// What who deployed it said about it.
    pub change_cause: Option<String>,
    /// When it was first deployed, in RFC 3339.
    pub created: String,
    /// How many pods it shall have now, as far as the workload's status tells.
    pub replicas: i64,
    /// How many of them are available, likewise.
    pub available: i64,
    /// Whether it is what the workload's template says.
    pub current: bool,
    /// Whether a run of ours verified it.
    pub verified: bool,
    /// Whether a run of ours went away from it, and it was not deployed again since.
    pub left: bool,
}

impl Revision {
    /// Its image, where it has one container.
    pub fn image(&self) -> Option<ImageRef> {
        match self.images.as_slice() {
            [(_, image)] => image.parse().ok(),
            _ => None,
        }
    }

    /// The release that it is.
    ///
    /// # Errors
    /// `InvalidInput` if its hash can't be a version's.
    pub fn release(&self) -> Result<Release> {
        let release = Release::new(Version::new(&self.hash)?);
        // With several containers, the first one's image says the most.
        let first = self.images.first().and_then(|(_, image)| image.parse().ok());
        Ok(match first {
            Some(image) => release.with_image(image),
            None => release,
        })
    }
}

/// The revisions of a workload, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct History {
    /// All of them.
    pub revisions: Vec<Revision>,
}

impl History {
    /// The history of a workload from what keeps its versions. What others control is left out.
    ///
    /// # Errors
    /// `InvalidInput` if a name is none: the server would be no Kubernetes.
    pub(crate) fn of(kind: Kind, workload: &Value, kept: &[&Value], key: &HashKey) -> Result<Self> {
        let owner = object::uid(workload);
        let now = workload.pointer("/spec/template").unwrap_or(&Value::Null);
        let now = template::digest(&template::bare(now), key);
        let mut revisions = Vec::new();
        for kept in kept.iter().filter(|kept| object::is_controlled_by(kept, &owner)) {
            let template = kind.kept_template(kept);
            let hash = kind.kept_hash(object::name(workload), kept);
            let digest = template::digest(&template, key);
            let current = kind.is_current(workload, &hash, digest == now);
            let (replicas, available) = kind.kept_counts(workload, kept, current);
            revisions.push(Revision {
                number: kind.kept_number(kept),
                name: ObjectName::new(object::name(kept))?,
                uid: object::uid(kept),
                images: template::images(&template),
                change_cause: object::annotation(kept, CHANGE_CAUSE).map(str::to_owned),
                created: object::text(kept, "/metadata/creationTimestamp").to_owned(),
                replicas,
                available,
                current,
                verified: is_verified(workload, &hash) || is_verified(kept, &hash),
                left: false,
                live: (current && digest != now).then(|| now.clone()),
                digest,
                hash,
            });
        }
        let left: Vec<_> = kept.iter().copied().chain([workload]).filter_map(left_of).collect();
        for revision in &mut revisions {
            let is_it =
                |(hash, number): &(&str, i64)| *hash == revision.hash && *number == revision.number;
            revision.left = left.iter().any(is_it);
        }
        // Of equal templates the oldest is what the controller takes for the current one.
        revisions.sort_by(|a, b| b.number.cmp(&a.number).then_with(|| a.created.cmp(&b.created)));
        let mut seen = false;
        for revision in revisions.iter_mut().rev().filter(|revision| revision.current) {
            revision.current = !seen;
            seen = true;
        }
        Ok(Self { revisions })
    }

    /// What the template says, once the controller has seen it.
    pub fn current(&self) -> Option<&Revision> {
        self.revisions.iter().find(|revision| revision.current)
    }

    /// Those that could be gone back to: not the current one, nor another of the same template.
    pub fn others(&self) -> impl Iterator<Item = &Revision> {
        let current = self.current().map(|current| current.digest.as_str());
        self.revisions.iter().filter(move |revision| Some(revision.digest.as_str()) != current)
    }
}

/// The hashes that an annotation says to be verified. What keeps versions inherits its workload's annotations, so
/// each hash stands for itself, wherever it is found.
fn is_verified(object: &Value, hash: &str) -> bool {
    let verified = object::annotation(object, ANNOTATION_VERIFIED).unwrap_or_default();
    !hash.is_empty() && verified.split(',').any(|known| known == hash)
}

/// What a run went away from, and its number then: deployed again, it has another.
fn left_of(object: &Value) -> Option<(&str, i64)> {
    let (hash, number) = object::annotation(object, ANNOTATION_LEFT)?.split_once('@')?;
    Some((hash, number.parse().ok()?))
}

#[cfg(test)]
mod tests;
