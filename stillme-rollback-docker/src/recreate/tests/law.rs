//! The law on generated settings and images, against a model of an engine's merge that shares no
//! code with what is tested.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use super::{Given, ID};

type Config = Map<String, Value>;

/// What an engine shows of a container that was created with `user` from an image.
///
/// Written after the engine's documented rules, on JSON, field by field.
fn engine_merge(user: &Config, image: &Config) -> Config {
    let mut shown = user.clone();
    let list = |of: &Config, key: &str| of.get(key).and_then(Value::as_array).cloned();
    let map = |of: &Config, key: &str| {
        of.get(key).and_then(Value::as_object).cloned().unwrap_or_default()
    };
    let name = |entry: &Value| entry.as_str().unwrap().split('=').next().unwrap().to_owned();

    let mut env = list(user, "Env").unwrap_or_default();
    if env.is_empty() {
        env = list(image, "Env").unwrap_or_default();
    } else {
        for entry in list(image, "Env").unwrap_or_default() {
            if env.iter().all(|own| name(own) != name(&entry)) {
                env.push(entry);
            }
        }
    }
    shown.insert("Env".into(), env.into());

    let (mut entrypoint, mut cmd) = (list(user, "Entrypoint"), list(user, "Cmd"));
    if entrypoint.as_ref().is_none_or(Vec::is_empty) {
        if cmd.as_ref().is_none_or(Vec::is_empty) {
            cmd = list(image, "Cmd");
        }
        if entrypoint.is_none() {
            entrypoint = list(image, "Entrypoint");
        }
    }
    if entrypoint.as_deref() == Some(&[json!("")]) {
        entrypoint = None;
    }
    shown.insert("Entrypoint".into(), entrypoint.into());
    shown.insert("Cmd".into(), cmd.into());

    for key in ["Labels", "ExposedPorts", "Volumes"] {
        let mut both = map(image, key);
        both.extend(map(user, key));
        shown.insert(key.into(), both.into());
    }
    for key in ["User", "WorkingDir", "StopSignal"] {
        let own = user.get(key).and_then(Value::as_str).unwrap_or("");
        let default = image.get(key).and_then(Value::as_str).unwrap_or("");
        shown.insert(key.into(), if own.is_empty() { default } else { own }.into());
    }
    let mut health = map(image, "Healthcheck");
    health.extend(map(user, "Healthcheck"));
    shown.insert("Healthcheck".into(), health.into());
    shown
}

/// The settings of a user that do not equal what the image says: those of which no engine can tell
/// whose they are, are another test's.
fn decidable(user: &Config, image: &Config) -> Config {
    let mut user = user.clone();
    for key in ["Labels", "ExposedPorts", "Volumes", "Healthcheck"] {
        let image = image.get(key).and_then(Value::as_object).cloned().unwrap_or_default();
        if let Some(Value::Object(own)) = user.get_mut(key) {
            own.retain(|name, value| image.get(name) != Some(value));
        }
    }
    for key in ["User", "WorkingDir", "StopSignal"] {
        if user.get(key) == image.get(key) {
            user.remove(key);
        }
    }
    user
}

/// The settings of a user of which none at all equals the image's, so that nothing is left to guess.
fn apart(user: &Config, image: &Config) -> Config {
    let mut user = decidable(user, image);
    let default = image["Env"].as_array().unwrap();
    if let Some(Value::Array(env)) = user.get_mut("Env") {
        env.retain(|entry| !default.contains(entry));
    }
    // A reset of nothing is a reset that nobody can see.
    let resets_nothing = user["Entrypoint"] == json!([""]) && image["Entrypoint"].is_null();
    if user["Entrypoint"] == image["Entrypoint"] || user["Cmd"] == image["Cmd"] || resets_nothing {
        user.insert("Entrypoint".to_owned(), Value::Null);
        user.insert("Cmd".to_owned(), Value::Null);
    }
    user
}

fn env() -> impl Strategy<Value = Value> {
    let entry = (select(vec!["A", "B", "C", "D"]), select(vec!["1", "2", "x=y", ""]));
    prop::collection::vec(entry, 0..5).prop_map(|entries| {
        let mut seen = std::collections::BTreeSet::new();
        let entries = entries.into_iter().filter(|(key, _)| seen.insert(*key));
        entries.map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().into()
    })
}

fn words(of: &'static [&'static [&'static str]]) -> impl Strategy<Value = Value> {
    prop::option::of(select(of.to_vec()))
        .prop_map(|words| words.map_or(Value::Null, |words| json!(words)))
}

fn set(of: &'static [&'static str]) -> impl Strategy<Value = Value> {
    prop::sample::subsequence(of.to_vec(), 0..=of.len()).prop_map(|keys| {
        keys.into_iter().map(|key| (key.to_owned(), json!({}))).collect::<Config>().into()
    })
}

fn labels() -> impl Strategy<Value = Value> {
    prop::collection::btree_map(select(vec!["a", "b", "c"]), select(vec!["1", "2"]), 0..3)
        .prop_map(|labels| json!(labels))
}

fn health() -> impl Strategy<Value = Value> {
    let field = prop_oneof![
        select(vec![json!(["CMD", "/h"]), json!(["CMD-SHELL", "x"]), json!(["NONE"])])
            .prop_map(|test| ("Test", test)),
        (select(vec!["Interval", "Timeout", "Retries", "StartPeriod", "StartInterval"]), 1..3u32)
            .prop_map(|(field, value)| (field, json!(value))),
    ];
    prop::collection::vec(field, 0..4).prop_map(|fields| {
        fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Config>().into()
    })
}

