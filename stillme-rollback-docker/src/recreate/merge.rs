//! The engine's merge of a user's settings with an image's defaults, forwards and backwards.

use super::raw::Object;
use super::undecided::Undecided;
use super::{command, env, health, labels, ports, scalars, volumes};

/// The `Config` of the image that runs and of the one that shall.
pub(super) struct Images<'a> {
    /// The image that the container was made of.
    pub(super) old: &'a Object,
    /// The image that it is created from now.
    pub(super) new: &'a Object,
}

/// What an image says of itself, and no container setting of the user: it comes with the image.
const IMAGE_DATA: [&str; 4] = ["ArgsEscaped", "OnBuild", "Shell", "Image"];

/// Turns a container's `Config` into what the user asked for.
pub(super) fn unmerge(
    config: &mut Object,
    images: &Images<'_>,
    port_bindings: &Object,
    undecided: &mut Vec<Undecided>,
) {
    for key in IMAGE_DATA {
        config.remove(key);
    }
    env::unmerge(config, images, undecided);
    command::unmerge(config, images, undecided);
    labels::unmerge(config, images, undecided);
    ports::unmerge(config, images, port_bindings, undecided);
    volumes::unmerge(config, images);
    scalars::unmerge(config, images, undecided);
    health::unmerge(config, images, undecided);
}

/// What an engine makes of the user's settings and an image: the `Config` that inspect will show.
pub(super) fn merge(user: &Object, image: &Object) -> Object {
    let mut config = user.clone();
    env::merge(&mut config, image);
    command::merge(&mut config, image);
    labels::merge(&mut config, image);
    ports::merge(&mut config, image);
    volumes::merge(&mut config, image);
    scalars::merge(&mut config, image);
    health::merge(&mut config, image);
    config
}
