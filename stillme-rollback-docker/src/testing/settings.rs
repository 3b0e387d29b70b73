//! A container's settings, cheap to copy and to compare.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use serde_json::Value;

/// JSON that is seldom changed and often copied: copies share it, and it is hashed once.
#[derive(Clone)]
pub struct Settings(Arc<Hashed>);

struct Hashed {
    value: Value,
    hash: u64,
}

impl Settings {
    /// Settings from their JSON.
    pub fn new(value: Value) -> Self {
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        Self(Arc::new(Hashed { hash: hasher.finish(), value }))
    }

    /// The same settings with one member replaced.
    #[must_use]
    pub fn with(&self, member: &str, value: Value) -> Self {
        let mut all = self.0.value.clone();
        all[member] = value;
        Self::new(all)
    }
}

impl Deref for Settings {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.0.value
    }
}

impl PartialEq for Settings {
    fn eq(&self, other: &Self) -> bool {
        self.0.hash == other.0.hash && self.0.value == other.0.value
    }
}

impl Eq for Settings {}

impl Hash for Settings {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.hash);
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.value.fmt(f)
    }
}
