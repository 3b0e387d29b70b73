//! What must not be done, and what can't be: named, before anything is touched.

use stillme_rollback_core::ErrorKind;

use crate::generation::Kind;
use crate::project::Stage;

#[tokio::test]
async fn drift_is_named_and_refused_unless_it_is_allowed() {
    for mut stage in Stage::each().await {
        let kind = stage.generation.kind;
        stage.serving().await;
        let web = stage.identity("web").await;
        // Another shell, in which a variable has another value.
        stage.write(".env", "PASSWORD=other\n");
        let error = stage.refused(&["web"], "v1").await;
        assert_eq!(error.kind(), ErrorKind::Mismatch, "{kind:?}: {error}");
        assert!(error.to_string().contains("changed since its containers were made"), "{error}");
        // Only the image, which somebody edited.
        stage.write(".env", "TAG=v3\n");
        let error = stage.refused(&["web"], "v1").await;
        assert!(error.to_string().contains("name another image"), "{kind:?}: {error}");
        assert_eq!(stage.identity("web").await, web, "{kind:?}");
        stage.options.allow_drift = true;
        let plan = stage.plan(&["web"], "v1").await;
        assert!(plan.to_string().contains("WARNING: drift, allowed"), "{plan}");
        let report = stage.run(plan).await;
        assert!(report.to_string().contains("ROLLED BACK"), "{kind:?}: {report}");
        assert_eq!(stage.versions("web").await, ["v1"], "{kind:?}");
    }
}

/// After an upgrade of Compose the hashes can't be compared, and that is said.
#[tokio::test]
async fn containers_of_another_generation_are_drift_that_can_not_be_told() {
    let (Some(first), Some(current)) =
        (Stage::of(Kind::First).await, Stage::of(Kind::StandAlone).await)
    else {
        return;
    };
    let mut stage = first;
    stage.serving().await;
    stage.generation = current.generation;
    let error = stage.refused(&["web"], "v1").await;
    assert!(
        error.to_string().contains("compose 1.29.2, whose hashes can't be compared"),
        "{error}"
    );
}

#[tokio::test]
async fn files_that_must_not_reach_a_compose_command_are_refused() {
    for stage in Stage::each().await {
        let kind = stage.generation.kind;
        stage.serving().await;
        let yaml = stage.dir().join("docker-compose.yml");
        let good = std::fs::read_to_string(&yaml).unwrap();
        let outside = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(outside.path(), &good).unwrap();

        // The first generation takes the second value in silence.
        std::fs::write(
            &yaml,
            good.replace(
                "    restart: unless-stopped\n",
                "    restart: 'no'\n    restart: always\n",
            ),
        )
        .unwrap();
        let error = stage.refused(&["web"], "v1").await;
        assert!(error.to_string().contains("twice"), "{kind:?}: {error}");

        std::fs::remove_file(&yaml).unwrap();
        let error = stage.refused(&["web"], "v1").await;
        assert_eq!(error.kind(), ErrorKind::NotFound, "{kind:?}: {error}");

        std::os::unix::fs::symlink(outside.path(), &yaml).unwrap();
        let error = stage.refused(&["web"], "v1").await;
        assert!(error.to_string().contains("a link leads outside"), "{kind:?}: {error}");

        std::fs::remove_file(&yaml).unwrap();
        std::fs::write(&yaml, format!("{good}include: ['https://example.com/x.yml']\n")).unwrap();
        let error = stage.refused(&["web"], "v1").await;
        assert!(error.to_string().contains("remote"), "{kind:?}: {error}");
        assert_eq!(stage.versions("web").await, ["v2"], "{kind:?}");
    }
}

#[tokio::test]
async fn a_project_folder_that_is_gone_is_named() {
    for stage in Stage::each().await {
        stage.serving().await;
        std::fs::remove_dir_all(stage.dir()).unwrap();
        let error = stage.refused(&["web"], "v1").await;
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        assert!(error.to_string().contains("the project's folder is not here"), "{error}");
    }
}

#[tokio::test]
async fn a_service_that_is_only_built_has_no_image_to_go_back_to() {
    for stage in Stage::each().await {
        stage.images(&["v1", "v2"]).await;
        stage.write("Dockerfile", "FROM REPO:v2\n");
        let yaml = "version: '2.4'\nservices:\n  web: {image: 'REPO:v2'}\nNETWORK\n";
        stage.write("docker-compose.yml", yaml);
        stage.compose(&["up", "-d"]).await;
        stage.write("docker-compose.yml", &yaml.replace("image: 'REPO:v2'", "build: ."));
        let error = stage.refused(&["web"], "v1").await;
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        assert!(error.to_string().contains("only built"), "{error}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_named_with_what_there_is() {
    let Some(stage) = Stage::of(Kind::StandAlone).await else { return };
    stage.serving().await;
    for (names, to, why) in [
        (&["web"][..], "v9", "no image for `tag:v9`"),
        (&["web"], "previous", "nothing proves what ran before"),
        (&["nobody"], "v1", "no containers of `nobody`"),
        (&["web", "nobody"], "v1", "no containers of `nobody`"),
        (&["web"], "other:v1", "another repository"),
    ] {
        let error = stage.refused(names, to).await;
        assert!(error.to_string().contains(why), "{names:?} {to}: {error}");
    }
}

/// Who shares the network of a service that is replaced would be left without one.
#[tokio::test]
async fn a_service_with_a_lodger_goes_back_only_with_him() {
    for stage in Stage::each().await {
        let kind = stage.generation.kind;
        stage.images(&["v1", "v2"]).await;
        stage.write(
            "docker-compose.yml",
            "version: '2.4'\nservices:\n  web: {image: 'REPO:v2'}\n  side: {image: 'REPO:v2', network_mode: 'service:web', environment: {TESTBED_PORT: '9090', PORT: '9090'}}\nNETWORK\n"
                .replace("PORT: '9090'}", "X: y}").as_str(),
        );
        stage.compose(&["up", "-d"]).await;
        let error = stage.refused(&["web"], "v1").await;
        assert!(error.to_string().contains("`side` (network_mode of `web`)"), "{kind:?}: {error}");
    }
}

/// The first generation would stop the service and fail on an engine whose images it can't read. On others
/// it is not refused: every other test here shows that.
#[tokio::test]
async fn a_command_that_can_not_recreate_here_is_refused() {
    let Some(stage) = Stage::of(Kind::First).await else { return };
    if stage.recreates().await {
        return;
    }
    stage.serving().await;
    let web = stage.identity("web").await;
    let error = stage.refused(&["web"], "v1").await;
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert!(error.to_string().contains("install Compose 2 or newer"), "{error}");
    assert_eq!(stage.identity("web").await, web);
}
