//! `rollback`: takes a service back to a version that worked. What it does stands in `rollback --help`.

mod abort;
mod cli;
mod consent;
mod dispatch;
mod docker;
mod exit;
mod follow;
mod io;
mod output;
mod parts;
mod planned;
mod progress;
mod recorded;
mod recover;
mod resume;
mod runs;
mod show;
mod signals;
mod state_dir;
#[cfg(feature = "test-kill")]
mod test_kill;
mod versions;

use std::process::ExitCode;

fn main() -> ExitCode {
    dispatch::run(std::env::args_os(), &mut io::Io::of_process(), &io::Surroundings::of_process())
}
