//! The subsets of an Endpoints object, from a Service and the pods it selects.
//!
//! After `syncService` of 1.7 and `RepackSubsets`: every pod with an address is under the ports that it
//! has for the Service, in `addresses` if it is ready and in `notReadyAddresses` otherwise; pods with
//! the same ports share a subset; everything is in a fixed order.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::rest_client::view;

/// One address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Address {
    pub(super) ip: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    node_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target_ref: Option<Target>,
}

/// The pod behind an address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Target {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    uid: String,
    /// The version of the pod: any change of a pod is a change of its Endpoints, as it was in these
    /// releases (kubernetes#108077).
    #[serde(default, rename = "resourceVersion", skip_serializing_if = "String::is_empty")]
    version: String,
}

/// One port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Port {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    name: String,
    port: u16,
    #[serde(default = "tcp")]
    protocol: String,
}

fn tcp() -> String {
    "TCP".to_string()
}

/// Addresses that have the same ports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Subset {
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_empty")]
    pub(super) addresses: Vec<Address>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_empty")]
    pub(super) not_ready_addresses: Vec<Address>,
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_empty")]
    ports: Vec<Port>,
}

fn null_is_empty<'de, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de>,
    D: serde::Deserializer<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// The subsets of `service`, given the pods that it selects. Never absent: no pods is an empty list.
pub(super) fn compute<'a>(
    service: &Value,
    pods: impl IntoIterator<Item = &'a Value>,
) -> Vec<Subset> {
    // By port, the addresses that have it, and whether they are ready.
    let mut by_port: BTreeMap<Port, BTreeMap<Address, bool>> = BTreeMap::new();
    for pod in pods {
        let ip = view::text(pod, "/status/podIP");
        if ip.is_empty() || view::is_terminating(pod) || view::is_finished(pod) {
            continue;
        }
        let address = address(pod, ip);
        for wanted in view::items(service, "/spec/ports") {
            if let Some(port) = port(wanted, pod) {
                by_port.entry(port).or_default().insert(address.clone(), view::is_ready(pod));
            }
        }
    }
    // By address, its ports; then by ports, the addresses.
    let mut by_address: BTreeMap<(Address, bool), Vec<Port>> = BTreeMap::new();
    for (port, addresses) in by_port {
        for entry in addresses {
            by_address.entry(entry).or_default().push(port.clone());
        }
    }
    let mut by_ports: BTreeMap<Vec<Port>, Subset> = BTreeMap::new();
    for ((address, ready), ports) in by_address {
        let subset = by_ports.entry(ports).or_default();
        if ready {
            subset.addresses.push(address);
        } else {
            subset.not_ready_addresses.push(address);
        }
    }
    by_ports.into_iter().map(|(ports, subset)| Subset { ports, ..subset }).collect()
}

fn address(pod: &Value, ip: &str) -> Address {
    let text = |pointer| view::text(pod, pointer).to_string();
    let node = text("/spec/nodeName");
    Address {
        ip: ip.to_string(),
        node_name: (!node.is_empty()).then_some(node),
        target_ref: Some(Target {
            kind: "Pod".to_string(),
            namespace: text("/metadata/namespace"),
            name: text("/metadata/name"),
            uid: text("/metadata/uid"),
            version: text("/metadata/resourceVersion"),
        }),
    }
}

/// The port of a pod that a port of a Service stands for (`podutil.FindPort`): `targetPort`, by
/// number or by the name of a container's port, or the Service's own number.
fn port(wanted: &Value, pod: &Value) -> Option<Port> {
    let own = view::number(wanted, "/port");
    let number = match wanted.get("targetPort") {
        Some(Value::String(name)) => {
            let mut ports = view::items(pod, "/spec/containers")
                .iter()
                .flat_map(|container| view::items(container, "/ports"));
            ports
                .find(|port| view::text(port, "/name") == name)
                .and_then(|port| view::number(port, "/containerPort"))
        }
        Some(Value::Number(number)) => number.as_i64().filter(|number| *number != 0).or(own),
        _ => own,
    };
    let protocol = view::text(wanted, "/protocol");
    Some(Port {
        name: view::text(wanted, "/name").to_string(),
        port: u16::try_from(number?).ok()?,
        protocol: if protocol.is_empty() { tcp() } else { protocol.to_string() },
    })
}

