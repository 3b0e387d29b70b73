//! What differs between two resolved configurations, by path. Values are not shown: they are secrets.

use std::collections::BTreeSet;

use serde_json::Value;
use stillme_rollback_core::Printable;

use super::names::ServiceName;

/// The paths at which two configurations differ, without those of `services`' images. Extensions at the
/// top (`x-common`) mean nothing to Compose but by what refers to them, which is looked at.
pub(super) fn beside_images<'a>(
    before: &Value,
    after: &Value,
    services: impl IntoIterator<Item = &'a ServiceName>,
) -> Vec<String> {
    let allowed: BTreeSet<Vec<&str>> =
        services.into_iter().map(|name| vec!["services", name.as_str(), "image"]).collect();
    let mut found = Vec::new();
    walk(before, after, &mut Vec::new(), &mut |path| {
        let is_extension = path.first().is_some_and(|first| first.starts_with("x-"));
        if !is_extension && !allowed.contains(path) {
            found.push(shown(path));
        }
    });
    found
}

fn walk<'a>(
    before: &'a Value,
    after: &'a Value,
    path: &mut Vec<&'a str>,
    found: &mut impl FnMut(&[&'a str]),
) {
    match (before, after) {
        (Value::Object(one), Value::Object(other)) => {
            let keys: BTreeSet<_> = one.keys().chain(other.keys()).collect();
            for key in keys {
                path.push(key);
                match (one.get(key), other.get(key)) {
                    (Some(one), Some(other)) => walk(one, other, path, found),
                    _ => found(path),
                }
                path.pop();
            }
        }
        _ if before == after => {}
        _ => found(path),
    }
}

fn shown(path: &[&str]) -> String {
    if path.is_empty() { "everything".to_owned() } else { Printable(&path.join(".")).to_string() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_images_of_the_services_that_go_back_may_differ() {
        let web = ServiceName::new("web").unwrap();
        let before = json!({"services": {
            "web": {"image": "a:2", "environment": {"A": "1"}, "ports": [1]},
            "db": {"image": "d:1"},
        }});
        let with = |change: &dyn Fn(&mut Value)| {
            let mut after = before.clone();
            after["services"]["web"]["image"] = json!("a:1");
            change(&mut after);
            beside_images(&before, &after, [&web])
        };
        type Row<'a> = (&'a dyn Fn(&mut Value), &'a [&'a str]);
        let cases: [Row<'_>; 9] = [
            (&|_| {}, &[]),
            (&|v| v["services"]["db"]["image"] = json!("d:2"), &["services.db.image"]),
            (
                &|v| v["services"]["web"]["environment"]["A"] = json!("canary"),
                &["services.web.environment.A"],
            ),
            (
                &|v| v["services"]["web"]["environment"]["B"] = json!("canary"),
                &["services.web.environment.B"],
            ),
            (&|v| v["services"]["web"]["ports"] = json!([1, 2]), &["services.web.ports"]),
            (&|v| v["volumes"] = json!({}), &["volumes"]),
            (&|v| v["x-image"] = json!("a:1"), &[]),
            (&|v| v["services"]["web"]["x-a"] = json!(1), &["services.web.x-a"]),
            (
                &|v| {
                    v["services"].as_object_mut().unwrap().remove("db");
                },
                &["services.db"],
            ),
        ];
        for (change, expected) in cases {
            assert_eq!(with(change), expected);
        }
        assert_eq!(beside_images(&json!(1), &json!(2), [&web]), ["everything"]);
    }

    #[test]
    fn a_service_of_a_dotted_name_is_not_mistaken_for_a_path() {
        let dotted = ServiceName::new("web.image").unwrap();
        let (before, after) = (
            json!({"services": {"web": {"image": {"image": 1}}}}),
            json!({"services": {"web": {"image": {"image": 2}}}}),
        );
        assert_eq!(beside_images(&before, &after, [&dotted]).len(), 1);
    }
}
