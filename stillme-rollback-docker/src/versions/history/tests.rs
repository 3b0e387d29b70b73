use std::time::SystemTime;

use serde_json::json;

use super::*;

fn hex(n: u8) -> String {
    format!("{n:02x}").repeat(32)
}

fn image(n: u8) -> ImageId {
    ImageId::new(format!("sha256:{}", hex(n))).unwrap()
}

fn run(n: u128) -> RunId {
    RunId::from_parts(SystemTime::UNIX_EPOCH, n)
}

/// The container `web` of image `n`, made by a run from container `from`.
fn web(n: u8, from: Option<u8>) -> Value {
    json!({
        "Id": hex(0xcc), "Name": "/web", "Image": image(n).as_str(),
        "Config": {"Image": "app:v1", "Labels": from.map(|from| json!({LABEL_FROM: hex(from)}))},
    })
}

fn aside(id: u8, n: u8, by: Option<u128>) -> Aside {
    Aside {
        id: ContainerId::new(hex(id)).unwrap(),
        name: ContainerName::new(format!("web.rbo-0000000{id}")).unwrap(),
        image: image(n),
        made_from: None,
        run: by.map(run),
    }
}

fn verified(n: u8, by: u128) -> Release {
    Release::new(Version::new(image(n).as_str()).unwrap())
        .with_evidence(Evidence::VerifiedBy { run: run(by) })
}

fn assembled(container: &Value, aside: Vec<Aside>, images: &[u8], records: &[Release]) -> History {
    let images: Vec<ImageSummary> = images
        .iter()
        .map(|n| {
            let mut summary = ImageSummary::new(image(*n));
            summary.tags = vec![format!("app:v{n}")];
            summary
        })
        .collect();
    assemble(container, "app:v1".parse().ok(), aside, &images, records).unwrap()
}

fn previous_of(history: &History) -> Option<String> {
    history.previous.as_ref().map(|release| release.version.to_string())
}

/// What runs, what was put aside (container, image, by run), what is recorded, and what ran before.
#[test]
fn what_ran_before_is_proven_or_unknown() {
    let to = |n: u8| Some(image(n).to_string());
    for (name, container, kept, records, expected) in [
        ("images alone prove nothing", web(3, None), vec![], vec![], None),
        ("a kept container", web(3, None), vec![aside(1, 2, None)], vec![], to(2)),
        (
            "the newest kept container",
            web(3, None),
            vec![aside(1, 2, None), aside(2, 1, None)],
            vec![],
            to(2),
        ),
        (
            "what the running one replaced",
            web(3, Some(2)),
            vec![aside(1, 2, None), aside(2, 1, None)],
            vec![],
            to(1),
        ),
        (
            "a kept one of the same image is no way back",
            web(3, None),
            vec![aside(1, 3, None)],
            vec![],
            None,
        ),
        ("a record", web(3, None), vec![], vec![verified(1, 7)], to(1)),
        ("a record of what runs is no way back", web(3, None), vec![], vec![verified(3, 7)], None),
        (
            "a record before what a run left",
            web(3, None),
            vec![aside(1, 2, Some(7))],
            vec![verified(1, 7)],
            to(1),
        ),
        (
            "not what was verified and then left",
            web(3, None),
            vec![],
            vec![verified(2, 7).with_evidence(Evidence::LeftBy { run: run(8) }), verified(1, 6)],
            to(1),
        ),
        (
            "back to what a run left, if that is all there is",
            web(1, Some(1)),
            vec![aside(1, 2, Some(7))],
            vec![],
            to(2),
        ),
    ] {
        let history = assembled(&container, kept, &[1, 2, 3], &records);
        assert_eq!(previous_of(&history), expected, "{name}");
    }
}

#[test]
fn a_release_stands_once_with_all_its_evidence() {
    let kept = vec![aside(1, 2, Some(7))];
    let history = assembled(&web(3, None), kept, &[3, 2, 1], &[verified(2, 5)]);
    let versions: Vec<&str> = history.releases.iter().map(|r| r.version.as_str()).collect();
    assert_eq!(versions, [image(2).as_str(), image(1).as_str()]);
    assert_eq!(
        history.releases[0].evidence,
        [
            Evidence::VerifiedBy { run: run(5) },
            Evidence::Kept { instance: "web.rbo-00000001".to_owned() },
            Evidence::LeftBy { run: run(7) },
            Evidence::LocalImage,
        ]
    );
    assert_eq!(history.releases[0].image.as_ref().unwrap().as_str(), "app:v2");
    assert_eq!(history.running.evidence, [Evidence::Running, Evidence::LocalImage]);
}

#[test]
fn names_of_images_are_told_from_ids() {
    for (text, named) in [
        ("app:v1", Some("app:v1")),
        ("app", Some("app:latest")),
        ("r:5000/team/app", Some("r:5000/team/app:latest")),
        (image(1).as_str(), None),
        (&hex(1)[..12], None),
        ("", None),
    ] {
        assert_eq!(named_image(text).as_ref().map(ImageRef::as_str), named, "{text}");
    }
}

#[test]
fn only_containers_of_this_name_were_put_aside_for_it() {
    let run = run(7);
    let named = |id: u8, name: &str| {
        let mut container = ContainerSummary::new(ContainerId::new(hex(id)).unwrap());
        container.name = ContainerName::new(name).ok();
        container
    };
    let web = ContainerName::new("web").unwrap();
    let mut made = named(9, "web");
    made.labels.insert(LABEL_RUN.to_owned(), run.to_string());
    let all = [
        named(1, web.aside(&run).unwrap().as_str()),
        named(2, "web.rbo-zzzzzzzz"),
        named(3, web.waiting(&run).unwrap().as_str()),
        named(4, "web2.rbo-zzzzzzzz"),
        named(5, "web.rbo-short"),
        made,
    ];
    let found: Vec<_> =
        put_aside(&web, &all).into_iter().map(|(c, run)| (c.id.as_str().to_owned(), run)).collect();
    assert_eq!(found, [(hex(1), Some(run)), (hex(2), None)]);
}

#[test]
fn a_container_that_a_run_left_aside_is_named_when_its_name_is_missing() {
    let web = ContainerName::new("web").unwrap();
    assert!(missing(&web, &[]).to_string().contains("docker ps"));
    let mut left = ContainerSummary::new(ContainerId::new(hex(1)).unwrap());
    left.name = Some(web.aside(&run(7)).unwrap());
    let error = missing(&web, &[left]);
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("rollback resume"), "{error}");
}
