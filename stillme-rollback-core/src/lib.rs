//! Core of stillme-rollback: traits, plan, engine, journal, lease, events, report and testing kit.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod clock;
mod end;
mod error;
mod executor;
mod facts;
mod fingerprint;
mod id;
mod image;
mod observation;
mod observer;
mod plan;
mod printable;
mod random;
mod reach;
mod redact;
mod slug;
mod step;
mod strategy;
mod target;
mod verdict;
mod verifier;

pub mod engine;
pub mod event;
pub mod journal;
pub mod lease;
#[cfg(feature = "mock")]
#[cfg_attr(docsrs, doc(cfg(feature = "mock")))]
pub mod mock;
pub mod report;
#[cfg(feature = "testing")]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub mod testing;

pub use self::clock::{Clock, SystemClock};
pub use self::end::EndState;
pub use self::error::{Disposition, Error, ErrorKind, Result, chain};
pub use self::executor::{Capabilities, Executor, Exhibit, Run, StepContext};
pub use self::facts::{Condition, Difference, Facts, Foreign};
pub use self::fingerprint::Fingerprint;
pub use self::id::{IdempotencyKey, RunId, StepId};
pub use self::image::ImageRef;
pub use self::observation::Observation;
pub use self::observer::Observer;
pub use self::plan::{CheckSpec, Note, NoteLevel, OnInconclusive, PLAN_FORMAT, Plan, Purpose};
pub use self::printable::Printable;
pub use self::reach::{Dial, Exec, ExecOutput, Instance, LogSource, ResourceSource, Usage};
pub use self::redact::{HashKey, Secret};
pub use self::step::{Action, Phase, Step, StepKind, Undo, Work};
pub use self::strategy::{Goal, PlanRefusal, Request, Strategy};
pub use self::target::{Evidence, Release, Settings, Target, Version};
pub use self::verdict::{Check, Outcome, Proof, Verdict};
pub use self::verifier::Verifier;
