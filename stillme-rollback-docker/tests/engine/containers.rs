use std::time::{Duration, SystemTime};

use serde_json::json;
use stillme_rollback_core::{ErrorKind, Secret};
use stillme_rollback_docker::engine::{
    Changed, ContainerFilter, EventWindow, NewContainer, PathChangeKind,
};
use stillme_rollback_docker::{ContainerId, ContainerRef, Engine as _};

use crate::real::{archive, testbed};

fn nobody() -> ContainerId {
    ContainerId::new("0".repeat(64)).unwrap()
}

#[tokio::test]
async fn the_engine_says_who_it_is() {
    let Some(bed) = testbed().await else { return };
    let info = bed.engine.info().await.unwrap();
    assert!(!info.id.is_empty());
    assert_eq!(info.os, "linux");
    assert!(["amd64", "arm64"].contains(&info.arch.as_str()), "{info:?}");
    assert!(info.api.starts_with("1."), "{info:?}");
}

#[tokio::test]
async fn a_containers_life_and_what_is_so_already() {
    let Some(bed) = testbed().await else { return };
    let engine = &bed.engine;
    let (image, image_id) = bed.image("v1", &[]).await;
    let (name, other) = (bed.name("web"), bed.name("other"));
    let begin = SystemTime::UNIX_EPOCH;
    let id = bed.create(&name, bed.body(&image)).await;
    let by_name = engine.inspect_container(&ContainerRef::from(&name)).await.unwrap().unwrap();
    assert_eq!(by_name.expose()["Id"], id.as_str());
    assert_eq!(by_name.expose()["Image"], image_id.as_str());

    assert_eq!(engine.start_container(&id).await.unwrap(), Changed::Yes);
    assert_eq!(engine.start_container(&id).await.unwrap(), Changed::Already);
    assert_eq!(engine.rename_container(&id, &other).await.unwrap(), Changed::Yes);
    assert_eq!(engine.rename_container(&id, &other).await.unwrap(), Changed::Already);
    assert!(engine.inspect_container(&ContainerRef::from(&name)).await.unwrap().is_none());
    engine
        .set_restart_policy(&id, &json!({"Name": "on-failure", "MaximumRetryCount": 3}))
        .await
        .unwrap();
    assert_eq!(bed.inspect(&id).await["HostConfig"]["RestartPolicy"]["MaximumRetryCount"], 3);

    let running = engine.list_containers(&ContainerFilter::running()).await.unwrap();
    let listed = running.iter().find(|container| container.id == id).unwrap();
    assert_eq!((listed.name.as_ref(), listed.image_id.as_ref()), (Some(&other), Some(&image_id)));
    assert_eq!(listed.state, "running");

    let refused = engine.remove_container(&id, false).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict, "{refused}");
    bed.until_listening(&id).await;
    assert_eq!(engine.stop_container(&id, Duration::from_secs(10)).await.unwrap(), Changed::Yes);
    assert_eq!(
        engine.stop_container(&id, Duration::from_secs(10)).await.unwrap(),
        Changed::Already
    );
    assert_eq!(engine.kill_container(&id, "KILL").await.unwrap(), Changed::Already);
    let running = engine.list_containers(&ContainerFilter::running()).await.unwrap();
    assert!(!running.iter().any(|container| container.id == id));
    assert_eq!(bed.containers().await.len(), 1);

    // The engine's clock is the machine's own or close to it; the end of the window is now.
    let events = engine.events(&id, EventWindow::new(begin, now())).await.unwrap();
    let actions: Vec<&str> =
        events.expose().iter().filter_map(|event| event["Action"].as_str()).collect();
    for action in ["create", "start", "rename", "die", "stop"] {
        assert!(actions.contains(&action), "{action}: {actions:?}");
    }

    assert_eq!(engine.remove_container(&id, false).await.unwrap(), Changed::Yes);
    assert_eq!(engine.remove_container(&id, false).await.unwrap(), Changed::Already);
    assert!(engine.inspect_container(&(&id).into()).await.unwrap().is_none());
}

#[expect(clippy::disallowed_methods, reason = "the engine's events are by the wall clock")]
fn now() -> SystemTime {
    SystemTime::now()
}

#[tokio::test]
async fn who_is_not_there_is_an_error_for_those_who_act() {
    let Some(bed) = testbed().await else { return };
    let engine = &bed.engine;
    assert!(engine.inspect_container(&(&nobody()).into()).await.unwrap().is_none());
    for error in [
        engine.start_container(&nobody()).await.unwrap_err(),
        engine.stop_container(&nobody(), Duration::ZERO).await.unwrap_err(),
        engine.kill_container(&nobody(), "TERM").await.unwrap_err(),
        engine.rename_container(&nobody(), &bed.name("x")).await.unwrap_err(),
        engine.set_restart_policy(&nobody(), &json!({"Name": "no"})).await.unwrap_err(),
        engine.container_changes(&nobody()).await.unwrap_err(),
        engine.exec(&nobody(), &["/x".to_owned()], Duration::from_secs(1), 1).await.err().unwrap(),
        engine.logs(&nobody(), 1, 1).await.err().unwrap(),
    ] {
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    }
}

