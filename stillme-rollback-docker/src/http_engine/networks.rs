//! Networks: looked at raw, made and removed by name, joined and left by containers.

use serde_json::{Value, json};
use stillme_rollback_core::{Error, ErrorKind, Result};

use super::containers::already_if;
use crate::engine::{Changed, NewNetwork};
use crate::http::{Call, Client, segment};
use crate::names::ContainerId;

fn path(network: &str, what: &str) -> String {
    format!("/networks/{}{what}", segment(network))
}

pub(super) async fn inspect(client: &Client, network: &str) -> Result<Option<Value>> {
    let call = Call::reading("inspect network", path(network, "")).about("network", network);
    let found: Value = match client.call(&call).await {
        Ok(answer) => answer.json(&call)?,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    // The engine also takes the beginning of an id for a name.
    Ok((found["Name"] == network || found["Id"] == network).then_some(found))
}

pub(super) async fn create(client: &Client, network: &NewNetwork) -> Result<Changed> {
    let call = Call::posting("create network", "/networks/create")
        .about("network", &network.name)
        .json(&json!({
            "Name": network.name,
            // Engines below API 1.44 take a second network of a name unless they are told.
            "CheckDuplicate": true,
            "Driver": "bridge",
            "Internal": network.internal,
            "Labels": network.labels,
        }));
    match client.call(&call).await {
        Ok(_) => Ok(Changed::Yes),
        Err(error) if error.kind() == ErrorKind::Conflict => {
            let found = inspect(client, &network.name).await;
            let ours = |found: &Value| found["Labels"] == json!(network.labels);
            match found {
                Ok(Some(found)) if ours(&found) => Ok(Changed::Already),
                _ => Err(error),
            }
        }
        Err(error) => Err(error),
    }
}

pub(super) async fn remove(client: &Client, network: &str) -> Result<Changed> {
    let call = Call::deleting("remove network", path(network, "")).about("network", network);
    match client.call(&call).await {
        Ok(_) => Ok(Changed::Yes),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Changed::Already),
        Err(error) => Err(error),
    }
}

pub(super) async fn connect(
    client: &Client,
    network: &str,
    id: &ContainerId,
    endpoint: &Value,
) -> Result<Changed> {
    let call = Call::posting("connect container to network", path(network, "/connect"))
        .about("network", network)
        .json(&json!({ "Container": id.as_str(), "EndpointConfig": endpoint }));
    match client.call(&call).await {
        Ok(_) => Ok(Changed::Yes),
        // "Already connected" is a 403, and a 409 in newer engines.
        Err(error) if may_be_so_already(&error) => {
            already_if(client, id, error, |found| is_connected(found, network)).await
        }
        Err(error) => Err(error),
    }
}

pub(super) async fn disconnect(
    client: &Client,
    network: &str,
    id: &ContainerId,
) -> Result<Changed> {
    let call = Call::posting("disconnect container from network", path(network, "/disconnect"))
        .about("network", network)
        .json(&json!({ "Container": id.as_str(), "Force": false }));
    match client.call(&call).await {
        Ok(_) => Ok(Changed::Yes),
        // "Is not connected" is a 403 or a 500, by the container's state.
        Err(error) if may_be_so_already(&error) || error.kind() == ErrorKind::Internal => {
            already_if(client, id, error, |found| !is_connected(found, network)).await
        }
        Err(error) => Err(error),
    }
}

fn may_be_so_already(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Rejected | ErrorKind::Conflict)
}

/// Whether an inspected container has an endpoint in a network, which is named or given by its id.
fn is_connected(container: &Value, network: &str) -> bool {
    let networks = container["NetworkSettings"]["Networks"].as_object();
    networks
        .into_iter()
        .flatten()
        .any(|(name, endpoint)| name == network || endpoint["NetworkID"] == network)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_known_by_name_and_by_id() {
        let container = json!({"NetworkSettings": {"Networks": {"front": {"NetworkID": "n1"}}}});
        assert!(is_connected(&container, "front") && is_connected(&container, "n1"));
        assert!(!is_connected(&container, "back"));
        assert!(!is_connected(&json!({}), "front"));
    }
}
