//! Which node a pod goes to.
//!
//! Of 1.7's predicates those that can fail here: the node is ready and takes pods, has the labels that
//! the pod asks for, and has the pod's host ports free. Of its priorities the one that decides here:
//! pods of one owner are spread, over zones first (`SelectorSpread`, two thirds of whose weight is the
//! zone), then over nodes; then the node with the fewest pods. Equals are drawn.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use harness_env::Rng;
use serde_json::Value;

use crate::rest_client::view;

const ZONE_LABEL: &str = "failure-domain.beta.kubernetes.io/zone";

/// Chooses the node for `pod`, given all pods, those `assumed` to be on a node, and all nodes.
pub(super) fn place(
    pod: &Value,
    pods: &[Arc<Value>],
    assumed: &BTreeMap<String, String>,
    nodes: &[Arc<Value>],
    rng: &mut Rng,
) -> Option<String> {
    let owner = view::controller_uid(pod);
    let ports = host_ports(pod);
    let mut on_node: BTreeMap<&str, Tally> = BTreeMap::new();
    for other in pods.iter().filter(|other| !view::is_finished(other)) {
        let node = match view::text(other, "/spec/nodeName") {
            "" => assumed.get(&view::key(other)).map_or("", String::as_str),
            node => node,
        };
        if node.is_empty() {
            continue;
        }
        let tally = on_node.entry(node).or_default();
        tally.pods += 1;
        let same_owner = !owner.is_empty() && view::controller_uid(other) == owner;
        tally.siblings += usize::from(same_owner && !view::is_terminating(other));
        tally.port_taken |= !ports.is_disjoint(&host_ports(other));
    }
    let zone = |node: &Value| view::labels(node).remove(ZONE_LABEL).unwrap_or_default();
    let mut in_zone: BTreeMap<String, usize> = BTreeMap::new();
    for node in nodes {
        let siblings = on_node.get(view::name(node)).map_or(0, |tally| tally.siblings);
        *in_zone.entry(zone(node)).or_default() += siblings;
    }
    let selector = view::map(pod, "/spec/nodeSelector");
    let mut best: Option<(Score, Vec<&str>)> = None;
    for node in nodes {
        let tally = on_node.get(view::name(node)).copied().unwrap_or_default();
        let takes_pods = node.pointer("/spec/unschedulable").and_then(Value::as_bool) != Some(true);
        let fits = view::is_ready(node)
            && takes_pods
            && !tally.port_taken
            && view::selected(node, &selector);
        if !fits {
            continue;
        }
        let score = (in_zone[&zone(node)], tally.siblings, tally.pods);
        match &mut best {
            Some((least, names)) if *least == score => names.push(view::name(node)),
            Some((least, _)) if *least < score => {}
            _ => best = Some((score, vec![view::name(node)])),
        }
    }
    let (_, names) = best?;
    rng.pick(&names).map(|name| (*name).to_string())
}

/// Of the pod's owner in the zone, of the pod's owner on the node, all on the node: less is better.
type Score = (usize, usize, usize);

/// What is on a node.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    pods: usize,
    siblings: usize,
    port_taken: bool,
}

/// The ports that a pod takes on its node. With `hostNetwork` those are all its ports.
fn host_ports(pod: &Value) -> BTreeSet<i64> {
    let host_network = pod.pointer("/spec/hostNetwork").and_then(Value::as_bool) == Some(true);
    let ports = view::items(pod, "/spec/containers")
        .iter()
        .flat_map(|container| view::items(container, "/ports"));
    ports
        .filter_map(|port| {
            let host = view::number(port, "/hostPort").filter(|port| *port != 0);
            host.or_else(|| view::number(port, "/containerPort").filter(|_| host_network))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn node(name: &str, zone: &str) -> Arc<Value> {
        Arc::new(json!({
            "metadata": {"name": name, "labels": {ZONE_LABEL: zone}},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        }))
    }

    fn pod(name: &str, owner: &str, node: &str) -> Value {
        json!({
            "metadata": {
                "namespace": "n",
                "name": name,
                "ownerReferences": [{"controller": true, "uid": owner}],
            },
            "spec": {"nodeName": node},
        })
    }

    fn choose(pod: &Value, pods: &[Value], nodes: &[Arc<Value>]) -> Option<String> {
        let pods: Vec<_> = pods.iter().cloned().map(Arc::new).collect();
        place(pod, &pods, &BTreeMap::new(), nodes, &mut Rng::from_key(1))
    }

    #[test]
    fn pods_of_one_owner_go_to_different_zones_and_then_to_different_nodes() {
        let nodes = [node("a1", "a"), node("a2", "a"), node("b1", "b")];
        let (mut pods, mut places) = (Vec::new(), Vec::new());
        for name in ["p1", "p2", "p3", "p4"] {
            let place = choose(&pod(name, "o", ""), &pods, &nodes).expect("there is room");
            pods.push(pod(name, "o", &place));
            places.push(place);
        }
        let in_b = places.iter().filter(|place| place.starts_with('b')).count();
        assert_eq!(in_b, 2, "{places:?}");
        assert!(places.contains(&"a1".to_string()) && places.contains(&"a2".to_string()));
    }

    #[test]
    fn an_assumed_pod_counts_like_one_that_is_there() {
        let nodes = [node("a", ""), node("b", "")];
        let pods = [Arc::new(pod("p1", "o", ""))];
        let assumed = BTreeMap::from([("n/p1".to_string(), "a".to_string())]);
        let place = place(&pod("p2", "o", ""), &pods, &assumed, &nodes, &mut Rng::from_key(1));
        assert_eq!(place.as_deref(), Some("b"));
    }

    #[test]
    fn a_taken_host_port_a_missing_label_or_a_lost_node_rules_a_node_out() {
        let nodes = [node("a", "x")];
        let with_port = |name: &str, node: &str| {
            let mut pod = pod(name, "o", node);
            pod["spec"]["containers"] = json!([{"ports": [{"containerPort": 1, "hostPort": 80}]}]);
            pod
        };
        assert_eq!(choose(&with_port("p2", ""), &[with_port("p1", "a")], &nodes), None);
        assert!(choose(&with_port("p2", ""), &[], &nodes).is_some());
        let mut picky = pod("p", "o", "");
        picky["spec"]["nodeSelector"] = json!({"role": "db"});
        assert_eq!(choose(&picky, &[], &nodes), None);
        let lost = Arc::new(json!({"metadata": {"name": "a"}}));
        assert_eq!(choose(&pod("p", "o", ""), &[], &[lost]), None);
    }
}
