use stillme_rollback_core::{Error, ErrorKind, Plan, Release, RunId, Target, Version};
use tokio::time::{Instant, sleep};

use super::*;

#[derive(Clone, Copy, Debug)]
enum Fake {
    After(u64, Outcome),
    Untold,
    Panics,
    Never,
}

#[async_trait]
impl Verifier for Fake {
    async fn verify(&self, _: &Run, _: Duration) -> Result<Verdict> {
        match *self {
            Self::After(seconds, outcome) => {
                sleep(Duration::from_secs(seconds)).await;
                Ok(Verdict::of(vec![Check::new("own", outcome, "seen")]))
            }
            Self::Untold => Err(Error::new(ErrorKind::Unavailable, "look", "no way")),
            Self::Panics => panic!("c4nary"),
            Self::Never => std::future::pending().await,
        }
    }
}

fn run() -> Run {
    let release = Release::new(Version::new("v1").unwrap());
    let target = Target::new("docker", "e", "web").unwrap();
    Run {
        id: RunId::from_parts(std::time::UNIX_EPOCH, 1),
        plan: Arc::new(Plan::new("none", target, release.clone(), release)),
    }
}

async fn verdict_of(fakes: &[Fake]) -> (Verdict, u64) {
    let all = fakes
        .iter()
        .enumerate()
        .fold(All::new(), |all, (index, fake)| all.with(format!("part {index}"), *fake));
    let begun = Instant::now();
    let verdict = all.verify(&run(), Duration::from_secs(60)).await.unwrap();
    (verdict, begun.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn they_run_at_once_and_the_worst_decides() {
    use Fake::{After, Never, Panics, Untold};
    use Outcome::{Fail, Inconclusive, Pass};
    for (fakes, outcome, took) in [
        (vec![], Inconclusive, 0),
        (vec![After(5, Pass), After(7, Pass)], Pass, 7),
        (vec![After(5, Pass), After(7, Inconclusive)], Inconclusive, 7),
        (vec![After(5, Pass), Untold], Inconclusive, 5),
        (vec![After(5, Pass), Panics], Inconclusive, 5),
        (vec![After(5, Pass), Never], Inconclusive, 59),
        (vec![Never, After(3, Fail), Never], Fail, 3),
        (vec![Untold, After(3, Fail)], Fail, 3),
    ] {
        let (verdict, seconds) = verdict_of(&fakes).await;
        assert_eq!((verdict.outcome, seconds), (outcome, took), "{fakes:?}");
        assert_eq!(verdict.checks.len(), fakes.len(), "{fakes:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_gives_no_verdict_is_named_with_the_reason() {
    use Fake::{After, Never, Panics, Untold};
    let text = |verdict: Verdict| verdict.to_string();
    let (verdict, _) = verdict_of(&[Untold, Panics, Never, After(1, Outcome::Pass)]).await;
    assert_eq!(
        text(verdict),
        "inconclusive\n  \
         inconclusive: part 0: could not tell: look: no way\n  \
         inconclusive: part 1: panicked\n  \
         inconclusive: part 2: did not come back in time\n  \
         pass: own: seen"
    );
    let (verdict, _) = verdict_of(&[Never, After(1, Outcome::Fail)]).await;
    assert_eq!(
        text(verdict),
        "fail\n  \
         inconclusive: part 0: not waited for, because another check failed\n  \
         fail: own: seen"
    );
}

#[tokio::test(start_paused = true)]
async fn dropping_it_stops_its_parts() {
    #[derive(Debug)]
    struct Holds(Arc<()>);
    #[async_trait]
    impl Verifier for Holds {
        async fn verify(&self, _: &Run, _: Duration) -> Result<Verdict> {
            let _held = Arc::clone(&self.0);
            std::future::pending().await
        }
    }
    let token = Arc::new(());
    let all = All::new().with("holds", Holds(Arc::clone(&token)));
    let run = run();
    let verifying = all.verify(&run, Duration::from_secs(60));
    assert!(timeout(Duration::from_secs(1), verifying).await.is_err());
    tokio::task::yield_now().await;
    assert_eq!(Arc::strong_count(&token), 2, "the test's and the check's");
}
