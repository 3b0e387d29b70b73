//! The law on a real engine: `recreate(run(S, A), B) == run(S, B)`, one case a row.
//!
//! `STILLME_TEST_DOCKER` decides: `required` fails without an engine, `off` leaves these tests out,
//! `auto` (the default) leaves them out if no engine answers, and says so.

#![cfg(unix)]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test: a panic is how it fails")]

#[path = "law/engine.rs"]
mod engine;
#[path = "law/generated.rs"]
mod generated;
#[path = "law/lab.rs"]
mod lab;
#[path = "law/normal.rs"]
mod normal;
#[path = "law/rows.rs"]
mod rows;
#[path = "law/running.rs"]
mod running;
#[path = "law/settings.rs"]
mod settings;
#[path = "law/undecidable.rs"]
mod undecidable;

use engine::Engine;
use lab::Lab;
use normal::normal;
use rows::{Row, rows};
use serde_json::Value;

/// Every row: the container that was recreated is the one that a user would have got.
#[test]
fn a_recreated_container_is_the_one_that_was_asked_for() {
    let Some(lab) = Lab::open() else { return };
    let mut wrong = Vec::new();
    for row in rows(&lab) {
        if let Err(difference) = holds(&lab, &row) {
            wrong.push(format!("{}: {difference}", row.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What could not be decided once stays as it was decided: back and forth changes nothing more.
#[test]
fn six_generations_are_stable() {
    let Some(lab) = Lab::open() else { return };
    let images = [
        lab.image("ENV A=1 B=2\nLABEL v=1\nEXPOSE 80\nVOLUME /data\nUSER 7\nWORKDIR /a\nSTOPSIGNAL SIGINT\nENTRYPOINT [\"/e\"]\nCMD [\"a\"]\nHEALTHCHECK --interval=5s CMD [\"/h\"]"),
        lab.image("ENV A=3 C=4\nLABEL v=2 w=1\nEXPOSE 81\nVOLUME /more\nUSER 8\nWORKDIR /b\nENTRYPOINT [\"/f\"]\nCMD [\"b\"]\nHEALTHCHECK --interval=6s --retries=2 CMD [\"/i\"]"),
    ];
    let wanted = serde_json::json!({
        "Env": ["X=1", "B=9"], "Labels": {"team": "a"}, "Cmd": ["user"], "ExposedPorts": {"90/tcp": {}},
        "Healthcheck": {"Timeout": 3_000_000_000_u64},
        "HostConfig": {"RestartPolicy": {"Name": "always"}, "NetworkMode": lab.front()},
    });
    let networks = [(lab.front().to_owned(), serde_json::json!({"Aliases": ["web"]}))];
    let mut current = lab.run(&wanted, &networks, &images[0]);
    for generation in 0..6 {
        let target = &images[(generation + 1) % 2];
        let (next, recreated) = lab.recreate(&current, target);
        let direct = lab.run(&wanted, &networks, target);
        // Volumes of earlier generations stay bound: that is wanted, and all that is added.
        let mut found = normal(&lab.inspect(&next), &recreated.carried);
        let mut expected = normal(&lab.inspect(&direct), &[]);
        for side in [&mut found, &mut expected] {
            side["Mounts"].take();
            side["HostConfig"].as_object_mut().unwrap().remove("Binds");
        }
        assert_eq!(found, expected, "generation {generation}");
        current = next;
    }
}

fn holds(lab: &Lab, row: &Row) -> Result<(), String> {
    let (a, b) = (lab.image(&row.a), lab.image(&row.b));
    let old = lab.run(&row.wanted, &row.networks, &a);
    let (new, recreated) = lab.try_recreate(&old, &b)?;
    let direct = lab.run(&row.wanted, &row.networks, &b);
    let found = normal(&lab.inspect(&new), &recreated.carried);
    let expected = normal(&lab.inspect(&direct), &[]);
    for id in [&new, &direct, &old] {
        lab.remove(id);
    }
    if found == expected {
        return Ok(());
    }
    let mut lines = Vec::new();
    differences("", &found, &expected, &mut lines);
    Err(lines.join("; "))
}

/// The paths at which two answers differ.
fn differences(path: &str, found: &Value, expected: &Value, lines: &mut Vec<String>) {
    match (found.as_object(), expected.as_object()) {
        (Some(one), Some(two)) => {
            let keys: std::collections::BTreeSet<_> = one.keys().chain(two.keys()).collect();
            for key in keys {
                let at = |side: &serde_json::Map<String, Value>| {
                    side.get(key).cloned().unwrap_or_default()
                };
                differences(&format!("{path}/{key}"), &at(one), &at(two), lines);
            }
        }
        _ if found == expected => {}
        _ => lines.push(format!("{path} is {found}, not {expected}")),
    }
}
