//! An engine in memory, for tests of what is built on this crate.
//!
//! [`ModelEngine`] is an [`Engine`](crate::Engine) over a [`DockerModel`]: a state machine of
//! containers and tags with the rules of a real engine that a rollback depends on. Behind the core
//! kit's [`Simulated`](stillme_rollback_core::testing::Simulated) its calls fail where they are told
//! to, so that the crash matrix walks the real strategy and the real executor.

mod call;
mod engine;
mod inspect;
mod model;
mod settings;
mod traffic;

pub use self::call::{DockerCall, DockerReply};
pub use self::engine::{ModelEngine, ModelVerifier};
pub use self::model::{DockerModel, ModelContainer, ModelState};
pub use self::settings::Settings;
pub use self::traffic::{ModelProxy, ModelSwitch};
