//! A namespace with one workload in memory, deterministic: for crash matrices over the real executor.

mod cluster;
mod controller;
mod model;
mod patch;

pub use self::cluster::{ModelCluster, ModelVerifier};
pub use self::model::{ClusterCall, ClusterModel, ClusterReply};
