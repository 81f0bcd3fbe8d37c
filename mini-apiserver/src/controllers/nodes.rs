//! Nodes that stopped reporting, and the pods on them.
//!
//! After `pkg/controller/node/nodecontroller.go` of 1.7. A node that has not reported for 40 s becomes
//! `Unknown` and its pods not ready, so that Services stop sending to them; after 5 minutes more its
//! pods are deleted, and their owners make others. When no node reports at all, the fault is taken to
//! be the controller's own and nothing is deleted. Left out: the rate of evictions per zone, taints.

use std::collections::BTreeMap;
use std::time::Duration;

use harness_env::{Env, Wall};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::informers::Informers;
use crate::election::stamp;
use crate::rest_client::{Client, Error, view};

/// `--node-monitor-period`, `--node-monitor-grace-period`, `--pod-eviction-timeout`.
const PERIOD: Duration = Duration::from_secs(5);
const GRACE: Duration = Duration::from_secs(40);
const EVICTION: Duration = Duration::from_secs(5 * 60);

/// What is remembered of a node.
#[derive(Debug)]
struct Seen {
    heartbeat: String,
    at: Instant,
    unready_since: Option<Instant>,
}

/// What to do about a node.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Fine,
    /// It is to be marked `Unknown`, and its pods as not ready.
    Lost,
    /// Its pods are to be deleted.
    Evict,
}

/// Runs the controller, for ever.
pub(super) async fn run((env, informers): (Env, Informers), client: Client) {
    let Informers { nodes, pods, .. } = informers;
    nodes.synced().await;
    pods.synced().await;
    let mut seen = BTreeMap::new();
    loop {
        tokio::time::sleep(PERIOD).await;
        let nodes = nodes.store.all();
        let any_reports = nodes.iter().any(|node| view::is_ready(node));
        for node in nodes {
            let verdict = judge(&node, &mut seen, any_reports);
            if verdict == Verdict::Fine {
                continue;
            }
            let on_node = pods.store.all();
            let on_node = on_node
                .iter()
                .map(|pod| &**pod)
                .filter(|pod| view::text(pod, "/spec/nodeName") == view::name(&node));
            let result = match verdict {
                Verdict::Lost => lose(&client, &node, on_node, env.wall()).await,
                _ => evict(&client, on_node).await,
            };
            if let Err(error) = result {
                tracing::debug!(
                    kind = "node.update-failed", node = view::name(&node), %error,
                    "cannot write about lost node {}: {error}", view::name(&node)
                );
            }
        }
    }
}

fn judge(node: &Value, seen: &mut BTreeMap<String, Seen>, any_reports: bool) -> Verdict {
    let now = Instant::now();
    let heartbeat = view::items(node, "/status/conditions")
        .iter()
        .find(|condition| view::text(condition, "/type") == "Ready")
        .map(|condition| view::text(condition, "/lastHeartbeatTime"))
        .unwrap_or_default();
    let entry = seen.entry(view::name(node).to_string()).or_insert_with(|| Seen {
        heartbeat: heartbeat.to_string(),
        at: now,
        unready_since: None,
    });
    if entry.heartbeat != heartbeat {
        entry.heartbeat = heartbeat.to_string();
        entry.at = now;
    }
    if view::is_ready(node) {
        entry.unready_since = None;
        return if entry.at.elapsed() > GRACE { Verdict::Lost } else { Verdict::Fine };
    }
    let since = *entry.unready_since.get_or_insert(now);
    if any_reports && since.elapsed() > EVICTION { Verdict::Evict } else { Verdict::Fine }
}

/// Marks a node as lost and the pods on it as not ready.
async fn lose(
    client: &Client,
    node: &Value,
    pods: impl Iterator<Item = &Value>,
    wall: Wall,
) -> Result<(), Error> {
    let name = view::name(node);
    let heartbeat = view::items(node, "/status/conditions")
        .iter()
        .find(|condition| view::text(condition, "/type") == "Ready")
        .map(|condition| condition["lastHeartbeatTime"].clone());
    let condition = json!({
        "type": "Ready",
        "status": "Unknown",
        "reason": "NodeStatusUnknown",
        "message": "Kubelet stopped posting node status.",
        "lastHeartbeatTime": heartbeat,
        "lastTransitionTime": stamp(wall),
    });
    let patch = json!({ "status": { "conditions": [condition] } });
    client.patch_merge(&format!("/api/v1/nodes/{name}/status"), &patch).await?;
    tracing::info!(
        kind = "node.lost",
        node = name,
        "{name} has not reported for {} s",
        GRACE.as_secs()
    );
    for pod in pods.filter(|pod| view::is_ready(pod)) {
        let mut conditions = pod["status"]["conditions"].clone();
        for condition in conditions.as_array_mut().into_iter().flatten() {
            if view::text(condition, "/type") == "Ready" {
                condition["status"] = "False".into();
                condition["lastTransitionTime"] = stamp(wall).into();
            }
        }
        let patch = json!({ "status": { "conditions": conditions } });
        client.patch_merge(&format!("{}/status", path(pod)), &patch).await?;
    }
    Ok(())
}

async fn evict(client: &Client, pods: impl Iterator<Item = &Value>) -> Result<(), Error> {
    let of_a_set = |pod: &Value| {
        view::items(pod, "/metadata/ownerReferences")
            .iter()
            .any(|owner| view::text(owner, "/kind") == "DaemonSet")
    };
    for pod in pods.filter(|pod| !view::is_terminating(pod) && !of_a_set(pod)) {
        client.delete(&path(pod)).await?;
        tracing::info!(
            kind = "pod.evicted", pod = %view::key(pod), node = view::text(pod, "/spec/nodeName"),
            "{} is deleted: its node is lost", view::key(pod)
        );
    }
    Ok(())
}

fn path(pod: &Value) -> String {
    format!("/api/v1/namespaces/{}/pods/{}", view::namespace(pod), view::name(pod))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(ready: &str, heartbeat: &str) -> Value {
        let condition = json!({"type": "Ready", "status": ready, "lastHeartbeatTime": heartbeat});
        json!({"metadata": {"name": "n"}, "status": {"conditions": [condition]}})
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_node_is_lost_and_then_evicted_unless_all_are_silent() {
        let mut seen = BTreeMap::new();
        let second = Duration::from_secs(1);
        assert_eq!(judge(&node("True", "1"), &mut seen, true), Verdict::Fine);
        tokio::time::advance(GRACE - second).await;
        assert_eq!(judge(&node("True", "2"), &mut seen, true), Verdict::Fine);
        tokio::time::advance(GRACE + second).await;
        assert_eq!(judge(&node("True", "2"), &mut seen, true), Verdict::Lost);
        assert_eq!(judge(&node("Unknown", "2"), &mut seen, true), Verdict::Fine);
        tokio::time::advance(EVICTION + second).await;
        assert_eq!(judge(&node("Unknown", "2"), &mut seen, false), Verdict::Fine);
        assert_eq!(judge(&node("Unknown", "2"), &mut seen, true), Verdict::Evict);
        assert_eq!(judge(&node("True", "3"), &mut seen, true), Verdict::Fine);
    }
}
