//! `rollback`: takes a service back to a version that worked. What it does stands in `rollback --help`.

mod cli;
mod commands;
mod consent;
mod dispatch;
mod exit;
mod flow;
mod follow;
mod health;
mod io;
mod output;
mod platform;
mod progress;
mod recorded;
mod runner;
mod signals;
mod state_dir;
#[cfg(feature = "test-kill")]
mod test_kill;

use std::process::ExitCode;

fn main() -> ExitCode {
    dispatch::run(std::env::args_os(), &mut io::Io::of_process(), &io::Surroundings::of_process())
}
