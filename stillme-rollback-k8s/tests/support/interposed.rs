//! Somebody else's deploy, right before one of our writes.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use stillme_rollback_core::{Result, Secret};
use stillme_rollback_k8s::cluster::{Cluster, Life, Mode, Object, Permission, Selection, Watch};
use stillme_rollback_k8s::names::{Namespace, ObjectName, Uid};
use stillme_rollback_k8s::resource::Resource;

type Deploy = dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync;

/// A server before whose n-th write, from 1, somebody deploys.
#[derive(Clone)]
pub(crate) struct Interposed {
    inner: Arc<dyn Cluster>,
    at: u32,
    writes: Arc<AtomicU32>,
    deploy: Arc<Deploy>,
}

impl Interposed {
    pub(crate) fn new<F: Future<Output = ()> + Send + 'static>(
        inner: Arc<dyn Cluster>,
        at: u32,
        deploy: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self {
        let deploy =
            Arc::new(move || -> Pin<Box<dyn Future<Output = ()> + Send>> { Box::pin(deploy()) });
        Self { inner, at, writes: Arc::default(), deploy }
    }

    /// How many writes there were.
    pub(crate) fn writes(&self) -> u32 {
        self.writes.load(Ordering::SeqCst)
    }

    async fn write(&self) {
        if self.writes.fetch_add(1, Ordering::SeqCst) + 1 == self.at {
            (self.deploy)().await;
        }
    }
}

impl fmt::Debug for Interposed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interposed").field("at", &self.at).finish_non_exhaustive()
    }
}

#[async_trait]
impl Cluster for Interposed {
    async fn get(
        &self,
        resource: Resource,
        namespace: &Namespace,
        name: &ObjectName,
    ) -> Result<Option<Object>> {
        self.inner.get(resource, namespace, name).await
    }

    async fn list(
        &self,
        resource: Resource,
        namespace: &Namespace,
        selection: &Selection,
    ) -> Result<Vec<Object>> {
        self.inner.list(resource, namespace, selection).await
    }

    async fn watch(
        &self,
        resource: Resource,
        namespace: &Namespace,
        selection: &Selection,
    ) -> Result<Box<dyn Watch>> {
        self.inner.watch(resource, namespace, selection).await
    }

    async fn patch(
        &self,
        resource: Resource,
        namespace: &Namespace,
        name: &ObjectName,
        patch: &Value,
        mode: Mode,
    ) -> Result<Object> {
        if mode == Mode::Real {
            self.write().await;
        }
        self.inner.patch(resource, namespace, name, patch, mode).await
    }

    async fn delete(
        &self,
        resource: Resource,
        namespace: &Namespace,
        name: &ObjectName,
        uid: &Uid,
    ) -> Result<()> {
        self.write().await;
        self.inner.delete(resource, namespace, name, uid).await
    }

    async fn logs(
        &self,
        namespace: &Namespace,
        pod: &ObjectName,
        container: &str,
        life: Life,
    ) -> Result<Secret<Vec<u8>>> {
        self.inner.logs(namespace, pod, container, life).await
    }

    async fn may(&self, namespace: &Namespace, permission: &Permission) -> Result<bool> {
        self.inner.may(namespace, permission).await
    }

    fn limited(&self, limit: Duration) -> Arc<dyn Cluster> {
        Arc::new(Self { inner: self.inner.limited(limit), ..self.clone() })
    }
}
