//! An executor of one's own, for a platform of the plainest kind: a folder with a subfolder for each
//! release, and a symlink `current` that says which one is live.
//!
//! `cargo run -p stillme-rollback-examples --bin custom_executor`

#![expect(clippy::print_stdout, reason = "the program's purpose is to show it")]

mod executor;
mod plan;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use stillme_rollback_core::engine::Engine;
use stillme_rollback_core::journal::FileJournal;
use stillme_rollback_core::lease::FileLease;
use stillme_rollback_core::{Check, Outcome, Proof, Result, Run, Verdict, Verifier};

use self::executor::Links;
use self::plan::plan;

/// Good when the live release has an `index.html`.
#[derive(Debug)]
struct HasIndex(PathBuf);

#[async_trait]
impl Verifier for HasIndex {
    async fn verify(&self, _: &Run, _: Duration) -> Result<Verdict> {
        let (outcome, seen) = match fs::metadata(self.0.join("current/index.html")) {
            Ok(found) if found.len() > 0 => (Outcome::Pass, "it is there"),
            _ => (Outcome::Fail, "it is missing or empty"),
        };
        let check = Check::new("current/index.html", outcome, seen);
        Ok(Verdict::of(vec![check.with_proof(Proof::all_good(1))]))
    }
}

/// Releases `v0` (without a page), `v1` and `v2`, of which `v2` is live.
fn set_up(site: &Path) -> std::io::Result<()> {
    for release in ["v0", "v1", "v2"] {
        fs::create_dir_all(site.join("releases").join(release))?;
    }
    for release in ["v1", "v2"] {
        let page = site.join("releases").join(release).join("index.html");
        fs::write(page, format!("<h1>{release}</h1>"))?;
    }
    symlink("releases/v2", site.join("current"))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let site = folder.path().join("site");
    set_up(&site)?;

    let executor = Arc::new(Links::new(&site));
    let engine = Engine::builder(
        executor.clone(),
        Arc::new(HasIndex(site.clone())),
        Arc::new(FileJournal::new(folder.path().join("journal"))),
        Arc::new(FileLease::new(folder.path().join("lock"))),
    )
    .build();
    // The second one goes too far back: v0 has no page, so it is undone.
    for to in ["v1", "v0"] {
        let plan = plan(executor.as_ref(), to).await?;
        println!("{plan}");
        let report = engine.run(plan).await?;
        println!("{report}");
        println!("current -> {}\n", fs::read_link(site.join("current"))?.display());
    }
    Ok(())
}
