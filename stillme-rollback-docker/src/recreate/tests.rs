//! Tables: one case a row, on answers of an engine as they are written by hand.

mod config;
mod explain;
mod host;
mod law;
mod network;
mod settings;
mod volumes;

use serde_json::{Map, Value, json};
use stillme_rollback_core::{Result, Secret};

use super::{ApiVersion, EngineFacts, Recreated, Replacement, Source, recreate};

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const OTHER: &str = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";
const OLD_IMAGE: &str = "sha256:aaaa";
const V1_41: ApiVersion = ApiVersion::new(1, 41);
const V1_44: ApiVersion = ApiVersion::new(1, 44);
const V1_51: ApiVersion = ApiVersion::new(1, 51);
const V1_52: ApiVersion = ApiVersion::new(1, 52);

/// An inspect answer in the making: each part is laid over what every container has.
#[derive(Clone)]
struct Given {
    config: Value,
    host: Value,
    networks: Value,
    ports: Value,
    mounts: Value,
    old: Value,
    new: Value,
    engine: EngineFacts,
    names: Vec<(&'static str, &'static str)>,
    pin: bool,
}

impl Default for Given {
    fn default() -> Self {
        Self {
            config: json!({}),
            host: json!({}),
            networks: json!({"bridge": {"IPAMConfig": null, "NetworkID": "n1"}}),
            ports: json!({}),
            mounts: json!([]),
            old: json!({}),
            new: json!({}),
            engine: EngineFacts::new(V1_41),
            names: Vec::new(),
            pin: false,
        }
    }
}

impl Given {
    fn source(&self) -> Source {
        let config = over(json!({"Hostname": &ID[..12], "Image": "app:v2"}), &self.config);
        let host = over(json!({"NetworkMode": "default", "Binds": null}), &self.host);
        let container = json!({
            "Id": ID,
            "Image": OLD_IMAGE,
            "Config": config,
            "HostConfig": host,
            "Mounts": self.mounts,
            "NetworkSettings": {"Networks": self.networks, "Ports": self.ports},
        });
        let names = self.names.iter().map(|(id, name)| ((*id).into(), (*name).into()));
        let image = json!({"Id": OLD_IMAGE, "Config": self.old});
        Source::new(Secret::new(container), Secret::new(image), self.engine.clone())
            .with_names(names.collect())
    }

    fn replacement(&self) -> Replacement {
        let replacement = Replacement::new(
            "app:v1",
            Secret::new(json!({"Id": "sha256:bbbb", "Config": self.new})),
        );
        if self.pin { replacement.with_pinned_ports() } else { replacement }
    }

    fn recreate(&self) -> Result<Recreated> {
        recreate(&self.source(), &self.replacement())
    }
}

fn over(base: Value, more: &Value) -> Value {
    let (Value::Object(mut base), Some(more)) = (base, more.as_object()) else {
        panic!("both are objects");
    };
    base.extend(more.clone());
    Value::Object(base)
}

/// The entries under `pointer` of the create body.
fn part(recreated: &Recreated, pointer: &str) -> Map<String, Value> {
    let part = recreated.body.expose().pointer(pointer);
    part.and_then(Value::as_object).cloned().unwrap_or_default()
}

/// Asserts each key of `expected`; `null` there means that the key is not sent.
fn assert_part(row: &str, found: &Map<String, Value>, expected: &Value) {
    for (key, value) in expected.as_object().expect("an object") {
        let found = found.get(key).unwrap_or(&Value::Null);
        assert_eq!(found, value, "{row}: {key}");
    }
}