#[tokio::test]
async fn a_name_that_is_taken_and_an_image_that_is_missing_are_told_apart() {
    let Some(bed) = testbed().await else { return };
    let (image, _) = bed.image("v1", &[]).await;
    let (name, other) = (bed.name("web"), bed.name("other"));
    let id = bed.create(&name, bed.body(&image)).await;
    let taken = Secret::new(bed.body(&image));
    let error = bed.engine.create_container(&NewContainer::new(name, taken)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    bed.create(&other, bed.body(&image)).await;
    let error = bed.engine.rename_container(&id, &other).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    let missing = Secret::new(bed.body(&image.with_tag("v0").unwrap()));
    let error = bed
        .engine
        .create_container(&NewContainer::new(bed.name("new"), missing))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}

#[tokio::test]
async fn the_beginning_of_an_id_is_no_name() {
    let Some(bed) = testbed().await else { return };
    let (image, _) = bed.image("v1", &[]).await;
    let id = bed.create(&bed.name("web"), bed.body(&image)).await;
    let prefix = ContainerRef::Name(id.short().parse().unwrap());
    assert!(bed.engine.inspect_container(&prefix).await.unwrap().is_none());
}

#[tokio::test]
async fn a_command_that_can_not_be_started_is_an_answer() {
    let Some(bed) = testbed().await else { return };
    let (image, _) = bed.image("v1", &[]).await;
    let mut body = bed.body(&image);
    body["Entrypoint"] = json!(["/nothing"]);
    let id = bed.create(&bed.name("web"), body).await;
    let error = bed.engine.start_container(&id).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected, "{error}");
    assert!(!error.is_in_doubt());
}

#[tokio::test]
async fn what_a_container_changed_in_its_own_files_is_seen() {
    let Some(bed) = testbed().await else { return };
    let (image, _) = bed.image("v1", &[]).await;
    let id = bed.create(&bed.name("web"), bed.body(&image)).await;
    assert!(bed.engine.container_changes(&id).await.unwrap().is_empty());
    let put = stillme_rollback_docker::http::Call::putting(
        "copy into container",
        format!("/containers/{id}/archive"),
    )
    .query("path", "/")
    .body("application/x-tar", archive(&[("state.db", 0o644, b"x")]));
    bed.engine.client().call(&put).await.unwrap();
    let changes = bed.engine.container_changes(&id).await.unwrap();
    let found = changes.iter().find(|change| change.path == "/state.db").unwrap();
    assert_eq!(found.kind, PathChangeKind::Added);
}

#[tokio::test]
async fn a_network_is_joined_once() {
    let Some(bed) = testbed().await else { return };
    let (image, _) = bed.image("v1", &[]).await;
    let network = bed.network("front").await;
    let id = bed.create(&bed.name("web"), bed.body(&image)).await;
    let endpoint = json!({"Aliases": ["api"]});
    assert_eq!(bed.engine.connect_network(&network, &id, &endpoint).await.unwrap(), Changed::Yes);
    let joined = bed.inspect(&id).await;
    assert!(joined["NetworkSettings"]["Networks"][&network]["Aliases"].to_string().contains("api"));
    bed.engine.start_container(&id).await.unwrap();
    assert_eq!(
        bed.engine.connect_network(&network, &id, &endpoint).await.unwrap(),
        Changed::Already
    );
    let error = bed.engine.connect_network("no-such-network", &id, &endpoint).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}

#[tokio::test]
async fn a_secret_is_in_no_error_of_a_real_engine() {
    let Some(bed) = testbed().await else { return };
    let (image, _) = bed.image("v1", &[]).await;
    for env in ["=canary-7", "canary-7=x\u{0}y"] {
        let mut body = bed.body(&image);
        body["Env"] = json!([env]);
        let error = match bed
            .engine
            .create_container(&NewContainer::new(bed.name("web"), Secret::new(body)))
            .await
        {
            Err(error) => error,
            // Taken by the engine: then it is started, and refused there.
            Ok(created) => match bed.engine.start_container(&created.id).await {
                Err(error) => error,
                Ok(_) => continue,
            },
        };
        assert!(!format!("{error} {error:?}").contains("=canary-7"), "{error}");
    }
}
