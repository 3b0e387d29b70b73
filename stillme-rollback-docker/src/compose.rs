//! Services of Docker Compose: taken back by the compose command itself, with other images laid over
//! the project's files, and nothing else.
//!
//! - [`ComposeExecutor`] looks at services and does plans; [`ComposeUp`] makes the plans.
//! - [`Project`], [`ServiceName`] and [`Services`] are what can be said of them, checked.
//! - [`Compose`] is a compose command, of whichever generation.
//! - [`checks`] holds the verdict: every replica, and that nobody else was touched.
//!
//! The files are never interpreted here: what they mean is asked of the compose command, which knows
//! `extends`, `include`, anchors, profiles and variables. They are read only for what must not reach
//! it, and for the edits that make a rollback sticky.

mod action;
mod choice;
mod command;
mod definition;
mod detail;
mod differences;
mod drift;
mod executor;
mod files;
mod labels;
mod lease;
mod leftovers;
mod lint;
mod lock;
#[cfg(feature = "testing")]
pub(crate) mod model;
mod names;
mod overlay;
mod process;
mod scene;
mod sticky;
mod strategy;
mod version;
mod versions;
mod yaml;

pub mod checks;

pub use self::command::{Compose, ComposeId};
pub use self::definition::ComposeOptions;
pub use self::executor::{ComposeExecutor, Recorded};
pub use self::lease::ByProject;
pub use self::names::{Project, ServiceName, Services, parts, target};
pub use self::sticky::Sticky;
pub use self::strategy::ComposeUp;
pub use self::version::{ComposeVersion, Flavour};
pub use self::versions::release_of;
