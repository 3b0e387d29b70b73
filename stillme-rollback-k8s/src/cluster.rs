//! What this crate needs of an API server: a few verbs over raw JSON.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use stillme_rollback_core::{Result, Secret};

use crate::names::{Namespace, ObjectName, Uid};
use crate::resource::Resource;

/// An object as the server has it, raw: fields that this version does not know pass through.
///
/// A secret, as templates hold environment values.
pub type Object = Secret<Value>;

/// Which objects of a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Selection {
    /// A label selector; empty: all.
    pub labels: String,
    /// A field selector; empty: all.
    pub fields: String,
}

impl Selection {
    /// All of them.
    pub fn all() -> Self {
        Self::default()
    }

    /// Those with these labels.
    pub fn labels(selector: impl Into<String>) -> Self {
        Self { labels: selector.into(), fields: String::new() }
    }

    /// Those with these fields.
    pub fn fields(selector: impl Into<String>) -> Self {
        Self { labels: String::new(), fields: selector.into() }
    }

    /// The one of this name.
    pub fn named(name: &ObjectName) -> Self {
        Self { labels: String::new(), fields: format!("metadata.name={name}") }
    }
}

/// How a write is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// It is done.
    Real,
    /// The server does all but storing it: admission and validation say what they think of it.
    DryRun,
}

/// Which life of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Life {
    /// The one that runs, or ran last.
    Current,
    /// The one before it was restarted.
    Previous,
}

/// What happened to an object of a watch.
#[derive(Clone)]
#[non_exhaustive]
pub enum Change {
    /// It is there, like this.
    Is(Object),
    /// It is gone; this is how it was.
    Gone(Object),
    /// All that was there at the beginning was told.
    Synced,
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Is(_) => "Is(..)",
            Self::Gone(_) => "Gone(..)",
            Self::Synced => "Synced",
        })
    }
}

/// The changes of some objects, from all there are at the beginning.
#[async_trait]
pub trait Watch: Send {
    /// The next change, however long it takes. `None`: the server ended it, as it does every few minutes.
    ///
    /// Safe to drop: nothing is lost.
    ///
    /// # Errors
    /// Whatever broke the stream, which is over then.
    async fn next(&mut self) -> Result<Option<Change>>;
}

/// A question to the server: whether one may do something.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Permission {
    /// `get`, `list`, `watch`, `patch`, `delete`, `create`.
    pub verb: &'static str,
    /// On what.
    pub resource: Resource,
    /// On which one; `None`: on any.
    pub name: Option<ObjectName>,
}

impl Permission {
    /// To do something with any object of a resource.
    pub const fn any(verb: &'static str, resource: Resource) -> Self {
        Self { verb, resource, name: None }
    }

    /// To do something with one object.
    pub const fn one(verb: &'static str, resource: Resource, name: ObjectName) -> Self {
        Self { verb, resource, name: Some(name) }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource.plural)?;
        if !self.resource.group.is_empty() {
            write!(f, ".{}", self.resource.group)?;
        }
        match &self.name {
            Some(name) => write!(f, " {name}"),
            None => Ok(()),
        }
    }
}

/// An API server.
///
/// # Contract
/// - One call is one request. Nothing is retried or cached.
/// - A call that takes longer than its limit ends as `Timeout`: in doubt if it writes.
/// - What the server says comes as the error's kind: 404 `NotFound` (`get` says `None`), 409 `Conflict`, 403
///   `PermissionDenied`, 422 and 400 `Rejected`, 429 `RateLimited`, 5xx `Internal` or `Unavailable`.
/// - Nothing logs a request's or an answer's body.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Cluster: fmt::Debug + Send + Sync + 'static {
    /// One object, if there is one.
    ///
    /// # Errors
    /// As the contract says.
    async fn get(
        &self,
        resource: Resource,
        namespace: &Namespace,
        name: &ObjectName,
    ) -> Result<Option<Object>>;

    /// All objects of a selection.
    ///
    /// # Errors
    /// As the contract says.
    async fn list(
        &self,
        resource: Resource,
        namespace: &Namespace,
        selection: &Selection,
    ) -> Result<Vec<Object>>;

    /// All objects of a selection and what becomes of them.
    ///
    /// # Errors
    /// As the contract says.
    async fn watch(
        &self,
        resource: Resource,
        namespace: &Namespace,
        selection: &Selection,
    ) -> Result<Box<dyn Watch>>;

    /// Changes an object by a JSON Patch (RFC 6902) and says how it is then.
    ///
    /// # Errors
    /// As the contract says.
    async fn patch(
        &self,
        resource: Resource,
        namespace: &Namespace,
        name: &ObjectName,
        patch: &Value,
        mode: Mode,
    ) -> Result<Object>;

    /// Deletes an object if it is the one with this uid.
    ///
    /// # Errors
    /// As the contract says; `Conflict` if another one has its name now.
    async fn delete(
        &self,
        resource: Resource,
        namespace: &Namespace,
        name: &ObjectName,
        uid: &Uid,
    ) -> Result<()>;

    /// The last lines that a container of a pod printed, each with its time: 200 of them and 64 KiB at most. A secret, as
    /// services print anything.
    ///
    /// # Errors
    /// As the contract says; `Rejected` if there was no such life.
    async fn logs(
        &self,
        namespace: &Namespace,
        pod: &ObjectName,
        container: &str,
        life: Life,
    ) -> Result<Secret<Vec<u8>>>;

    /// Whether one may do something.
    ///
    /// # Errors
    /// As the contract says.
    async fn may(&self, namespace: &Namespace, permission: &Permission) -> Result<bool>;

    /// The same server, with so much time for each call.
    fn limited(&self, limit: Duration) -> std::sync::Arc<dyn Cluster>;
}
