//! What goes in comes out, in JSON and in protobuf, and what gets lost on the way.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::endpoints::{EndpointAddress, EndpointPort, EndpointSubset, ObjectReference};
use super::*;

fn read(kind: Kind, document: Value) -> Object {
    Object::read(kind, document).expect("a good document")
}

fn subset() -> impl Strategy<Value = EndpointSubset> {
    let address = ("[a-z0-9.]{1,12}", "[a-z]{0,4}", prop::option::of("[a-z]{1,8}"));
    let address = address.prop_map(|(ip, node_name, pod)| EndpointAddress {
        ip,
        node_name,
        hostname: String::new(),
        target_ref: pod.map(|name| ObjectReference { name, ..Default::default() }),
    });
    let addresses = prop::option::of(prop::collection::vec(address, 1..4));
    let port = ("[a-z]{0,6}", any::<i32>(), "TCP|UDP");
    let port = port.prop_map(|(name, port, protocol)| EndpointPort { name, port, protocol });
    let ports = prop::option::of(prop::collection::vec(port, 1..3));
    (addresses.clone(), addresses, ports).prop_map(|(addresses, not_ready_addresses, ports)| {
        EndpointSubset { addresses, not_ready_addresses, ports }
    })
}

fn endpoints() -> impl Strategy<Value = Object> {
    let map = prop::option::of(prop::collection::btree_map("[a-z./]{1,9}", ".{0,9}", 1..3));
    let subsets = prop::option::of(prop::collection::vec(subset(), 1..4));
    let meta = ("[a-z]{1,9}", map.clone(), map, prop::option::of(0..4_000_000_000i64));
    (meta, subsets).prop_map(|((name, labels, annotations, created), subsets)| {
        let metadata = ObjectMeta {
            name,
            namespace: "default".into(),
            labels,
            annotations,
            creation_timestamp: values::Time(created),
            ..Default::default()
        };
        Object::Endpoints(Endpoints { metadata, subsets })
    })
}

proptest! {
    #[test]
    fn an_object_comes_back_from_json_and_from_storage(object in endpoints(), revision in 1..i64::MAX) {
        for version in Version::ALL {
            let document = object.to_value("v1", version);
            prop_assert_eq!(&read(Kind::Endpoints, document), &object);
            let stored = codec::encode(&object, version);
            let restored = codec::decode(Kind::Endpoints, &stored, revision).unwrap();
            prop_assert_eq!(restored, object.clone().at_revision(revision));
        }
    }

    #[test]
    fn stored_garbage_is_an_error(garbage: Vec<u8>) {
        for kind in Kind::ALL {
            let _ = codec::decode(kind, &garbage, 1);
            let enveloped = [b"k8s\0".as_slice(), &garbage].concat();
            let _ = codec::decode(kind, &enveloped, 1);
        }
    }
}

#[test]
fn an_empty_list_survives_json_storage_and_is_lost_in_protobuf() {
    let object = read(Kind::Endpoints, json!({"metadata": {"name": "a"}, "subsets": []}));
    let subsets = |version| {
        let stored = codec::encode(&object, version);
        match codec::decode(Kind::Endpoints, &stored, 1).unwrap() {
            Object::Endpoints(endpoints) => endpoints.subsets,
            _ => unreachable!(),
        }
    };
    assert_eq!(subsets(Version::V1_5), Some(vec![]));
    assert_eq!(subsets(Version::V1_7), None);
}

#[test]
fn stored_values_have_the_envelope_and_the_field_numbers_of_kubernetes() {
    let document = json!({"metadata": {"name": "a"}, "subsets": [{"addresses": [{"ip": "1"}]}]});
    let stored = codec::encode(&read(Kind::Endpoints, document), Version::V1_7);
    let text = |tag: u8, text: &str| [&[tag, text.len() as u8], text.as_bytes()].concat();
    let message = |tag: u8, body: Vec<u8>| [vec![tag, body.len() as u8], body].concat();
    // EndpointAddress: ip=1, hostname=3, nodeName=4. Strings are written even when empty.
    let address = [text(0x0a, "1"), text(0x1a, ""), text(0x22, "")].concat();
    let subset = message(0x12, message(0x0a, address));
    let meta: Vec<u8> = [
        text(0x0a, "a"),
        text(0x12, ""),
        text(0x1a, ""),
        text(0x22, ""),
        text(0x2a, ""),
        text(0x32, ""),
        vec![0x38, 0],
    ]
    .concat();
    let object = [message(0x0a, meta), subset].concat();
    let kind = [text(0x0a, "v1"), text(0x12, "Endpoints")].concat();
    let unknown =
        [message(0x0a, kind), message(0x12, object), text(0x1a, ""), text(0x22, "")].concat();
    assert_eq!(stored, [b"k8s\0".to_vec(), unknown].concat());
}

