use std::sync::Arc;
use std::time::SystemTime;

use stillme_rollback_core::{Plan, Release, RunId, Target, Version};

use super::*;
use crate::names::ImageId;

const IMAGE: char = 'c';

fn id(digit: char) -> ContainerId {
    ContainerId::new(digit.to_string().repeat(64)).unwrap()
}

fn image(digit: char) -> ImageId {
    ImageId::new(format!("sha256:{}", digit.to_string().repeat(64))).unwrap()
}

fn run() -> Run {
    let release = |v: &str| Release::new(Version::new(v).unwrap());
    let target = Target::new("docker", "engine", "web").unwrap();
    let plan = Plan::new("create-first", target, release("v2"), release("v1"));
    Run { id: RunId::from_parts(SystemTime::UNIX_EPOCH, 7), plan: Arc::new(plan) }
}

fn container(digit: char, name: &str, state: &str) -> ContainerSummary {
    let mut container = ContainerSummary::new(id(digit));
    container.name = Some(ContainerName::new(name).unwrap());
    container.state = state.to_owned();
    container
}

fn ours(digit: char, name: &str, state: &str) -> ContainerSummary {
    let mut container = container(digit, name, state);
    container.image_id = Some(image(IMAGE));
    container.labels.insert(LABEL_RUN.to_owned(), run().id.to_string());
    container
}

fn facts(all: &[ContainerSummary]) -> Facts {
    let name = ContainerName::new("web").unwrap();
    Scene::of(&run(), &name, &id('a'), all).facts(image(IMAGE).as_str())
}

#[test]
fn every_state_of_a_run_is_told() {
    let waiting = |state| ours('b', "web.rbn-00000007", state);
    for (what, all, name, old, new) in [
        ("before", vec![container('a', "web", "running")], "old", "up", "absent"),
        (
            "created",
            vec![container('a', "web", "running"), waiting("created")],
            "old",
            "up",
            "created",
        ),
        (
            "stopped",
            vec![container('a', "web", "exited"), waiting("created")],
            "old",
            "down",
            "created",
        ),
        ("started", vec![container('a', "web", "exited"), waiting("running")], "old", "down", "up"),
        (
            "crash loop",
            vec![container('a', "web", "exited"), waiting("restarting")],
            "old",
            "down",
            "crashing",
        ),
        (
            "exited",
            vec![container('a', "web", "exited"), waiting("exited")],
            "old",
            "down",
            "exited",
        ),
        (
            "set aside",
            vec![container('a', "web.rbo-00000007", "exited"), waiting("running")],
            "free",
            "down",
            "up",
        ),
        (
            "taken over",
            vec![container('a', "web.rbo-00000007", "exited"), ours('b', "web", "running")],
            "new",
            "down",
            "up",
        ),
        (
            "going",
            vec![container('a', "web", "running"), waiting("removing")],
            "old",
            "up",
            "removing",
        ),
    ] {
        let facts = facts(&all);
        assert_eq!(facts.foreign, None, "{what}");
        assert_eq!(facts.get(key::NAME), Some(name), "{what}");
        assert_eq!(facts.get(key::OLD), Some(old), "{what}");
        assert_eq!(facts.get(key::NEW), Some(new), "{what}");
    }
}

#[test]
fn somebody_elses_work_is_told_apart() {
    for (all, part) in [
        (vec![container('d', "web", "running")], "is now container dddddddddddd"),
        (
            vec![container('a', "web-old", "exited"), container('d', "web", "running")],
            "is now container",
        ),
        (vec![], "was removed"),
        (vec![container('a', "elsewhere", "running")], "renamed to `elsewhere`"),
    ] {
        let foreign = facts(&all).foreign.unwrap_or_else(|| panic!("{part}")).to_string();
        assert!(foreign.contains(part), "{foreign}");
    }
}

#[test]
fn a_late_second_create_is_a_stray_and_the_named_one_is_ours() {
    let all = [
        ours('e', "web.rbn-00000007", "created"),
        ours('b', "web", "running"),
        container('a', "web.rbo-00000007", "exited"),
    ];
    let facts = facts(&all);
    assert_eq!(facts.get(key::STRAYS), Some("some"));
    assert_eq!(facts.get(key::NEW), Some("up"));
}

#[test]
fn another_image_than_the_pinned_one_is_seen() {
    let mut new = ours('b', "web.rbn-00000007", "created");
    new.image_id = Some(image('f'));
    let facts = facts(&[container('a', "web", "running"), new]);
    assert_eq!(facts.get(key::NEW), Some("wrong-image"));
}
