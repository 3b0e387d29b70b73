//! Rollback of Docker containers: the way to an engine, what it holds, and what a container could go
//! back to.
//!
//! - [`connect`] finds the engine as the docker command does, [`http`] speaks to it.
//! - [`Engine`] is what this crate needs of an engine, some twenty calls; [`HttpEngine`] is a real one.
//! - [`names`] holds identities, names and labels; [`versions`] what a container could go back to.
//! - [`traffic`] moves what a proxy sends to a service, for [`BehindProxy`].
//! - [`compose`] takes services of Docker Compose back, through the compose command.
//! - [`health`] has the verdicts that an engine can give by itself.
//!
//! Nothing here logs a request or an answer: both hold environment values.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod checks;
pub mod compose;
pub mod connect;
pub mod dependents;
pub mod detail;
pub mod emergency;
pub mod engine;
pub mod health;
pub mod http;
pub mod images;
pub mod names;
pub mod recover;
pub mod recreate;
#[cfg(feature = "testing")]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub mod testing;
pub mod traffic;
pub mod versions;

mod action;
mod auto;
mod behind_proxy;
mod create_first;
mod deaf;
mod executor;
mod groundwork;
mod http_engine;
mod inspect;
mod origin;
mod preflight;
mod privileges;
mod reach;
mod recipe;
mod scene;
mod side_by_side;
mod warm_swap;

/// Mockall mocks of [`Engine`] and [`TrafficSwitch`]. **Exempt from semver.** What to know of such mocks stands in
/// `stillme_rollback_core::mock`.
#[cfg(feature = "mock")]
#[cfg_attr(docsrs, doc(cfg(feature = "mock")))]
pub mod mock {
    pub use crate::engine::MockEngine;
    pub use crate::traffic::MockTrafficSwitch;
}

pub use self::auto::Auto;
pub use self::behind_proxy::BehindProxy;
pub use self::connect::{DockerEnv, Endpoint, SshHost};
pub use self::create_first::CreateFirst;
pub use self::engine::Engine;
pub use self::executor::DockerExecutor;
pub use self::http_engine::HttpEngine;
pub use self::names::{ContainerId, ContainerName, ContainerRef, ImageId};
pub use self::recover::{Recover, RecoverExecutor};
pub use self::traffic::{FnSwitch, KamalProxy, TrafficSwitch};
pub use self::warm_swap::WarmSwap;
