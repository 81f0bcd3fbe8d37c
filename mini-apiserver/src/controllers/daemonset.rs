//! What a DaemonSet wants done: one pod on every node that it fits.
//!
//! As in 1.7 (`pkg/controller/daemon/daemoncontroller.go`) the controller names the node itself and
//! the scheduler has no part in it. A deleted pod is replaced once it is really gone, which takes as
//! long as it takes to stop: two of them could not listen on one host port. Pods of an old template
//! stay until someone deletes them (`OnDelete`, the default of extensions/v1beta1), or are replaced
//! `maxUnavailable` (1) at a time (`RollingUpdate`).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::deployment::share;
use super::template::{self, HASH_LABEL};
use super::workload::{NewPod, Plan};
use crate::rest_client::view;

/// What to do for the DaemonSet, given the pods that it owns and all nodes.
pub(super) fn plan(set: &Value, pods: &[&Value], nodes: &[&Value]) -> Plan {
    let hash = template::hash(&set["spec"]["template"]);
    let selector = view::map(set, "/spec/template/spec/nodeSelector");
    let mut on_node: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for pod in pods {
        on_node.entry(view::text(pod, "/spec/nodeName")).or_default().push(pod);
    }
    let fits: Vec<&str> = nodes
        .iter()
        .filter(|node| view::selected(node, &selector))
        .map(|node| view::name(node))
        .collect();
    let mut plan = Plan::default();
    let mut kept = Vec::new();
    for node in &fits {
        match on_node.remove(node) {
            None => plan.create.push(NewPod {
                prefix: view::name(set).to_string(),
                node: Some((*node).to_string()),
            }),
            Some(pods) => kept.extend(keep_one(&pods, &mut plan)),
        }
    }
    // What is left is where it should not be.
    for pod in on_node.into_values().flatten().filter(|pod| !view::is_terminating(pod)) {
        plan.delete.push(view::name(pod).to_string());
    }
    let is_updated =
        |pod: &Value| view::labels(pod).get(HASH_LABEL).is_some_and(|label| *label == hash);
    if view::text(set, "/spec/updateStrategy/type") == "RollingUpdate" {
        plan.delete.extend(outdated(set, &kept, fits.len(), is_updated));
    }
    let ready = kept.iter().filter(|pod| view::is_ready(pod)).count();
    plan.status = json!({
        "observedGeneration": view::number(set, "/metadata/generation").unwrap_or_default(),
        "desiredNumberScheduled": fits.len(),
        "currentNumberScheduled": kept.len(),
        "updatedNumberScheduled": kept.iter().filter(|pod| is_updated(pod)).count(),
        "numberReady": ready,
        "numberAvailable": ready,
        "numberUnavailable": fits.len().saturating_sub(ready),
        "numberMisscheduled": 0,
    });
    plan
}

/// Of the pods on one node, the one to keep: the oldest. Failed and surplus ones are deleted.
fn keep_one<'a>(pods: &[&'a Value], plan: &mut Plan) -> Option<&'a Value> {
    let mut pods: Vec<&Value> =
        pods.iter().copied().filter(|pod| !view::is_terminating(pod)).collect();
    pods.sort_by_key(|pod| (view::text(pod, "/metadata/creationTimestamp"), view::name(pod)));
    let (bad, good): (Vec<&Value>, Vec<&Value>) =
        pods.into_iter().partition(|pod| view::is_finished(pod));
    let surplus = good.iter().skip(1);
    plan.delete.extend(bad.iter().chain(surplus).map(|pod| view::name(pod).to_string()));
    good.first().copied()
}

