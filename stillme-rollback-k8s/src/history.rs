//! What a workload ran: its revisions, with all that the cluster tells of them.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stillme_rollback_core::{HashKey, ImageRef, Release, Result, Version};

use crate::names::{ANNOTATION_LEFT, ANNOTATION_VERIFIED, ObjectName, Uid};
use crate::object;
use crate::template::{self, HASH_LABEL};

/// The annotation that numbers a ReplicaSet.
const REVISION: &str = "deployment.kubernetes.io/revision";
const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";

/// One version that a Deployment has a ReplicaSet of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Revision {
    /// Its number, which grows whenever it is deployed again: never an identity.
    pub number: i64,
    /// The hash that names it among the versions of its workload.
    pub hash: String,
    /// The ReplicaSet's name.
    pub name: ObjectName,
    /// The ReplicaSet's uid.
    pub uid: Uid,
    /// The keyed digest of its template.
    pub digest: String,
    /// Each container and its image.
    pub images: Vec<(String, String)>,
    /// What who deployed it said about it.
    pub change_cause: Option<String>,
    /// When it was first deployed, in RFC 3339.
    pub created: String,
    /// How many pods it shall have now.
    pub replicas: i64,
    /// How many of them are available.
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

/// The revisions of a Deployment, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct History {
    /// All of them.
    pub revisions: Vec<Revision>,
}

impl History {
    /// The history of a Deployment from its ReplicaSets. Those that others control are left out.
    ///
    /// # Errors
    /// `InvalidInput` if a name is none: the server would be no Kubernetes.
    pub(crate) fn of_deployment(
        deployment: &Value,
        replica_sets: &[&Value],
        key: &HashKey,
    ) -> Result<Self> {
        let owner = object::uid(deployment);
        let now = deployment.pointer("/spec/template").unwrap_or(&Value::Null);
        let now = template::digest(&template::without_hash(now), key);
        let mut revisions = Vec::new();
        for set in replica_sets.iter().filter(|set| object::is_controlled_by(set, &owner)) {
            let raw = set.pointer("/spec/template").unwrap_or(&Value::Null);
            let hash = object::label(set, HASH_LABEL).unwrap_or_default();
            let digest = template::digest(&template::without_hash(raw), key);
            let number = object::annotation(set, REVISION);
            revisions.push(Revision {
                number: number.and_then(|text| text.parse().ok()).unwrap_or_default(),
                hash: hash.to_owned(),
                name: ObjectName::new(object::name(set))?,
                uid: object::uid(set),
                images: template::images(raw),
                change_cause: object::annotation(set, CHANGE_CAUSE).map(str::to_owned),
                created: object::text(set, "/metadata/creationTimestamp").to_owned(),
                replicas: object::number(set, "/spec/replicas"),
                available: object::number(set, "/status/availableReplicas"),
                current: digest == now,
                verified: is_verified(deployment, hash) || is_verified(set, hash),
                left: false,
                digest,
            });
        }
        let left: Vec<_> =
            replica_sets.iter().copied().chain([deployment]).filter_map(left_of).collect();
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

/// The hashes that an annotation says to be verified. ReplicaSets inherit their Deployment's annotations, so
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
