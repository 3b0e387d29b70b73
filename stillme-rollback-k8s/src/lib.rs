//! Rollback of Kubernetes workloads: Deployment, StatefulSet, DaemonSet, blue-green and canary.
//!
//! **Nothing is implemented here yet.** The crate exists so that the workspace has its final shape:
//! it will hold an `Executor` over the Kubernetes API and the strategies for each kind of workload,
//! with the same file names as `stillme-rollback-docker`.