#[test]
fn every_kind_comes_back_with_all_it_holds() {
    for (kind, document) in [
        (
            Kind::Secret,
            json!({"metadata": {"name": "s"}, "data": {"token": "dG9rZW4="}, "type": "Opaque"}),
        ),
        (Kind::ConfigMap, json!({"metadata": {"name": "c"}, "data": {"a": "b"}})),
        (Kind::Namespace, json!({"metadata": {"name": "n"}, "status": {"phase": "Active"}})),
        (
            Kind::Node,
            json!({"metadata": {"name": "n"}, "spec": {"unschedulable": true},
            "status": {"capacity": {"cpu": "2"}, "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}]}}),
        ),
        (
            Kind::Service,
            json!({"metadata": {"name": "s"}, "spec": {"selector": {"app": "a"},
            "ports": [{"port": 80, "targetPort": "http"}, {"name": "b", "port": 81, "targetPort": 8081}]}}),
        ),
        (
            Kind::Pod,
            json!({"metadata": {"name": "p"}, "spec": {
            "volumes": [{"name": "v", "configMap": {"name": "c", "items": [{"key": "k", "path": "p"}]}},
                        {"name": "w", "secret": {"secretName": "s"}}],
            "containers": [{"name": "c", "env": [{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
                "readinessProbe": {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 5}}]},
            "status": {"phase": "Running", "startTime": "2017-10-27T13:10:00Z"}}),
        ),
        (
            Kind::Deployment,
            json!({"metadata": {"name": "d"}, "spec": {"replicas": 0,
            "selector": {"matchLabels": {"app": "a"}}, "template": {"metadata": {"labels": {"app": "a"}}},
            "strategy": {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 1}}}}),
        ),
        (
            Kind::DaemonSet,
            json!({"metadata": {"name": "d"}, "spec": {"template": {}}, "status": {"numberReady": 3}}),
        ),
    ] {
        let object = read(kind, document.clone());
        let stored = codec::encode(&object, Version::V1_7);
        let restored = codec::decode(kind, &stored, 7).unwrap();
        assert_eq!(restored, object.at_revision(7));
        assert_contains(&restored.to_value("v1", Version::V1_7), &document, kind.name());
    }
}

fn assert_contains(whole: &Value, part: &Value, at: &str) {
    match part {
        Value::Object(map) => {
            for (name, part) in map {
                assert_contains(&whole[name], part, &format!("{at}.{name}"));
            }
        }
        Value::Array(items) => {
            for (index, part) in items.iter().enumerate() {
                assert_contains(&whole[index], part, &format!("{at}[{index}]"));
            }
        }
        part => assert_eq!(whole, part, "{at}"),
    }
}

#[test]
fn a_wrong_document_says_where_and_what_was_expected() {
    let wrong = json!({"subsets": [{"ports": [{"port": "http"}]}]});
    let error = Object::read(Kind::Endpoints, wrong).unwrap_err();
    assert_eq!(
        error.to_string(),
        "subsets[0].ports[0].port: expected a 32-bit integer, found \"http\""
    );
    let error = Object::read(Kind::Pod, json!([])).unwrap_err();
    assert_eq!(error.to_string(), "document: expected an object, found []");
}

#[test]
fn unknown_fields_are_ignored_and_null_is_the_zero_value() {
    let object = read(Kind::Endpoints, json!({"metadata": null, "subsets": null, "colour": 1}));
    assert_eq!(object, Object::Endpoints(Endpoints::default()));
}
