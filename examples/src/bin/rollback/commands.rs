//! The commands, one file each. Those that take a target back are a [`Job`](crate::flow::Job) each.

pub(crate) mod abort;
pub(crate) mod compose;
pub(crate) mod docker;
pub(crate) mod emergency;
pub(crate) mod look;
pub(crate) mod recover;
pub(crate) mod resume;
pub(crate) mod revisions;
pub(crate) mod runs;
pub(crate) mod show;
pub(crate) mod traffic;
pub(crate) mod versions;
pub(crate) mod workload;
