//! One service, from the plan to the end.

use stillme_rollback_core::EndState;

use crate::project::Stage;

/// Not sticky: twice in a row, once back by record, and the next `up` deploys what the file says.
#[tokio::test]
async fn a_service_goes_back_and_back_again() {
    for mut stage in Stage::each().await {
        let kind = stage.generation.kind;
        stage.serving().await;
        let db = stage.identity("db").await;
        let files = stage.files();
        let plan = stage.plan(&["web"], "v1").await;
        let text = plan.to_string();
        assert!(text.contains("not sticky") && text.contains(":v2 for `web`"), "{kind:?}: {text}");
        assert!(text.contains("no warm swap"), "{kind:?}: {text}");
        assert_eq!(stage.versions("web").await, ["v2"], "a plan touches nothing");

        let report = stage.take_back(&["web"], "v1").await;
        assert_eq!(report.state, Some(EndState::RolledBack), "{kind:?}: {report}");
        assert_eq!(stage.versions("web").await, ["v1"]);
        let report = stage.take_back(&["web"], "v3").await;
        assert_eq!(report.state, Some(EndState::RolledBack), "{kind:?}: {report}");
        assert_eq!(stage.versions("web").await, ["v3"]);
        let report = stage.take_back(&["web"], "previous").await;
        assert_eq!(report.state, Some(EndState::RolledBack), "{kind:?}: {report}");
        assert_eq!(stage.versions("web").await, ["v1"]);

        assert_eq!(stage.identity("db").await, db, "{kind:?}: nobody else was touched");
        assert_eq!(stage.files(), files, "{kind:?}: no file of the project was touched");
        stage.compose(&["up", "-d"]).await;
        assert_eq!(stage.versions("web").await, ["v2"], "{kind:?}: as the plan said");
    }
}

/// What it restores is what was there, to the hash of the configuration; also after an earlier rollback.
#[tokio::test]
async fn a_bad_version_is_undone() {
    for mut stage in Stage::each().await {
        let kind = stage.generation.kind;
        stage.serving().await;
        stage.images(&["bad:TESTBED_EXIT_CODE=3"]).await;
        for goes_first in [None, Some("v1")] {
            if let Some(tag) = goes_first {
                stage.take_back(&["web"], tag).await;
            }
            let (before, versions) = (stage.hashes("web").await, stage.versions("web").await);
            let db = stage.identity("db").await;
            let report = stage.take_back(&["web"], "bad").await;
            assert_eq!(report.state, Some(EndState::Restored), "{kind:?}: {report}");
            assert!(report.to_string().contains("log.txt"), "{kind:?}: {report}");
            assert_eq!(stage.versions("web").await, versions, "{kind:?}");
            assert_eq!(stage.hashes("web").await, before, "{kind:?}");
            assert_eq!(stage.identity("db").await, db, "{kind:?}");
        }
    }
}

#[tokio::test]
async fn what_runs_already_is_left_alone() {
    for stage in Stage::each().await {
        stage.serving().await;
        let refusal = stage.try_plan(&["web"], "v2").await.unwrap_err();
        assert!(refusal.to_string().contains("already runs"), "{refusal}");
    }
}

/// Neither the plan nor the report nor the overlay holds a value of the configuration.
#[tokio::test]
async fn secrets_stay_where_they_are() {
    const CANARY: &str = "canary-9d1c";
    for mut stage in Stage::each().await {
        stage.serving().await;
        let plan = stage.plan(&["web"], "v1").await;
        let mut shown = format!("{plan:?}{plan}{}", serde_json::to_string(&plan).unwrap());
        let report = stage.take_back(&["web"], "v1").await;
        shown.push_str(&format!("{report:?}{report}"));
        for entry in std::fs::read_dir(stage.state()).unwrap() {
            shown.push_str(&std::fs::read_to_string(entry.unwrap().path()).unwrap());
        }
        stage.write(".env", "PASSWORD=canary-9d1c-too");
        let error = stage.refused(&["web"], "v2").await;
        shown.push_str(&format!("{error:?}{error}"));
        assert!(shown.contains("web") && !shown.contains(CANARY), "{:?}", stage.generation.kind);
    }
}
