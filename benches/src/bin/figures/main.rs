//! Takes the figures and prints them as a Markdown table. Nothing here fails because of a time.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints a table")]

mod child;
mod crowd;
mod leases;
mod matrices;
mod overhead;
mod resume;
mod sweeps;
mod table;
mod timed;

use std::process::ExitCode;

use stillme_rollback_benches::Result;

use self::child::Role;
use self::table::Table;

fn main() -> ExitCode {
    let outcome = match Role::of_this_process() {
        Some(role) => role.play(),
        None => print(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("figures: {error}");
            ExitCode::FAILURE
        }
    }
}

fn print() -> Result<()> {
    let mut table = Table::new();
    for (what, take) in [
        ("crash matrices", matrices::take as fn(&mut Table) -> Result<()>),
        ("journal sweeps", sweeps::take),
        ("overhead", overhead::take),
        ("resume", resume::take),
        ("10,000 runs", crowd::take),
        ("leases", leases::take),
    ] {
        eprintln!("taking: {what}");
        take(&mut table)?;
    }
    println!("{table}");
    Ok(())
}