/// The pods of an old template that may go now: all that are not ready, and of the others as many as
/// `maxUnavailable` allows.
fn outdated(
    set: &Value,
    kept: &[&Value],
    desired: usize,
    is_updated: impl Fn(&Value) -> bool,
) -> Vec<String> {
    let limit = set.pointer("/spec/updateStrategy/rollingUpdate/maxUnavailable");
    let limit = limit.map_or(1, |limit| share(Some(limit), desired, usize::div_ceil));
    let ready = kept.iter().filter(|pod| view::is_ready(pod)).count();
    let mut budget = limit.saturating_sub(desired.saturating_sub(ready));
    let old = kept.iter().filter(|pod| !is_updated(pod));
    old.filter(|pod| {
        let free = !view::is_ready(pod);
        let paid = !free && budget > 0;
        budget -= usize::from(paid);
        free || paid
    })
    .map(|pod| view::name(pod).to_string())
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str) -> Value {
        json!({"metadata": {"name": name, "labels": {"role": "worker"}}})
    }

    fn set() -> Value {
        json!({
            "metadata": {"namespace": "default", "name": "l5d", "uid": "u", "generation": 1},
            "spec": {"template": {"spec": {"image": "l5d:0.9.1"}}},
        })
    }

    fn pod(set: &Value, name: &str, node: &str) -> Value {
        let mut pod = template::pod(set, "DaemonSet", name, Some(node));
        pod["status"] = json!({"conditions": [{"type": "Ready", "status": "True"}]});
        pod
    }

    fn names(plan: &Plan) -> (Vec<&str>, Vec<&str>) {
        let nodes = plan.create.iter().filter_map(|pod| pod.node.as_deref());
        (nodes.collect(), plan.delete.iter().map(String::as_str).collect())
    }

    #[test]
    fn every_node_without_a_pod_gets_one_and_pods_of_lost_nodes_go() {
        let (set, nodes) = (set(), [node("a"), node("b")]);
        let pods = [pod(&set, "p1", "a"), pod(&set, "p2", "gone")];
        let plan = plan(&set, &pods.iter().collect::<Vec<_>>(), &nodes.iter().collect::<Vec<_>>());
        assert_eq!(names(&plan), (vec!["b"], vec!["p2"]));
        assert_eq!(plan.status["desiredNumberScheduled"], 2);
        assert_eq!(plan.status["numberReady"], 1);
    }

    #[test]
    fn a_deleted_pod_is_replaced_once_it_is_gone() {
        let (set, nodes) = (set(), [node("a")]);
        let mut stopping = pod(&set, "p1", "a");
        stopping["metadata"]["deletionTimestamp"] = "2017-10-27T14:26:00Z".into();
        let nodes: Vec<_> = nodes.iter().collect();
        assert_eq!(names(&plan(&set, &[&stopping], &nodes)), (vec![], vec![]));
        assert_eq!(names(&plan(&set, &[], &nodes)), (vec!["a"], vec![]));
    }

    #[test]
    fn a_node_selector_is_honoured_and_a_failed_pod_is_deleted() {
        let (mut set, nodes) = (set(), [node("a")]);
        let mut failed = pod(&set, "p1", "a");
        failed["status"]["phase"] = "Failed".into();
        let nodes: Vec<_> = nodes.iter().collect();
        assert_eq!(names(&plan(&set, &[&failed], &nodes)), (vec![], vec!["p1"]));
        set["spec"]["template"]["spec"]["nodeSelector"] = json!({"role": "master"});
        assert_eq!(names(&plan(&set, &[], &nodes)), (vec![], vec![]));
    }

    #[test]
    fn a_new_template_replaces_nothing_by_default_and_one_at_a_time_when_rolling() {
        let (mut set, nodes) = (set(), [node("a"), node("b")]);
        let pods = [pod(&set, "p1", "a"), pod(&set, "p2", "b")];
        set["spec"]["template"]["spec"]["image"] = "l5d:1.0.0".into();
        let nodes: Vec<_> = nodes.iter().collect();
        let pods: Vec<_> = pods.iter().collect();
        assert_eq!(names(&plan(&set, &pods, &nodes)), (vec![], vec![]));
        set["spec"]["updateStrategy"] = json!({"type": "RollingUpdate"});
        assert_eq!(names(&plan(&set, &pods, &nodes)), (vec![], vec!["p1"]));
    }
}
