//! Events.
#[derive(Debug, Clone)]
/// Placeholder.
pub struct Event;
