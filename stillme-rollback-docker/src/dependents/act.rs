//! What a step does to a dependent, as data.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::action::Copy;
use crate::names::{ContainerId, ContainerName, ImageId};

/// A dependent as a plan names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Holder {
    /// The container that holds on to the old one.
    pub(crate) id: ContainerId,
    pub(crate) name: ContainerName,
}

/// One step's instruction for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "kebab-case")]
pub(crate) enum Act {
    /// Creates it once more, holding on to the new container.
    Create { image: ImageId, image_ref: String, spec: String },
    /// The engine shall not start the old one by itself any more.
    Hold {
        policy: Value,
        #[serde(default)]
        was_up: bool,
    },
    /// Stops the old one.
    Stop { grace_seconds: u64 },
    /// Starts the new one.
    Start { grace_seconds: u64 },
    /// The old one gives up its name.
    SetAside,
    /// The new one gets it.
    TakeOver,
    /// Nothing that the run made is left beside the new one.
    ClearStrays,
}

/// What a plan orders for a dependent, read once.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) holder: Holder,
    pub(crate) copy: Copy,
}
