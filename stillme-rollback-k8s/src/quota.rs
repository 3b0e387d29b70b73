//! Whether a namespace's quotas leave room for more pods.

use serde_json::Value;

use crate::object;

/// What more pods would exceed, for people: `quota small: pods 3 of 4 used, 2 more wanted`. Empty if there is room, as
/// far as quotas tell.
pub(crate) fn exceeded(quotas: &[&Value], template: &Value, pods: i64) -> Vec<String> {
    let mut found = Vec::new();
    if pods <= 0 {
        return found;
    }
    // More pods than a number of this kind can't tell apart don't exist.
    #[expect(clippy::cast_precision_loss, reason = "pods are few")]
    let pods = pods as f64;
    for quota in quotas {
        let hard = quota.pointer("/status/hard").and_then(Value::as_object);
        for (resource, hard) in hard.into_iter().flatten() {
            let each = each_pod(template, resource);
            let used = quota.pointer("/status/used").and_then(|used| used.get(resource));
            let used = used.and_then(Value::as_str).and_then(quantity).unwrap_or_default();
            let (Some(each), Some(limit)) = (each, hard.as_str().and_then(quantity)) else {
                continue;
            };
            if used + each * pods > limit {
                let name = object::name(quota);
                found.push(format!(
                    "quota {name}: {resource} {used} of {limit} used, {} more wanted",
                    each * pods
                ));
            }
        }
    }
    found
}

/// What one pod of a template takes of a resource; `None` for resources that say nothing of pods.
fn each_pod(template: &Value, resource: &str) -> Option<f64> {
    let (kind, what) = match resource {
        "pods" | "count/pods" => return Some(1.0),
        "cpu" | "memory" => ("requests", resource),
        _ => resource.split_once('.').filter(|(kind, _)| matches!(*kind, "requests" | "limits"))?,
    };
    if !matches!(what, "cpu" | "memory") {
        return None;
    }
    let containers = template.pointer("/spec/containers").and_then(Value::as_array);
    let each = containers.into_iter().flatten().filter_map(|container| {
        container.pointer(&format!("/resources/{kind}/{what}"))?.as_str().and_then(quantity)
    });
    Some(each.sum())
}

/// A quantity as the API writes it: `500m`, `1Gi`, `2`, `1e3`
/// (<https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/>).
fn quantity(text: &str) -> Option<f64> {
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, suffix) = text.split_at(split);
    let scale = match suffix {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024.0,
        "Mi" => 1_048_576.0,
        "Gi" => 1_073_741_824.0,
        "Ti" => 1_099_511_627_776.0,
        // An exponent: `1e3`, `1E3`.
        _ => return text.parse().ok(),
    };
    number.parse::<f64>().ok().map(|number| number * scale)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn quantities_are_read() {
        for (text, expected) in [
            ("2", Some(2.0)),
            ("500m", Some(0.5)),
            ("1Gi", Some(1_073_741_824.0)),
            ("1e3", Some(1000.0)),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(quantity(text), expected, "{text}");
        }
    }

    #[test]
    fn what_has_no_room_is_named() {
        let quota = json!({"metadata": {"name": "small"}, "status": {
            "hard": {"pods": "4", "requests.cpu": "1", "limits.memory": "1Gi", "services": "1"},
            "used": {"pods": "3", "requests.cpu": "500m", "limits.memory": "0", "services": "1"},
        }});
        let template = json!({"spec": {"containers": [
            {"resources": {"requests": {"cpu": "250m"}, "limits": {"memory": "64Mi"}}},
        ]}});
        assert!(exceeded(&[&quota], &template, 1).is_empty());
        assert!(exceeded(&[&quota], &template, 0).is_empty());
        let found = exceeded(&[&quota], &template, 3);
        assert_eq!(
            found,
            [
                "quota small: pods 3 of 4 used, 3 more wanted",
                "quota small: requests.cpu 0.5 of 1 used, 0.75 more wanted",
            ]
        );
    }
}
