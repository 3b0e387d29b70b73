//! A namespace with one workload in memory, and one with two Deployments behind a Service, deterministic: for crash matrices over the real executor.

mod cluster;
mod controller;
mod model;
mod patch;
mod sides;

pub use self::cluster::{ModelCluster, ModelVerifier};
pub use self::model::{ClusterCall, ClusterModel, ClusterReply};
pub use self::sides::{Always, SidesCall, SidesCluster, SidesModel, SidesReply};
