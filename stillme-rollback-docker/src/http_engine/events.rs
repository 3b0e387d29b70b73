//! What happened to a container.

use std::time::SystemTime;

use serde_json::{Value, json};
use stillme_rollback_core::{Error, ErrorKind, Result, Secret};

use crate::engine::EventWindow;
use crate::http::{Call, Client, LIST_CAP};
use crate::names::ContainerId;

pub(super) async fn of_container(
    client: &Client,
    id: &ContainerId,
    window: EventWindow,
) -> Result<Secret<Vec<Value>>> {
    let filters = json!({ "container": [id.as_str()], "type": ["container"] });
    let call = Call::reading("read events of container", "/events")
        .about("container", id.short())
        .capped(LIST_CAP)
        .query("since", timestamp(window.since))
        .query("until", timestamp(window.until))
        .query("filters", filters.to_string());
    let answer = client.call(&call).await?;
    // One JSON object behind the other.
    serde_json::Deserializer::from_slice(answer.body())
        .into_iter::<Value>()
        .collect::<std::result::Result<_, _>>()
        .map(Secret::new)
        .map_err(|error| {
            Error::new(
                ErrorKind::Corrupt,
                "read events of container",
                format!("the answer is no JSON at line {}", error.line()),
            )
        })
}

/// Seconds and nanoseconds, as the engine writes them.
fn timestamp(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("{}.{:09}", since.as_secs(), since.subsec_nanos())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn nanoseconds_keep_their_zeros() {
        let time = SystemTime::UNIX_EPOCH + Duration::new(7, 5);
        assert_eq!(timestamp(time), "7.000000005");
    }
}
