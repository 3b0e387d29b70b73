//! How long a rollback takes on Kubernetes, beside the bare requests and kubectl: `make cluster-figures`.
//!
//! On a real API server with its controllers; nodes are simulated, so that pods cost nothing and what is measured is the
//! way there. Rounds take each way once: a machine that gets busy is so for all of them. Nothing here fails because of a
//! time.
//!
//! ```text
//! cluster FOLDER [--rounds N] [--fleet N]      FOLDER: as testbed/cluster/build.sh prints it
//! ```

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints a table")]

mod bare;
mod fleet;
mod kubectl;
#[expect(dead_code, reason = "the demo looks at more")]
#[path = "../../../../examples/src/bin/demo_k8s/namespace.rs"]
mod namespace;
mod ours;
#[path = "../../../../examples/src/bin/demo_k8s/plane.rs"]
mod plane;
mod spread;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use self::namespace::Namespace;
use self::ours::Ours;
use self::plane::Plane;
use self::spread::Spread;

pub(crate) type Failure = Box<dyn Error + Send + Sync>;

struct Options {
    folder: PathBuf,
    rounds: usize,
    fleet: usize,
}

impl Options {
    fn read() -> Result<Self, Failure> {
        let mut options = Self { folder: PathBuf::new(), rounds: 20, fleet: 500 };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
            match argument.as_str() {
                "--rounds" => options.rounds = value()?.parse()?,
                "--fleet" => options.fleet = value()?.parse()?,
                folder if !folder.starts_with('-') => options.folder = folder.into(),
                other => {
                    return Err(format!("`{other}` is no option: --rounds N, --fleet N").into());
                }
            }
        }
        Ok(options)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match measure().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("cluster: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn measure() -> Result<(), Failure> {
    let options = Options::read()?;
    let plane = Plane::start(&options.folder).await?;
    let namespace = Namespace::of(&plane).await?;
    let ours = Ours::open(&plane).await?;
    one(&plane, &namespace, &ours, options.rounds).await?;
    not_found(&namespace, &ours, options.rounds).await?;
    fleet::measure(&plane, &namespace, &ours, options.fleet).await
}

/// One Deployment of three pods, back by each way.
async fn one(
    plane: &Plane,
    namespace: &Namespace,
    ours: &Ours,
    rounds: usize,
) -> Result<(), Failure> {
    namespace.create("deployments", "web", "shop/web:v1", 3).await?;
    ours.rolled_out("web").await?;
    let mut spreads = [Spread::new(), Spread::new(), Spread::new(), Spread::new()];
    for round in 0..rounds {
        for way in 0..3 {
            // A version of its own each time, so that the one before is the one to go back to.
            let image = format!("shop/web:v2-{round}-{way}");
            namespace.deploy("deployments", "web", &image).await?;
            ours.rolled_out("web").await?;
            let began = Instant::now();
            match way {
                0 => {
                    let run = ours.go_back("web").await?;
                    spreads[3].add(run);
                }
                1 => bare::go_back(&ours.executor, "web").await?,
                _ => kubectl::go_back(plane, "web").await?,
            }
            spreads[way].add(began.elapsed());
            ours.rolled_out("web").await?;
        }
    }
    let [ours, bare, kubectl, run] = spreads;
    println!("one Deployment of 3 pods, {rounds} rounds, median (quartiles):");
    println!("  bare requests and wait        {bare}");
    println!("  ours: undo and verified       {run}   {:.2} x bare", run.ratio(&bare));
    println!("  ours with preflight and plan  {ours}   {:.2} x bare", ours.ratio(&bare));
    println!(
        "  kubectl undo && status        {kubectl}   ours {:.2} x kubectl",
        ours.ratio(&kubectl)
    );
    Ok(())
}

/// A target whose image is not there: until the verdict.
async fn not_found(namespace: &Namespace, ours: &Ours, rounds: usize) -> Result<(), Failure> {
    let mut spread = Spread::new();
    namespace.create("deployments", "lost", "shop/web:v1", 3).await?;
    ours.rolled_out("lost").await?;
    namespace.deploy("deployments", "lost", "shop/web:v2-not-found").await?;
    ours.seen("lost").await?;
    namespace.deploy("deployments", "lost", "shop/web:v3").await?;
    ours.rolled_out("lost").await?;
    for _ in 0..rounds.min(10) {
        spread.add(ours.fails("lost", "tag:v2-not-found").await?);
        ours.rolled_out("lost").await?;
    }
    println!("a target that is not found is reported after  {spread}");
    Ok(())
}

/// Waits until a condition holds, asking every so often.
pub(crate) async fn until<F: Future<Output = Result<bool, Failure>>>(
    mut holds: impl FnMut() -> F,
) -> Result<(), Failure> {
    let deadline = Instant::now() + Duration::from_secs(300);
    while !holds().await? {
        if Instant::now() > deadline {
            return Err("not within 300 s".into());
        }
        // Between what is measured, never in it.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
