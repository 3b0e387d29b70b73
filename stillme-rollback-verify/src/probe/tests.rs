use std::sync::Mutex;

use stillme_rollback_core::Outcome;
use tokio::time::sleep;

use super::*;

/// Tries that take the given times and then are good or bad.
#[derive(Debug)]
struct Scripted {
    tries: Mutex<Vec<(u64, bool)>>,
}

impl Scripted {
    /// The last one is repeated for ever.
    fn new(tries: &[(u64, bool)]) -> Self {
        let mut tries = tries.to_vec();
        tries.reverse();
        Self { tries: Mutex::new(tries) }
    }
}

#[async_trait]
impl Probe for Scripted {
    fn title(&self) -> String {
        String::from("scripted")
    }

    async fn look(&self) -> Sight {
        let (took, good) = {
            let mut tries = self.tries.lock().unwrap();
            match tries.len() {
                1 => tries[0],
                _ => tries.pop().unwrap(),
            }
        };
        sleep(Duration::from_millis(took)).await;
        match good {
            true => Sight::Good(String::from("200")),
            false => Sight::Bad(String::from("503")),
        }
    }
}

async fn watched(tries: &[(u64, bool)], time_left: u64) -> (Check, u128) {
    let begun = Instant::now();
    let probe = Scripted::new(tries);
    let time_left = Duration::from_millis(time_left);
    let check = watch(&probe, Cadence::default(), time_left).await;
    let took = begun.elapsed();
    assert!(took <= time_left, "{took:?} of {time_left:?}");
    (check, took.as_millis())
}

/// Time stands still but for the sleeps: the figures are exact.
#[tokio::test(start_paused = true)]
async fn tries_keep_their_interval_from_start_to_start() {
    let (check, took) = watched(&[(100, true)], 60_000).await;
    assert_eq!(check.outcome, Outcome::Pass);
    assert_eq!(check.evidence, "200 in 100 ms; 3 good in a row");
    assert_eq!(took, 500 + 500 + 100);
}

#[tokio::test(start_paused = true)]
async fn a_slow_try_delays_the_next_and_never_overlaps_it() {
    let (check, took) = watched(&[(900, true)], 60_000).await;
    assert_eq!(check.outcome, Outcome::Pass);
    assert_eq!(took, 3 * 900);
}

#[tokio::test(start_paused = true)]
async fn a_try_over_its_limit_is_bad() {
    let (check, took) = watched(&[(1001, true)], 5_000).await;
    assert_eq!(check.outcome, Outcome::Fail);
    assert!(check.evidence.ends_with("last bad: no whole answer within 1000 ms"), "{check}");
    assert!(took >= 4_000);
}

#[tokio::test(start_paused = true)]
async fn a_try_that_the_end_cuts_short_counts_for_neither_side() {
    let (check, _) = watched(&[(900, true)], 2_000).await;
    assert_eq!(check.outcome, Outcome::Inconclusive, "{check}");
    let (check, _) = watched(&[(900, false)], 800).await;
    assert_eq!(check.outcome, Outcome::Inconclusive, "{check}");
    assert_eq!(check.evidence, "no try could be finished in 0.8 s");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_boots_slowly_passes() {
    let (check, _) = watched(&[(1, false), (1, false), (5_000, true), (1, true)], 60_000).await;
    assert_eq!(check.outcome, Outcome::Pass, "{check}");
    assert_eq!(check.proof.unwrap().n, 2);
}

#[tokio::test(start_paused = true)]
async fn without_time_nothing_is_tried() {
    let (check, _) = watched(&[(0, true)], 0).await;
    assert_eq!(check.outcome, Outcome::Inconclusive);
}

#[test]
fn errors_of_this_machine_are_told_from_the_services() {
    for (code, local) in [(24, true), (12, true), (111, false), (113, false), (99, false)] {
        let bare = io::Error::from_raw_os_error(code);
        assert_eq!(says_nothing_of_the_service(&bare), local, "{code}");
        let wrapped = stillme_rollback_core::Error::new(
            stillme_rollback_core::ErrorKind::Unavailable,
            "connect",
            "failed",
        )
        .with_source(bare);
        assert_eq!(says_nothing_of_the_service(&wrapped), local, "{code}");
    }
}
