//! How long a target stays locked when its holder is killed.

use std::io::Write as _;
use std::path::Path;
use std::time::{Instant, SystemTime};

use stillme_rollback_benches::{Result, records};
use stillme_rollback_core::lease::{FileLease, Holder, Lease as _};
use stillme_rollback_core::{ErrorKind, Target};

use super::child::{Role, Scratch, on_a_runtime};
use super::table::{Table, Times};

const ROUNDS: usize = 20;

pub(crate) fn take(table: &mut Table) -> Result<()> {
    let scratch = Scratch::new()?;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let mut holder = Role::Hold(scratch.path().to_owned()).start()?;
        holder.line()?;
        on_a_runtime(refused(scratch.path()))?;
        holder.kill()?;
        let began = Instant::now();
        on_a_runtime(async { acquire(scratch.path()).await.map(drop) })?;
        times.push(began.elapsed());
    }
    let times = Times::new(times);
    table.row(
        "Lease after `kill -9` of its holder: taken again at the first try",
        "0 s, nothing unlocked by hand",
        times.millis(),
        times.count(),
    );
    Ok(())
}

async fn acquire(folder: &Path) -> Result<Box<dyn stillme_rollback_core::lease::Held>> {
    let target = Target::new("memory", "figures", "web")?;
    let holder = Holder::new(records::run(1), "figures", SystemTime::UNIX_EPOCH);
    Ok(FileLease::new(folder).acquire(&target, &holder).await?)
}

/// While the holder lives nobody else gets the target, or the figure means nothing.
async fn refused(folder: &Path) -> Result<()> {
    let target = Target::new("memory", "figures", "web")?;
    let holder = Holder::new(records::run(2), "figures", SystemTime::UNIX_EPOCH);
    match FileLease::new(folder).acquire(&target, &holder).await {
        Err(error) if error.kind() == ErrorKind::Held => Ok(()),
        Err(error) => Err(error.into()),
        Ok(_) => Err("a lease was given twice".into()),
    }
}

/// Takes the lease, says so, and waits to be killed.
pub(crate) fn play(folder: &Path) -> Result<()> {
    let _held = on_a_runtime(acquire(folder))?;
    println!("held");
    std::io::stdout().flush()?;
    loop {
        std::thread::park();
    }
}
