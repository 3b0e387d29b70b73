//! A copy of a container that its stop deletes, as the way back to it.

use stillme_rollback_core::{HashKey, Note, Result};

use crate::action::{Copy, Verb};
use crate::detail::{self, Detail, text};
use crate::images::LocalImage;
use crate::recreate;

/// What the copy is made of.
pub(super) struct StandIn {
    pub(super) copy: Copy,
    /// The networks that it is connected to after it was created.
    pub(super) networks: Vec<String>,
}

impl StandIn {
    /// The old container once more, of its own image.
    pub(super) fn of(detail: &Detail, key: &HashKey) -> Result<Self> {
        let image = LocalImage::read(&detail.image)?;
        let image_ref = image.reference(text(&detail.container, "/Config/Image"));
        let replacement = detail::replacement(&image_ref, &detail.image);
        let recreated = recreate::recreate(&detail.source()?, &replacement)?;
        Ok(Self {
            copy: Copy { image: image.id, image_ref, spec: recreated.spec_hash(key) },
            networks: recreated.connects.into_iter().map(|connect| connect.network).collect(),
        })
    }

    pub(super) fn verb(&self) -> Verb {
        let Copy { image, image_ref, spec } = self.copy.clone();
        Verb::CreateStandIn { image, image_ref, spec }
    }

    pub(super) fn note(&self) -> Note {
        Note::warning(
            "it was started with `--rm`, so its stop deletes it: the way back is a copy of it, with \
             the same settings under another id; a new container that exits is deleted as well, with \
             its log",
        )
    }
}
