//! No secret of a container gets out, on a real engine: one program of its own, because it listens to
//! everything that is logged in the process.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/proxy.rs"]
mod proxy;
#[path = "support/real.rs"]
mod real;
#[path = "rollback/stage.rs"]
mod stage;

use serde_json::{Value, json};
use stillme_rollback_core::event::Cursor;
use stillme_rollback_core::journal::Journal as _;
use stillme_rollback_core::report::Report;
use stillme_rollback_core::testing::CapturedLog;
use stillme_rollback_core::{EndState, Plan};
use stillme_rollback_docker::CreateFirst;
use tracing_subscriber::filter::LevelFilter;

use crate::real::testbed;
use crate::stage::{Stage, key};

/// No value of the environment, of a label or of what a health check printed reaches anything that
/// is kept or shown.
#[tokio::test]
async fn secrets_stay_where_they_are() {
    const CANARY: &str = "canary-5f3a9c";
    const PRINTED: &str = "canary-printed";
    let log = CapturedLog::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .init();
    let Some(bed) = testbed().await else { return };
    let settings: Value = json!({
        "Env": [format!("TOKEN={CANARY}")],
        "Labels": {"secret": CANARY},
    });
    let mut stage = Stage::new(bed, settings).await;
    // What is not a path is complained of by its name: that is what the check prints.
    let health = format!(
        "HEALTHCHECK --interval=1s --retries=1 CMD [\"/service\", \"healthcheck\", \"{PRINTED}\"]"
    );
    stage.bed.image("v1", &[&health]).await;
    let plan = stage.plan("v1").await;
    let (report, mut shown) = told(&stage, plan).await;
    assert_eq!(report.state, Some(EndState::Restored), "{report}");
    // Away and back again with the settings, whose values only the kept container has.
    stage.bed.image("v0", &[]).await;
    for (to, strategy) in
        [("v0", CreateFirst::new(key())), ("previous", CreateFirst::new(key()).with_config())]
    {
        stage.strategy = Box::new(strategy);
        let (report, more) = told(&stage, stage.plan(to).await).await;
        assert_eq!(report.state, Some(EndState::RolledBack), "{report}");
        shown.push_str(&more);
    }
    let new = stage.by_name().await;
    assert!(new["Config"]["Env"].to_string().contains(CANARY), "the value went back");
    let logged = log.text();
    assert!(logged.contains("run{"), "the log was listened to: {logged}");
    shown.push_str(&logged);
    for secret in [CANARY, PRINTED] {
        assert!(!shown.contains(secret), "a secret got out: {}", around(&shown, secret));
    }
    // What is kept of the new container. Its log is the service's own and kept as it is.
    let kept = |file| String::from_utf8(stage.journal.evidence(report.run, file).unwrap()).unwrap();
    let (inspect, events) = (kept("inspect.json"), kept("events.jsonl"));
    assert!(!inspect.contains(CANARY), "{}", around(&inspect, CANARY));
    assert!(!events.contains(CANARY), "{}", around(&events, CANARY));
    // The command of the health check is a setting, and stands there; its output does not.
    assert_eq!(inspect.matches(PRINTED).count(), 1, "{inspect}");
}

/// Runs a plan, and gives all that was shown and kept of it.
async fn told(stage: &Stage, plan: Plan) -> (Report, String) {
    let mut shown = format!("{plan}{plan:?}{}", serde_json::to_string(&plan).unwrap());
    let run = stage.rollback(&plan).start(plan, None).await.unwrap();
    let events = run.events();
    let report = run.wait().await.unwrap();
    let records = stage.journal.load(report.run).await.unwrap();
    shown.push_str(&format!("{report}{report:?}{records:?}"));
    shown.push_str(&serde_json::to_string(&report).unwrap());
    shown.push_str(&serde_json::to_string(&records).unwrap());
    for event in events.since(Cursor::default()).events {
        shown.push_str(&format!("{event:?}{}", serde_json::to_string(&*event).unwrap()));
    }
    (report, shown)
}

fn around<'a>(text: &'a str, part: &str) -> &'a str {
    let at = text.find(part).unwrap_or_default();
    &text[at.saturating_sub(200)..(at + 60).min(text.len())]
}
