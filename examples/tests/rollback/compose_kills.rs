//! `kill -9` of the tool at every record of its journal, while the compose command goes on by itself.

use crate::compose::Shop;

/// More records than a run of these plans has.
const TOO_MANY: usize = 60;

/// Kills it before and after each record on its way, resumes it, and looks at what is left: one
/// container of the right version under its own name, and the other service as it was.
async fn at_every_record(tags: &[&str], to: &str, code: i32, version: &str) -> Option<usize> {
    let shop = Shop::serving(tags).await?;
    let db = shop.containers("db").await;
    let mut kills = 0;
    for when in ["before", "after"] {
        for at in 1..TOO_MANY {
            let (kill, number) = (format!("{when} {at}"), at.to_string());
            let arguments = shop.arguments(&["--to", to, "--yes", "--deadline", "20s"]);
            let ran = shop
                .bench
                .start_with(
                    arguments,
                    &[("STILLME_TEST_KILL_AT", &number), ("STILLME_TEST_KILL_WHEN", when)],
                )
                .wait()
                .await;
            if ran.code().is_some() {
                ran.ended_with(code);
                shop.up().await;
                break;
            }
            kills += 1;
            let url = shop.bench.health_url();
            let ran = shop.bench.rollback(["resume", "--settle", "1s", "--health-url", &url]).await;
            // Before the first record was durable nothing was done; after the last one all is.
            let version = if ran.out.contains("no run is unfinished") {
                if (when, at) == ("before", 1) { "v2" } else { version }
            } else {
                ran.ended_with(code);
                version
            };
            let found = shop.containers("web").await;
            assert_eq!(found, [format!("_web_1 {version} running")], "{kill}");
            assert_eq!(shop.containers("db").await, db, "{kill}");
            shop.up().await;
            assert_eq!(shop.containers("web").await, ["_web_1 v2 running"], "{kill}");
        }
    }
    Some(kills)
}

#[tokio::test]
async fn on_the_way_forward() {
    let Some(kills) = at_every_record(&["v1", "v2"], "v1", 0, "v1").await else { return };
    crate::say(&format!("killed {kills} times with compose on the way forward, each time resumed"));
    assert!(kills >= 8, "{kills}");
}

#[tokio::test]
async fn on_the_way_back() {
    let tags = ["bad:TESTBED_EXIT_CODE=3", "v2"];
    let Some(kills) = at_every_record(&tags, "bad", 11, "v2").await else { return };
    crate::say(&format!("killed {kills} times with compose on the way back, each time resumed"));
    assert!(kills >= 8, "{kills}");
}
