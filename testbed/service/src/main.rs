//! The service that the tests and the demo deploy, break and roll back.
//!
//! A real HTTP/1.1 server over threads: small enough to be linked statically and to run in an
//! image made `FROM scratch`, and honest enough to be probed, scraped and drained like any other.
//! What it does wrong, and when, is set by environment variables: see `README.md`.

mod app;
mod config;
mod connection;
mod faults;
mod healthcheck;
mod lifecycle;
mod log;
mod metrics;
mod request;
mod response;
mod server;

use std::process::ExitCode;

use config::Config;

/// Exit code of a wrong setting or argument, as shells and most tools have it.
const USAGE: u8 = 2;

const HELP: &str = "\
testbed-service                     serve until SIGTERM or SIGINT
testbed-service healthcheck [PATH]  GET PATH (default /healthz) from the own port; exit 0 on 2xx, else 1

Settings are environment variables: VERSION, HOST, PORT and TESTBED_*; README.md lists them.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let config = match Config::from_variables(|name| std::env::var(name).ok()) {
        Ok(config) => config,
        Err(error) => return refuse(&error.to_string()),
    };
    match arguments.as_slice() {
        [] => lifecycle::run(config),
        ["healthcheck"] => healthcheck::run(&config, "/healthz"),
        ["healthcheck", path] => healthcheck::run(&config, path),
        ["help" | "--help" | "-h"] => {
            log::say(HELP);
            ExitCode::SUCCESS
        }
        _ => refuse(HELP),
    }
}

fn refuse(message: &str) -> ExitCode {
    log::complain(message);
    ExitCode::from(USAGE)
}
