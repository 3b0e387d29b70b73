//! Several services, several replicas, and projects of many files.

use stillme_rollback_core::EndState;

use crate::generation::Kind;
use crate::project::Stage;

const TWO: &str = "version: '2.4'\nservices:\n  web: {image: 'REPO:v2'}\n  worker: {image: 'REPO:w2'}\n  db: {image: 'REPO:v1'}\nNETWORK\n";

async fn two_services(stage: &Stage) {
    stage.images(&["v1", "v2", "w2"]).await;
    stage.write("docker-compose.yml", TWO);
    stage.compose(&["up", "-d", "--scale", "web=2"]).await;
}

#[tokio::test]
async fn services_and_their_replicas_go_back_together() {
    for mut stage in Stage::each().await {
        let kind = stage.generation.kind;
        two_services(&stage).await;
        let db = stage.identity("db").await;
        let report = stage.take_back(&["web", "worker"], "v1").await;
        assert_eq!(report.state, Some(EndState::RolledBack), "{kind:?}: {report}");
        assert_eq!(stage.versions("web").await, ["v1", "v1"], "{kind:?}: it keeps its replicas");
        assert_eq!(stage.versions("worker").await, ["v1"], "{kind:?}");
        assert_eq!(stage.identity("db").await, db, "{kind:?}");
        // Each back to its own, by the record of the set.
        let report = stage.take_back(&["web", "worker"], "previous").await;
        assert_eq!(report.state, Some(EndState::RolledBack), "{kind:?}: {report}");
        assert_eq!(stage.versions("web").await, ["v2", "v2"], "{kind:?}");
        assert_eq!(stage.versions("worker").await, ["w2"], "{kind:?}");
    }
}

#[tokio::test]
async fn if_one_service_fails_all_are_undone() {
    for mut stage in Stage::each().await {
        let kind = stage.generation.kind;
        stage.images(&["v1", "v2", "w2"]).await;
        stage.write("docker-compose.yml", TWO);
        stage.compose(&["up", "-d", "--scale", "web=2"]).await;
        stage.images(&["bad:TESTBED_EXIT_CODE=3"]).await;
        let (web, worker) = (stage.hashes("web").await, stage.hashes("worker").await);
        let report = stage.take_back(&["web", "worker"], "bad").await;
        assert_eq!(report.state, Some(EndState::Restored), "{kind:?}: {report}");
        assert_eq!(stage.versions("web").await, ["v2", "v2"], "{kind:?}");
        assert_eq!(stage.versions("worker").await, ["w2"], "{kind:?}");
        assert_eq!((stage.hashes("web").await, stage.hashes("worker").await), (web, worker));
    }
}

/// Several files, extends, anchors with merge keys, a profile, an environment file of its own name.
#[tokio::test]
async fn a_project_of_many_files_goes_back() {
    for mut stage in Stage::each().await {
        let kind = stage.generation.kind;
        stage.images(&["v1", "v2"]).await;
        stage.write(
            "base.yml",
            "version: '2.4'\nservices:\n  app:\n    image: REPO:${TAG}\n    environment: {FROM: base}\n",
        );
        let main = stage.write(
            "main.yml",
            "version: '2.4'\nx-common: &common\n  restart: unless-stopped\n  labels: {a: b}\nservices:\n  web:\n    <<: *common\n    extends: {file: base.yml, service: app}\n    profiles: [front]\n    env_file: web.env\nNETWORK\n",
        );
        stage.write("web.env", "SHARED=1\n");
        let prod = stage.write(
            "prod.yml",
            "version: '2.4'\nservices:\n  web:\n    environment: {FROM: prod}\n    ports: ['127.0.0.1:PORT:8080']\n",
        );
        stage.write("prod.env", "TAG=v2\n");
        let up = [
            "--profile",
            "front",
            "--env-file",
            "prod.env",
            "-f",
            "main.yml",
            "-f",
            "prod.yml",
            "up",
            "-d",
        ];
        stage.compose(&up).await;
        stage.options.profiles = vec!["front".to_owned()];
        let report = stage.take_back(&["web"], "v1").await;
        assert_eq!(report.state, Some(EndState::RolledBack), "{kind:?}: {report}");
        assert_eq!(stage.versions("web").await, ["v1"], "{kind:?}");
        let container = stage.bed.inspect(&stage.containers("web").await[0].id).await;
        let env = container["Config"]["Env"].to_string();
        assert!(env.contains("FROM=prod") && env.contains("SHARED=1"), "{kind:?}: {env}");
        // Named by hand as well.
        stage.options.files = vec![main, prod];
        stage.options.env_files = vec![stage.dir().join("prod.env")];
        let report = stage.take_back(&["web"], "v2").await;
        assert_eq!(report.state, Some(EndState::RolledBack), "{kind:?}: {report}");
        // Without its profile a service is not there.
        stage.options.profiles.clear();
        let refused = stage.try_plan(&["web"], "v1").await;
        if let Err(refusal) = refused {
            let all = format!("{refusal:?}");
            assert!(all.contains("--profile"), "{kind:?}: {all}");
        }
    }
}

/// The first generation knows no include.
#[tokio::test]
async fn an_included_service_goes_back() {
    for kind in [Kind::StandAlone, Kind::Plugin] {
        let Some(mut stage) = Stage::of(kind).await else { continue };
        stage.images(&["v1", "v2"]).await;
        stage.write("web.yml", "services:\n  web: {image: 'REPO:v2'}\n");
        stage.write(
            "compose.yaml",
            "include: [web.yml]\nservices:\n  db: {image: 'REPO:v1'}\nNETWORK\n",
        );
        stage.compose(&["up", "-d"]).await;
        let report = stage.take_back(&["web"], "v1").await;
        assert_eq!(report.state, Some(EndState::RolledBack), "{kind:?}: {report}");
        assert_eq!(stage.versions("web").await, ["v1"]);
    }
}
