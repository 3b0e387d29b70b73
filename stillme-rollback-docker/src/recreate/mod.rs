//! A container once more, from another image: the law `recreate(run(S, A), B) == run(S, B)`.
//!
//! An engine does not keep what a user asked for. It keeps the user's settings S merged with the
//! defaults of image A, and shows only the sum. Who creates a container of image B from that sum
//! freezes A's defaults in it for ever; who drops too much loses what the user said. So the merge
//! is inverted, field by field, with image A as evidence, and the rest is copied as raw JSON:
//! fields that this version does not know pass through.
//!
//! Everything here is pure. A setting that equals the default of image A may have been the user's
//! all the same; where that would change the result, it is named ([`Undecided`]) for the plan.
//!
//! ```
//! use serde_json::json;
//! use stillme_rollback_core::Secret;
//! use stillme_rollback_docker::recreate::{
//!     ApiVersion, EngineFacts, Replacement, Source, recreate,
//! };
//!
//! let id = "4f0c".repeat(16);
//! let container = json!({
//!     "Id": id, "Image": "sha256:new", "HostConfig": {"NetworkMode": "default"},
//!     "Config": {"Hostname": &id[..12], "Env": ["LEVEL=debug", "VERSION=2"], "User": "app"},
//! });
//! let image = |id: &str, version: &str| {
//!     let config = json!({"Env": [format!("VERSION={version}")], "User": "app"});
//!     Secret::new(json!({"Id": id, "Config": config}))
//! };
//! let engine = EngineFacts::new(ApiVersion::new(1, 41));
//! let source = Source::new(Secret::new(container), image("sha256:new", "2"), engine);
//! let recreated = recreate(&source, &Replacement::new("app:v1", image("sha256:old", "1")))?;
//!
//! // What the user said, and nothing of what the image said.
//! let body = recreated.body.expose();
//! assert_eq!(body["Env"], json!(["LEVEL=debug"]));
//! assert!(body.get("User").is_none() && body.get("Hostname").is_none());
//! # Ok::<(), stillme_rollback_core::Error>(())
//! ```

mod api;
mod command;
mod differences;
mod env;
mod health;
mod host;
mod hostname;
mod labels;
mod links;
mod mac;
mod merge;
mod namespace;
mod network;
mod ports;
mod raw;
mod scalars;
mod settings;
mod source;
mod spec;
mod undecided;
mod volumes;

use std::fmt;

use serde_json::Value;
use stillme_rollback_core::{Note, Result, Secret};

pub use self::api::ApiVersion;
pub use self::differences::{Change, Shown, differences};
pub(crate) use self::labels::add as add_labels;
pub(crate) use self::raw::is_unset;
pub(crate) use self::settings::RESTART_POLICY;
pub use self::settings::{changes, settings};
pub use self::source::{EngineFacts, Replacement, Source};
pub use self::undecided::Undecided;
pub use self::volumes::CarriedVolume;

use self::merge::Images;
use self::raw::Object;

/// What creates the container once more.
///
/// The requests hold the values of environment variables, so they are [`Secret`] and this type
/// shows none of them.
#[non_exhaustive]
pub struct Recreated {
    /// The body of `POST /containers/create`.
    pub body: Secret<Value>,
    /// The networks that are connected after the create and before the start, each its own
    /// request, in this order: engines below API 1.44 take one endpoint in a create.
    pub connects: Vec<Connect>,
    /// All networks of the container, the primary one first: what a running one is connected to
    /// when it takes the other's place.
    pub endpoints: Vec<Connect>,
    /// The anonymous volumes that the new container takes over by name.
    pub carried: Vec<CarriedVolume>,
    /// `--rm`: stopping the old container deletes it and its anonymous volumes at once, so nothing
    /// is left to start again.
    pub auto_remove: bool,
    /// What could not be decided, and matters.
    pub undecided: Vec<Undecided>,
    /// What else the reader of a plan should know.
    pub remarks: Vec<Note>,
}

/// One network to connect to: `POST /networks/{network}/connect`.
#[derive(Clone)]
#[non_exhaustive]
pub struct Connect {
    /// The network's name.
    pub network: String,
    /// The request's `EndpointConfig`.
    pub endpoint: Secret<Value>,
}

impl Recreated {
    /// Everything that the reader of a plan should know, ready for its notes.
    pub fn notes(&self) -> Vec<Note> {
        let mut notes = self.remarks.clone();
        notes.extend(undecided::note(&self.undecided));
        notes
    }
}

impl fmt::Debug for Recreated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recreated")
            .field("connects", &self.connects)
            .field("carried", &self.carried)
            .field("auto_remove", &self.auto_remove)
            .field("undecided", &self.undecided)
            .field("remarks", &self.remarks)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect").field("network", &self.network).finish_non_exhaustive()
    }
}

/// The requests that create `source` once more from the image of `replacement`.
///
/// # Errors
/// `Corrupt` if an inspect answer lacks what every one has; `Mismatch` if the image is not the one
/// that the container was made of; `NotFound` if the container shares a namespace or volumes with a
/// container that is gone. Nothing was touched in any case.
pub fn recreate(source: &Source, replacement: &Replacement) -> Result<Recreated> {
    source.check()?;
    let (old, new) = (source.image_config(), replacement.image_config());
    let images = Images { old, new };
    let mut undecided = Vec::new();
    let mut remarks = Vec::new();

    let mut host = host::copy(source)?;
    let mut user = source.config()?.clone();
    merge::unmerge(&mut user, &images, source.port_bindings(), &mut undecided);
    labels::put(&mut user, &replacement.labels);
    hostname::restore(&mut user, source);
    let carried = volumes::carry(&mut host, source);
    let mac = mac::take(&mut user, source, &mut remarks);
    let mut networks = network::endpoints(source, mac.as_deref(), &mut remarks);
    namespace::strip(&mut user, &mut host);
    if replacement.pin_ephemeral_ports {
        ports::pin(&mut host, source.published_ports());
    }
    remarks.extend(ports::moving(&host));

    user.insert("Image".to_owned(), Value::from(replacement.image_ref.as_str()));
    let auto_remove = host.get("AutoRemove") == Some(&Value::Bool(true));
    user.insert("HostConfig".to_owned(), Value::Object(host));
    if !networks.at_create.is_empty() {
        let endpoints = std::mem::take(&mut networks.at_create);
        user.insert("NetworkingConfig".to_owned(), endpoints_config(endpoints));
    }
    Ok(Recreated {
        body: Secret::new(Value::Object(user)),
        connects: networks.afterwards,
        endpoints: networks.all,
        carried,
        auto_remove,
        undecided,
        remarks,
    })
}

fn endpoints_config(endpoints: Object) -> Value {
    Value::Object(Object::from_iter([("EndpointsConfig".to_owned(), Value::Object(endpoints))]))
}

#[cfg(test)]
mod tests;
