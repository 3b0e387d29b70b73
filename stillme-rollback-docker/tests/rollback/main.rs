//! The strategies on a real engine, from the plan to the end.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../support/overtaking.rs"]
mod overtaking;
#[path = "../support/proxy.rs"]
mod proxy;
#[path = "../support/real.rs"]
mod real;
#[path = "../support/router.rs"]
mod router;

mod auto_remove;
mod behind_proxy;
mod ends;
mod engine_kills;
mod foreign;
mod neighbours;
mod refusals;
mod settings;
mod stage;
mod warm_swap;
mod with_config;
mod world;
