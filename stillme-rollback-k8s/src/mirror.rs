//! Some objects of a cluster as they are now, over one watch instead of one request a look.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use stillme_rollback_core::{Error, ErrorKind, Result};
use tokio::task::unconstrained;
use tokio::time::{Instant, sleep, timeout};

use crate::cluster::{Change, Cluster, Object, Selection, Watch};
use crate::names::Namespace;
use crate::object;
use crate::resource::Resource;

/// A watch on which nothing came for so long is begun anew: its connection could be dead without our knowing.
/// The server sends a bookmark about once a minute.
const SILENCE: Duration = Duration::from_secs(90);

/// How long to wait after a watch that ended.
const ENDED_PAUSE: Duration = Duration::from_millis(200);

/// What is watched.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) resource: Resource,
    pub(crate) namespace: Namespace,
    pub(crate) selection: Selection,
}

/// The objects of a selection.
pub(crate) struct Mirror {
    subject: Subject,
    cluster: Arc<dyn Cluster>,
    watch: Option<Box<dyn Watch>>,
    objects: BTreeMap<String, Object>,
    heard: Instant,
}

impl Mirror {
    /// Nothing is asked yet.
    pub(crate) fn new(cluster: Arc<dyn Cluster>, subject: Subject) -> Self {
        Self { subject, cluster, watch: None, objects: BTreeMap::new(), heard: Instant::now() }
    }

    /// Brings it up to date: all there is at first, later what has come since, without waiting.
    ///
    /// # Errors
    /// Whatever kept the server from telling.
    pub(crate) async fn look(&mut self) -> Result<&BTreeMap<String, Object>> {
        if self.heard.elapsed() > SILENCE {
            self.forget();
        }
        while let Some(watch) = &mut self.watch {
            // Unconstrained: a task that has done much already is otherwise told that nothing is there.
            match unconstrained(watch.next()).now_or_never() {
                None => return Ok(&self.objects),
                Some(Ok(Some(change))) => self.take(change),
                // Over, as it is every few minutes, or broken: once more from the beginning.
                Some(Ok(None) | Err(_)) => self.forget(),
            }
        }
        self.begin().await?;
        Ok(&self.objects)
    }

    /// Waits until something changes, or `limit` has passed, or the watch is over.
    pub(crate) async fn changed(&mut self, limit: Duration) {
        let Some(watch) = &mut self.watch else { return };
        match timeout(limit, watch.next()).await {
            Ok(Ok(Some(change))) => self.take(change),
            Ok(Ok(None) | Err(_)) => {
                self.forget();
                // A server that ends each watch at once is not asked without end.
                sleep(limit.min(ENDED_PAUSE)).await;
            }
            Err(_) => {}
        }
    }

    /// Takes in what a write answered, so that the next look is not older than that.
    pub(crate) fn learn(&mut self, object: Object) {
        self.take(Change::Is(object));
    }

    /// The next look begins from what the server has then: after a request whose fate is not known.
    pub(crate) fn forget(&mut self) {
        self.watch = None;
        self.objects.clear();
    }

    async fn begin(&mut self) -> Result<()> {
        self.forget();
        let Subject { resource, namespace, selection } = &self.subject;
        let mut watch = self.cluster.watch(*resource, namespace, selection).await?;
        loop {
            match watch.next().await? {
                Some(Change::Synced) => break,
                Some(change) => self.take(change),
                None => return Err(self.cut_off("the server ended it at its beginning")),
            }
        }
        self.heard = Instant::now();
        self.watch = Some(watch);
        Ok(())
    }

    fn cut_off(&self, why: &str) -> Error {
        let operation = format!("watch {}", self.subject.resource.plural);
        Error::new(ErrorKind::Unavailable, operation, why)
    }

    fn take(&mut self, change: Change) {
        self.heard = Instant::now();
        match change {
            Change::Is(object) => {
                let name = object::name(object.expose()).to_owned();
                let known = self.objects.get(&name);
                // A write's answer can be newer than what the watch says next.
                if known.is_none_or(|known| !object::is_newer(known.expose(), object.expose())) {
                    self.objects.insert(name, object);
                }
            }
            Change::Gone(object) => {
                let name = object::name(object.expose());
                let is_it =
                    |known: &Object| object::uid(known.expose()) == object::uid(object.expose());
                if self.objects.get(name).is_some_and(is_it) {
                    self.objects.remove(name);
                }
            }
            Change::Synced => {}
        }
    }
}

impl std::fmt::Debug for Mirror {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mirror")
            .field("subject", &self.subject)
            .field("names", &self.objects.keys())
            .finish_non_exhaustive()
    }
}