/// How the subsets that are stored compare with the ones computed.
///
/// In Go a list can be nil or empty. Lists from 1.6 and 1.7 have `null` for an empty one, and their
/// endpoints controller compared with `reflect.DeepEqual`, to which nil and empty differ: it wrote
/// every empty Endpoints object again whenever it looked (kubernetes#50828). 1.8 compares by meaning
/// (kubernetes#50583).
pub(super) fn equal(stored: Option<&Value>, computed: &[Subset], by_meaning: bool) -> bool {
    match stored {
        None | Some(Value::Null) => computed.is_empty() && by_meaning,
        Some(stored) => {
            let stored = serde_json::from_value::<Vec<Subset>>(stored.clone());
            stored.is_ok_and(|mut stored| {
                stored.iter_mut().for_each(sort);
                stored == computed
            })
        }
    }
}

fn sort(subset: &mut Subset) {
    subset.addresses.sort();
    subset.not_ready_addresses.sort();
    subset.ports.sort();
}

/// The subsets as JSON: an empty list is written as such.
pub(super) fn to_json(subsets: &[Subset]) -> Value {
    json!(subsets)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn service() -> Value {
        json!({
            "metadata": {"namespace": "default", "name": "ledger"},
            "spec": {
                "selector": {"app": "ledger"},
                "ports": [{"name": "http", "port": 80, "targetPort": "web"}],
            },
        })
    }

    fn pod(name: &str, ip: &str, ready: bool) -> Value {
        json!({
            "metadata": {"namespace": "default", "name": name, "uid": name},
            "spec": {"nodeName": "a", "containers": [{"ports": [
                {"name": "web", "containerPort": 8080},
            ]}]},
            "status": {"podIP": ip, "conditions": [
                {"type": "Ready", "status": if ready { "True" } else { "False" }},
            ]},
        })
    }

    #[test]
    fn ready_pods_are_addresses_and_others_are_known_as_not_ready() {
        let pods =
            [pod("b", "10.0.0.2", true), pod("a", "10.0.0.1", true), pod("c", "10.0.0.3", false)];
        let subsets = compute(&service(), &pods);
        let [subset] = &subsets[..] else { panic!("{subsets:?}") };
        let ips: Vec<_> = subset.addresses.iter().map(|address| &*address.ip).collect();
        assert_eq!(ips, ["10.0.0.1", "10.0.0.2"]);
        assert_eq!(subset.not_ready_addresses[0].ip, "10.0.0.3");
        assert_eq!(subset.ports[0].port, 8080);
    }

    #[test]
    fn pods_without_an_address_or_on_their_way_out_are_no_endpoints() {
        let mut leaving = pod("a", "10.0.0.1", true);
        leaving["metadata"]["deletionTimestamp"] = "2017-10-27T14:26:00Z".into();
        let pods = [leaving, pod("b", "", true)];
        assert_eq!(to_json(&compute(&service(), &pods)), json!([]));
    }

    #[test]
    fn a_pod_without_the_named_port_is_left_out() {
        let mut other = pod("a", "10.0.0.1", true);
        other["spec"]["containers"][0]["ports"] = json!([]);
        assert!(compute(&service(), &[other]).is_empty());
    }

    #[test]
    fn null_equals_empty_by_meaning_only() {
        for stored in [None, Some(&Value::Null)] {
            assert!(!equal(stored, &[], false), "kubernetes#50828");
            assert!(equal(stored, &[], true));
        }
        assert!(equal(Some(&json!([])), &[], false));
        assert!(!equal(Some(&json!("rubbish")), &[], true));
    }

    proptest! {
        #[test]
        fn what_was_written_compares_equal_when_it_is_read_again(
            pods in prop::collection::vec((0..20u8, any::<bool>()), 0..10),
        ) {
            let make = |(n, ready): &(u8, bool)| pod(&n.to_string(), &format!("10.0.0.{n}"), *ready);
            let pods: Vec<_> = pods.iter().map(make).collect();
            let computed = compute(&service(), &pods);
            prop_assert!(equal(Some(&to_json(&computed)), &computed, false));
        }
    }
}
