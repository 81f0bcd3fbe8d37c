//! Registration and heartbeat.
//!
//! After `pkg/kubelet/kubelet_node_status.go` of 1.7: the kubelet makes its Node object and, every 10 s,
//! reads it (from the watch cache at the first try, from etcd at the others) and patches its status. It
//! tries five times at each beat.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Config, Node};
use crate::election::stamp;
use crate::rest_client::{Error, view};

/// `--node-status-update-frequency` and `nodeStatusUpdateRetry`.
const PERIOD: Duration = Duration::from_secs(10);
const TRIES: usize = 5;
/// Registration is tried again after 100 ms, doubled up to 7 s.
const REGISTER: Duration = Duration::from_millis(100);
const REGISTER_MAX: Duration = Duration::from_secs(7);

/// Registers the node and reports that it is there, for ever.
pub(super) async fn run(node: Arc<Node>, config: Config) {
    let mut pause = REGISTER;
    let mut ready_since = stamp(node.env.wall());
    while let Err(error) = register(&node, &config, &ready_since).await {
        complain(&node, "register", &error);
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(REGISTER_MAX);
    }
    tracing::info!(kind = "node.registered", node = %node.name, "{} is a node", node.name);
    loop {
        for attempt in 1..=TRIES {
            match beat(&node, attempt == 1, &mut ready_since).await {
                Ok(()) => {
                    node.throttle.lock().expect("no panic with the lock").clear("report");
                    break;
                }
                // The object was deleted: it is made again, as a restart of the kubelet would.
                Err(error) if error.is_not_found() && attempt > 1 => {
                    let _ = register(&node, &config, &ready_since).await;
                }
                Err(error) => complain(&node, "report", &error),
            }
        }
        tokio::time::sleep(PERIOD).await;
    }
}

async fn register(node: &Node, config: &Config, since: &str) -> Result<(), Error> {
    let mut labels = config.labels.clone();
    labels.insert("kubernetes.io/hostname".to_string(), node.name.clone());
    if !config.zone.is_empty() {
        let zone = "failure-domain.beta.kubernetes.io/zone".to_string();
        labels.insert(zone, config.zone.clone());
    }
    let object = json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": { "name": node.name, "labels": labels },
        "status": {
            "addresses": [
                { "type": "InternalIP", "address": node.env.ip().to_string() },
                { "type": "Hostname", "address": node.name },
            ],
            "conditions": [ready(node, since)],
        },
    });
    match node.client.create("/api/v1/nodes", &object).await {
        Err(error) if !error.is_already_exists() => Err(error),
        _ => Ok(()),
    }
}

async fn beat(node: &Node, from_cache: bool, since: &mut String) -> Result<(), Error> {
    let path = format!("/api/v1/nodes/{}", node.name);
    let query = if from_cache { "?resourceVersion=0" } else { "" };
    let object = node.client.get(&format!("{path}{query}")).await?;
    if !view::is_ready(&object) {
        *since = stamp(node.env.wall());
    }
    let patch = json!({ "status": { "conditions": [ready(node, since)] } });
    node.client.patch_merge(&format!("{path}/status"), &patch).await?;
    Ok(())
}

fn ready(node: &Node, since: &str) -> Value {
    json!({
        "type": "Ready",
        "status": "True",
        "reason": "KubeletReady",
        "message": "kubelet is posting ready status",
        "lastHeartbeatTime": stamp(node.env.wall()),
        "lastTransitionTime": since,
    })
}

fn complain(node: &Node, what: &str, error: &Error) {
    let throttled = node.throttle.lock().expect("no panic with the lock").admit(what);
    if let Some(times) = throttled {
        let name = &node.name;
        tracing::info!(
            kind = "node.report-failed", node = %name, times, %error,
            "{name} cannot {what} its status: {error}"
        );
    }
}
