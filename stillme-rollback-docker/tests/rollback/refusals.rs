//! What is refused before anything is touched.

use serde_json::json;
use stillme_rollback_core::{ErrorKind, PlanRefusal, chain};
use stillme_rollback_docker::ContainerName;

use crate::real::testbed;
use crate::stage::Stage;

/// The refusal's kind and its whole text.
fn refused(refusal: PlanRefusal) -> (ErrorKind, String) {
    match refusal {
        PlanRefusal::Refused(error) => (error.kind(), chain(&error).join("; ")),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn what_can_not_be_done_is_refused_and_nothing_is_touched() {
    let Some(bed) = testbed().await else { return };
    let mut stage = Stage::new(bed, json!({})).await;
    stage.bed.foreign_image("other-machine", "s390x").await;
    for (to, kind, part) in [
        ("v9", ErrorKind::NotFound, "there is no image"),
        ("other-machine", ErrorKind::Unsupported, "linux/s390x"),
        ("previous", ErrorKind::NotFound, "nothing proves what ran before"),
        ("somebody/else:v1", ErrorKind::Rejected, "another repository"),
    ] {
        let (found, text) = refused(stage.try_plan(to).await.unwrap_err());
        assert_eq!(found, kind, "{to}: {text}");
        assert!(text.contains(part) && text.contains("nothing was touched"), "{to}: {text}");
    }
    assert!(matches!(stage.try_plan("v2").await, Err(PlanRefusal::AlreadyThere(_))));
    stage.assert_restored().await;
    stage.name = ContainerName::new("rbtest-no-such-container").unwrap();
    let (kind, text) = refused(stage.try_plan("v1").await.unwrap_err());
    assert_eq!(kind, ErrorKind::NotFound, "{text}");
}

#[tokio::test]
async fn containers_with_no_way_back_are_refused() {
    for (settings, part) in [
        (json!({"HostConfig": {"AutoRemove": true, "RestartPolicy": {"Name": "no"}}}), "--rm"),
        (json!({"Labels": {"com.docker.compose.project": "shop"}}), "Compose project"),
    ] {
        let Some(bed) = testbed().await else { return };
        let stage = Stage::new(bed, settings).await;
        stage.bed.image("v1", &[]).await;
        let (kind, text) = refused(stage.try_plan("v1").await.unwrap_err());
        assert_eq!(kind, ErrorKind::Rejected, "{text}");
        assert!(text.contains(part) && text.contains("nothing was touched"), "{text}");
        assert_eq!(stage.version(), "v2");
    }
}
