//! The story, chapter by chapter.

use stillme_rollback_core::EndState;

use crate::page::{chapter, say};
use crate::prober::{GOOD, Prober};
use crate::run::go_to;
use crate::stage::{Failure, Stage, V0, V1, V2};

/// Tells all of it on a platform. What it made is still there afterwards.
pub(crate) async fn tell(stage: &dyn Stage) -> Result<(), Failure> {
    say(stage.introduction());
    // The journal outlives each engine, as it would outlive a crash.
    let folder = tempfile::tempdir()?;
    let port = stage.port();

    chapter("1. Version v1 serves");
    stage.prepare().await?;
    stage.deploy(&V1).await?;
    let prober = Prober::start(port)?;
    prober.until_served(V1.name, prober.now(), 20).await?;
    say(format!("http://127.0.0.1:{port}/ answers, and says that it is v1."));
    say("A probe asks it from now on, on a new connection every 10 ms, whatever comes.");
    say(format!("A good answer is a whole one with status 200 within {} ms.", GOOD.as_millis()));

    chapter("2. Version v2 is deployed, and fails");
    stage.deploy(&V2).await?;
    let deployed = prober.now();
    prober.until_served(V2.name, deployed, 20).await?;
    say("v2 answers, and its health check is good: the deploy looks fine.");
    prober.until_unhealthy().await?;
    prober.until_failing(prober.now(), 20).await?;
    let seen = prober.seen(deployed, prober.now()).await?;
    say("Two seconds later its health check fails, and users see errors:");
    say(format!("{} of {} requests to v2 have failed.", seen.failed, seen.requests));

    chapter("3. Back to v1");
    go_to(&V1, stage, &prober, folder.path(), EndState::RolledBack, &V1).await?;

    chapter("4. A way back that can't work: v0 exits as soon as it is started");
    say("Whoever asks for it does not know that. v1 serves, and must serve afterwards.\n");
    go_to(&V0, stage, &prober, folder.path(), EndState::Restored, &V1).await?;

    chapter("The end");
    say("v1 serves.");
    Ok(())
}
