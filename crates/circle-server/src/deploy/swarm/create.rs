//! The specification of a service that Circle makes. Pure.

use serde_json::{Value, json};

use super::spec::{DEPLOYMENT_LABEL, RUN_LABEL};
use crate::deploy::port::Creation;

/// Between a polite and a rude end of a task, in nanoseconds.
const STOP_GRACE_NS: u64 = 1_000_000_000;
/// A task that dies so soon after its start pauses an update, in nanoseconds.
const MONITOR_NS: u64 = 15_000_000_000;
const NS_PER_MS: u64 = 1_000_000;

/// A replicated service that starts the new task before it stops the old one. Its port is published on the node itself
/// (`mode=host`) on a port that the engine picks: two tasks can stand side by side on one node, and no kernel module for
/// balancing is needed.
pub(super) fn specification(wish: &Creation<'_>) -> Value {
    let how = wish.how;
    let env: Vec<String> = how.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut container = json!({ "Image": wish.image, "Env": env, "StopGracePeriod": STOP_GRACE_NS });
    if let Some(health) = &how.health {
        let mut test = vec!["CMD".to_owned()];
        test.extend(health.command.iter().cloned());
        container["Healthcheck"] = json!({
            "Test": test,
            "Interval": health.interval_ms.saturating_mul(NS_PER_MS),
            "Timeout": health.timeout_ms.saturating_mul(NS_PER_MS),
            "Retries": health.retries,
        });
    }
    let ports: Vec<Value> = how
        .port
        .iter()
        .map(|port| json!({ "Protocol": "tcp", "TargetPort": port, "PublishMode": "host" }))
        .collect();
    json!({
        "Name": wish.workload,
        "Labels": { RUN_LABEL: wish.run, DEPLOYMENT_LABEL: wish.mark },
        "TaskTemplate": { "ContainerSpec": container },
        "Mode": { "Replicated": { "Replicas": how.replicas } },
        "UpdateConfig": {
            "Parallelism": 1, "Order": "start-first", "FailureAction": "pause", "Monitor": MONITOR_NS, "MaxFailureRatio": 0
        },
        "EndpointSpec": { "Ports": ports },
    })
}