/// Settings, of a user or of an image; an image never has an empty entrypoint.
fn config(entrypoints: &'static [&'static [&'static str]]) -> impl Strategy<Value = Config> {
    let word = || select(vec!["", "x", "y"]);
    (
        (env(), words(entrypoints), words(&[&["c"], &["d", "e"]]), labels()),
        (set(&["80/tcp", "81/tcp", "82/udp"]), set(&["/a", "/b"]), health()),
        (word(), word(), word()),
    )
        .prop_map(
            |((env, entrypoint, cmd, labels), (ports, volumes, health), (user, dir, signal))| {
                let config = json!({
                    "Env": env, "Entrypoint": entrypoint, "Cmd": cmd, "Labels": labels,
                    "ExposedPorts": ports, "Volumes": volumes, "Healthcheck": health,
                    "User": user, "WorkingDir": dir, "StopSignal": signal,
                });
                config.as_object().unwrap().clone()
            },
        )
}

fn user() -> impl Strategy<Value = Config> {
    config(&[&["/e"], &["/u", "v"], &[], &[""]])
}

fn image() -> impl Strategy<Value = Config> {
    config(&[&["/e"], &["/i"]])
}

/// What is asked for, of a container that shows this.
fn asked(shown: &Config, old: &Config, new: &Config) -> (Config, Vec<String>) {
    let given = Given {
        config: Value::Object(shown.clone()),
        old: Value::Object(old.clone()),
        new: Value::Object(new.clone()),
        ..Given::default()
    };
    let recreated = given.recreate().unwrap();
    let body = recreated.body.expose().as_object().unwrap().clone();
    (body, recreated.undecided.iter().map(ToString::to_string).collect())
}

/// What is compared: the merged settings, with one way to write "nothing".
fn comparable(config: &Config) -> Config {
    let mut config = config.clone();
    config.retain(|key, value| {
        let empty = value.as_str().is_some_and(str::is_empty)
            || value.as_array().is_some_and(Vec::is_empty)
            || value.as_object().is_some_and(Map::is_empty);
        !value.is_null() && !empty && !matches!(key.as_str(), "HostConfig" | "Image" | "Hostname")
    });
    config
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// `recreate(run(S, A), B) == run(S, B)`, or what differs is named.
    #[test]
    fn the_law_holds(user in user(), a in image(), b in image()) {
        let user = decidable(&user, &a);
        let (asked, undecided) = asked(&engine_merge(&user, &a), &a, &b);
        let found = comparable(&engine_merge(&asked, &b));
        let expected = comparable(&engine_merge(&user, &b));
        for key in found.keys().chain(expected.keys()) {
            if found.get(key) == expected.get(key) {
                continue;
            }
            let named = match key.as_str() {
                "Env" => differing(&found, &expected).iter().all(|name| undecided.contains(name)),
                "Entrypoint" | "Cmd" => undecided.iter().any(|name| name.starts_with("entrypoint")),
                _ => false,
            };
            prop_assert!(named, "{key}: {:?} is not {:?} ({undecided:?})", found.get(key), expected.get(key));
        }
    }

    /// With nothing of a user that equals the image's, nothing differs at all.
    #[test]
    fn the_law_holds_to_the_letter_where_user_and_image_have_nothing_in_common(
        user in user(), a in image(), b in image()
    ) {
        let user = apart(&user, &a);
        let (asked, _) = asked(&engine_merge(&user, &a), &a, &b);
        prop_assert_eq!(comparable(&engine_merge(&asked, &b)), comparable(&engine_merge(&user, &b)));
    }

    /// A container that goes back and forth six times is what the user asked for each time.
    #[test]
    fn six_generations_are_stable(user in user(), a in image(), b in image()) {
        let user = apart(&apart(&user, &a), &b);
        let mut shown = engine_merge(&user, &a);
        for generation in 0..6 {
            let (old, new) = if generation % 2 == 0 { (&a, &b) } else { (&b, &a) };
            shown = engine_merge(&asked(&shown, old, new).0, new);
            let expected = comparable(&engine_merge(&user, new));
            prop_assert_eq!(comparable(&shown), expected, "generation {}", generation);
        }
    }

    /// With the same image nothing changes, whoever set what.
    #[test]
    fn the_same_image_gives_the_same_container(user in user(), a in image()) {
        let shown = engine_merge(&user, &a);
        let (asked, undecided) = asked(&shown, &a, &a);
        prop_assert_eq!(comparable(&engine_merge(&asked, &a)), comparable(&shown));
        prop_assert_eq!(undecided, Vec::<String>::new());
    }
}

/// The variables that are not the same in both. Their places may differ: it is one environment.
fn differing(one: &Config, two: &Config) -> Vec<String> {
    let entries =
        |config: &Config| config.get("Env").and_then(Value::as_array).cloned().unwrap_or_default();
    let (one, two) = (entries(one), entries(two));
    let missing = |from: &[Value], other: &[Value]| -> Vec<_> {
        let missing = from.iter().filter(|entry| !other.contains(entry)).cloned();
        missing
            .map(|entry| format!("env {}", entry.as_str().unwrap().split('=').next().unwrap()))
            .collect()
    };
    [missing(&one, &two), missing(&two, &one)].concat()
}

#[test]
fn the_model_is_not_the_code() {
    // The model must show what an engine shows, or the law would be one of our own making.
    let user = json!({"Entrypoint": [""], "Cmd": ["x"], "Env": ["B=2"]});
    let image = json!({"Entrypoint": ["/e"], "Cmd": ["c"], "Env": ["A=1", "B=1"]});
    let shown = engine_merge(user.as_object().unwrap(), image.as_object().unwrap());
    assert_eq!(shown["Entrypoint"], Value::Null);
    assert_eq!(shown["Cmd"], json!(["x"]));
    assert_eq!(shown["Env"], json!(["B=2", "A=1"]));
    assert_eq!(ID.len(), 64);
}
