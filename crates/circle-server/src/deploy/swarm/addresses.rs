//! Where a service's running tasks answer.

use std::collections::BTreeMap;

use serde_json::Value;

use super::api::Manager;
use crate::deploy::port::TargetError;

/// `http://node:port` of each running task with a port on its node; else of the nodes behind the ingress network.
pub(super) async fn addresses(
    endpoint: &Manager,
    service: &Value,
    tasks: &[Value],
) -> Result<Vec<String>, TargetError> {
    let nodes = nodes(endpoint).await?;
    let mut found = Vec::new();
    for task in tasks.iter().filter(|task| runs(task)) {
        let node = task.get("NodeID").and_then(Value::as_str).and_then(|id| nodes.get(id));
        let port = task
            .pointer("/Status/PortStatus/Ports/0/PublishedPort")
            .and_then(Value::as_u64);
        if let (Some(node), Some(port)) = (node, port) {
            found.push(format!("http://{node}:{port}"));
        }
    }
    if !found.is_empty() {
        return Ok(found);
    }
    let ports = service.pointer("/Endpoint/Ports").and_then(Value::as_array);
    let port = ports.into_iter().flatten().find_map(|port| {
        let ingress = port.get("PublishMode").and_then(Value::as_str) != Some("host");
        port.get("PublishedPort")
            .and_then(Value::as_u64)
            .filter(|port| ingress && *port > 0)
    });
    Ok(port
        .into_iter()
        .flat_map(|port| nodes.values().map(move |node| format!("http://{node}:{port}")))
        .take(1)
        .collect())
}

async fn nodes(endpoint: &Manager) -> Result<BTreeMap<String, String>, TargetError> {
    let nodes = endpoint.read("/nodes", &[]).await?;
    let address = |node: &Value| {
        let id = node.get("ID")?.as_str()?.to_owned();
        let address = node.pointer("/Status/Addr")?.as_str()?;
        // IPv6 stands in brackets in an address of the web.
        let address = if address.contains(':') {
            format!("[{address}]")
        } else {
            address.to_owned()
        };
        Some((id, address))
    };
    Ok(nodes.as_array().into_iter().flatten().filter_map(address).collect())
}

fn runs(task: &Value) -> bool {
    let wanted = task.get("DesiredState").and_then(Value::as_str) == Some("running");
    wanted && task.pointer("/Status/State").and_then(Value::as_str) == Some("running")
}
