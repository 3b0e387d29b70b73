//! The contract of [`Lease`], as tests.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock as _, SystemClock};
use crate::error::{Error, ErrorKind, Result};
use crate::lease::{Held, Holder, Lease};
use crate::{RunId, Target};

/// No part may take longer than this: a lease refuses, it does not wait.
const LIMIT: Duration = Duration::from_secs(60);

/// Checks that a lease keeps its contract. It uses targets of the platform `conformance`.
///
/// That a holder which dies lets go is the implementation's own to test: it takes a process.
///
/// # Panics
/// If it does not, or if a part takes longer than a minute.
pub async fn check_lease(lease: Arc<dyn Lease>) {
    let lease = &*lease;
    in_time("refuses what is held", refuses_what_is_held(lease)).await;
    in_time("tells targets apart", tells_targets_apart(lease)).await;
    in_time("lets one of many win", lets_one_of_many_win(lease)).await;
    in_time("gives again and again", gives_again_and_again(lease)).await;
}

async fn in_time(what: &str, part: impl Future<Output = ()>) {
    assert!(tokio::time::timeout(LIMIT, part).await.is_ok(), "{what}: not done within {LIMIT:?}");
}

#[expect(clippy::expect_used, reason = "the names below are fixed and fit")]
fn target(scope: &str, name: &str) -> Target {
    Target::new("conformance", scope, name).expect("a target")
}

#[expect(clippy::expect_used, reason = "a machine without randomness can't run the suite")]
fn holder() -> Holder {
    let now = SystemClock::new().now();
    let run = RunId::generate(now).expect("random bytes");
    Holder::new(run, "conformance-host", now)
}

fn must<T>(done: Result<T>, what: &str) -> T {
    match done {
        Ok(value) => value,
        Err(error) => panic!("{what}: {error}"),
    }
}

async fn take(lease: &dyn Lease, target: &Target) -> Box<dyn Held> {
    must(lease.acquire(target, &holder()).await, "take a free target")
}

/// Asks for a target that is held.
async fn refused(lease: &dyn Lease, target: &Target) -> Error {
    match lease.acquire(target, &holder()).await {
        Ok(held) => panic!("{target} is given out twice: {held:?}"),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Held, "{error}");
            error
        }
    }
}

async fn refuses_what_is_held(lease: &dyn Lease) {
    let web = target("one", "web");
    let first = holder();
    let held = must(lease.acquire(&web, &first).await, "take a free target");
    must(held.confirm().await, "confirm what is ours");
    held.note_step("create-new");
    held.note_step("stop-old");
    for _ in 0..2 {
        let error = refused(lease, &web).await.to_string();
        for part in [
            first.run.to_string(),
            first.pid.to_string(),
            first.host.clone(),
            "stop-old".to_owned(),
            format!("rollback abort {}", first.run),
            format!("rollback resume {}", first.run),
        ] {
            assert!(error.contains(&part), "the refusal must say `{part}`: {error}");
        }
        must(held.confirm().await, "a refused attempt changes nothing");
    }
    drop(held);
    let next = holder();
    let held = must(lease.acquire(&web, &next).await, "take what was let go");
    let error = refused(lease, &web).await.to_string();
    assert!(
        error.contains(&next.run.to_string()) && !error.contains(&first.run.to_string()),
        "the refusal must name who holds it now: {error}"
    );
    assert!(
        !error.contains("stop-old"),
        "the step of an earlier holder is not that of the next: {error}"
    );
    drop(held);
}

async fn tells_targets_apart(lease: &dyn Lease) {
    let targets =
        [target("one", "a.b"), target("one", "a-b"), target("one", "A-b"), target("two", "a-b")];
    let mut held = Vec::new();
    for target in &targets {
        held.push(take(lease, target).await);
    }
    for target in &targets {
        refused(lease, target).await;
    }
}

async fn lets_one_of_many_win(lease: &dyn Lease) {
    let web = target("one", "contended");
    for _ in 0..8 {
        let holder = holder();
        // At once, as far as one task can: every acquire is begun before the first is done.
        let (one, two, three, four) = tokio::join!(
            lease.acquire(&web, &holder),
            lease.acquire(&web, &holder),
            lease.acquire(&web, &holder),
            lease.acquire(&web, &holder)
        );
        let all = [one, two, three, four];
        let won = all.iter().filter(|taken| taken.is_ok()).count();
        assert_eq!(won, 1, "of four exactly one wins");
        for taken in all.iter().filter_map(|taken| taken.as_ref().err()) {
            assert_eq!(taken.kind(), ErrorKind::Held, "the others are refused: {taken}");
        }
    }
}

async fn gives_again_and_again(lease: &dyn Lease) {
    let web = target("one", "again");
    for _ in 0..100 {
        let held = take(lease, &web).await;
        must(held.confirm().await, "confirm what is ours");
    }
}
