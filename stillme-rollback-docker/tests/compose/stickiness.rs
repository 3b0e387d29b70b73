//! What the next `up` does after a rollback that is sticky: nothing.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use stillme_rollback_core::EndState;
use stillme_rollback_docker::compose::Sticky;

use crate::project::Stage;

#[tokio::test]
async fn the_next_up_keeps_what_an_override_says() {
    the_next_up_keeps(Sticky::Override).await;
}

#[tokio::test]
async fn the_next_up_keeps_what_the_environment_file_says() {
    the_next_up_keeps(Sticky::Env).await;
}

#[tokio::test]
async fn the_next_up_keeps_what_the_compose_file_says() {
    the_next_up_keeps(Sticky::File).await;
}

async fn the_next_up_keeps(sticky: Sticky) {
    for mut stage in Stage::each().await {
        let what = format!("{sticky:?} with {:?}", stage.generation.kind);
        let env = stage.write(".env", "# versions\nTAG=v2 # now\nOTHER=x\n");
        stage.serving().await;
        let yaml = stage.dir().join("docker-compose.yml");
        std::fs::set_permissions(&yaml, std::fs::Permissions::from_mode(0o640)).unwrap();
        let before = std::fs::read_to_string(&yaml).unwrap();
        stage.options.sticky = sticky;
        let plan = stage.plan(&["web"], "v1").await;
        assert!(plan.to_string().contains("note: sticky: "), "{what}: {plan}");
        assert_eq!(std::fs::read_to_string(&yaml).unwrap(), before, "{what}: a plan edits nothing");
        let report = stage.take_back(&["web"], "v1").await;
        assert_eq!(report.state, Some(EndState::RolledBack), "{what}: {report}");
        let web = stage.identity("web").await;
        stage.compose(&["up", "-d"]).await;
        assert_eq!(stage.identity("web").await, web, "{what}: the next up does nothing");
        assert_eq!(stage.versions("web").await, ["v1"], "{what}");
        match sticky {
            Sticky::Env => {
                let text = std::fs::read_to_string(&env).unwrap();
                assert_eq!(text, "# versions\nTAG=v1 # now\nOTHER=x\n", "{what}");
            }
            Sticky::File => {
                let repo = stage.bed.repository();
                let after = before.replace(&format!("{repo}:${{TAG:-v2}}"), &format!("{repo}:v1"));
                assert_eq!(std::fs::read_to_string(&yaml).unwrap(), after, "{what}");
                assert_eq!(yaml.metadata().unwrap().mode() & 0o777, 0o640, "{what}");
            }
            _ => assert!(stage.dir().join("docker-compose.override.yml").is_file(), "{what}"),
        }
        // And on from there, by the same way.
        let report = stage.take_back(&["web"], "previous").await;
        assert_eq!(report.state, Some(EndState::RolledBack), "{what}: {report}");
        stage.compose(&["up", "-d"]).await;
        assert_eq!(stage.versions("web").await, ["v2"], "{what}");
        assert!(!stage.files().iter().any(|name| name.starts_with(".rollback")), "{what}");
    }
}

/// One variable of two services: the edit would change the other one, too.
#[tokio::test]
async fn an_edit_that_changes_more_is_refused() {
    for mut stage in Stage::each().await {
        stage.images(&["v1", "v2"]).await;
        stage.write(".env", "TAG=v2\n");
        stage.write(
            "docker-compose.yml",
            "version: '2.4'\nx-image: &image REPO:${TAG}\nservices:\n  web: {image: *image}\n  worker: {image: *image}\nNETWORK\n",
        );
        stage.compose(&["up", "-d"]).await;
        stage.options.sticky = Sticky::Env;
        let error = stage.refused(&["web"], "v1").await;
        assert!(error.to_string().contains("services.worker.image"), "{error}");
        // Both together are another matter.
        let report = stage.take_back(&["web", "worker"], "v1").await;
        assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
        let ids = (stage.identity("web").await, stage.identity("worker").await);
        stage.compose(&["up", "-d"]).await;
        assert_eq!((stage.identity("web").await, stage.identity("worker").await), ids);
    }
}

/// A verdict that fails comes before any edit.
#[tokio::test]
async fn a_bad_version_edits_nothing() {
    for mut stage in Stage::each().await {
        stage.serving().await;
        stage.images(&["bad:TESTBED_EXIT_CODE=3"]).await;
        let yaml = stage.dir().join("docker-compose.yml");
        let before = std::fs::read(&yaml).unwrap();
        stage.options.sticky = Sticky::File;
        let report = stage.take_back(&["web"], "bad").await;
        assert_eq!(report.state, Some(EndState::Restored), "{report}");
        assert_eq!(std::fs::read(&yaml).unwrap(), before);
    }
}

#[tokio::test]
async fn an_image_without_a_variable_is_no_matter_of_the_environment_file() {
    for mut stage in Stage::each().await {
        stage.images(&["v1", "v2"]).await;
        stage.write(".env", "TAG=v2\n");
        stage.write(
            "docker-compose.yml",
            "version: '2.4'\nservices: {web: {image: 'REPO:v2'}}\nNETWORK\n",
        );
        stage.compose(&["up", "-d"]).await;
        stage.options.sticky = Sticky::Env;
        let error = stage.refused(&["web"], "v1").await;
        assert!(error.to_string().contains("does not come from one variable"), "{error}");
    }
}
