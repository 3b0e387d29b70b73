//! A world that changes between the plan and the run, or in the middle of it.

use std::time::Duration;

use stillme_rollback_core::EndState;
use stillme_rollback_docker::Engine as _;

use crate::project::Stage;

/// The tag that was planned names another image by now: nothing is touched.
#[tokio::test]
async fn a_tag_that_moved_since_the_plan_is_not_followed() {
    for stage in Stage::each().await {
        stage.serving().await;
        let plan = stage.plan(&["web"], "v1").await;
        let web = stage.identity("web").await;
        stage.bed.image("v1", &["ENV MOVED=yes"]).await;
        let report = stage.run(plan).await;
        assert_eq!(report.state, Some(EndState::Restored), "{report}");
        assert!(report.to_string().contains("name.web is moved"), "{report}");
        assert_eq!(stage.identity("web").await, web);
    }
}

/// The tag of what runs moved while the target failed: the way back is the image, not its name.
#[tokio::test]
async fn the_way_back_is_an_image_and_not_a_name() {
    for stage in Stage::each().await {
        let kind = stage.generation.kind;
        stage.serving().await;
        stage.images(&["bad:TESTBED_EXIT_CODE=3"]).await;
        let image = stage.containers("web").await[0].image_id.clone();
        let plan = stage.plan(&["web"], "bad").await;
        stage.bed.image("v2", &["ENV MOVED=yes"]).await;
        let report = stage.run(plan).await;
        assert_eq!(report.state, Some(EndState::Restored), "{kind:?}: {report}");
        assert_eq!(stage.containers("web").await[0].image_id, image, "{kind:?}");
        assert_eq!(stage.versions("web").await, ["v2"], "{kind:?}");
    }
}

#[tokio::test]
async fn a_scale_that_changed_since_the_plan_is_not_taken_back() {
    for stage in Stage::each().await {
        stage.images(&["v1", "v2"]).await;
        stage.write(
            "docker-compose.yml",
            "version: '2.4'\nservices: {web: {image: 'REPO:v2'}}\nNETWORK\n",
        );
        stage.compose(&["up", "-d"]).await;
        let plan = stage.plan(&["web"], "v1").await;
        stage.compose(&["up", "-d", "--scale", "web=2"]).await;
        let outcome = stage.rollback(&plan).start(plan, None).await;
        let told = match outcome {
            Err(error) => error.to_string(),
            Ok(run) => run.wait().await.unwrap().to_string(),
        };
        assert!(told.contains("replicas.web is 2, not 1"), "{told}");
        assert_eq!(stage.versions("web").await, ["v2", "v2"]);
    }
}

/// Files that were edited after the plan was shown are not brought into effect.
#[tokio::test]
async fn files_that_were_edited_since_the_plan_are_not_deployed() {
    for stage in Stage::each().await {
        stage.serving().await;
        let web = stage.identity("web").await;
        let plan = stage.plan(&["web"], "v1").await;
        stage.write(".env", "PASSWORD=other\n");
        let report = stage.run(plan).await;
        assert_eq!(report.state, Some(EndState::Restored), "{report}");
        assert!(report.to_string().contains("edited after the plan was made"), "{report}");
        assert_eq!(stage.identity("web").await, web);
    }
}

/// Somebody deploys v3 while ours is on its way: theirs stays as it is.
#[tokio::test]
async fn somebody_elses_deploy_is_left_alone() {
    for stage in Stage::each().await {
        let kind = stage.generation.kind;
        stage.serving().await;
        let plan = stage.plan(&["web"], "v1").await;
        stage.compose_with(&[("TAG", "v3")], &["up", "-d"]).await;
        let theirs = stage.identity("web").await;
        let told = match stage.rollback(&plan).start(plan, None).await {
            Err(error) => error.to_string(),
            Ok(run) => {
                let report = run.wait().await.unwrap();
                assert_eq!(report.state, Some(EndState::Superseded), "{kind:?}: {report}");
                report.to_string()
            }
        };
        assert!(told.contains("`web` has container"), "{kind:?}: {told}");
        assert_eq!(stage.identity("web").await, theirs, "{kind:?}");
    }
}

/// An `up` that was killed leaves a container under another name, whichever generation it was: the old
/// one (of the first), or the new one (of a current one). Each generation puts that in order.
#[tokio::test]
async fn what_a_killed_up_left_is_put_in_order() {
    for mut stage in Stage::each().await {
        let kind = stage.generation.kind;
        stage.serving().await;
        let old = stage.containers("web").await[0].clone();
        let name = old.name.clone().unwrap();
        let prefixed = format!("{}_{name}", old.id.short());
        stage.bed.engine.stop_container(&old.id, Duration::from_secs(1)).await.unwrap();
        stage.bed.engine.rename_container(&old.id, &prefixed.parse().unwrap()).await.unwrap();
        let plan = stage.plan(&["web"], "v1").await;
        assert!(plan.to_string().contains("was interrupted here and left"), "{plan}");
        let report = stage.take_back(&["web"], "v1").await;
        assert_eq!(report.state, Some(EndState::RolledBack), "{kind:?}: {report}");
        assert_eq!(stage.versions("web").await, ["v1"], "{kind:?}");
        assert_eq!(stage.containers("web").await[0].name, Some(name), "{kind:?}");
    }
}
