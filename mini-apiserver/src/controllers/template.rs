//! Makes pods from a template.

use harness_env::Rng;
use serde_json::{Map, Value, json};

use crate::rest_client::view;

/// The label that tells the pods of one template from those of another.
pub(super) const HASH_LABEL: &str = "pod-template-hash";

/// Letters of generated names: client-go `util/rand`, no vowels so that no words come out.
const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// A hash of a pod template. It depends on the content alone, not on the order of fields.
pub(super) fn hash(template: &Value) -> String {
    let mut state = 0x811c_9dc5_u32;
    feed(template, &mut |bytes| {
        for byte in bytes {
            state = (state ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        }
    });
    state.to_string()
}

/// Feeds a value with its maps in order, without what is absent, `null` or empty: defaults that an
/// apiserver fills in as "nothing" do not make another template.
fn feed(value: &Value, sink: &mut dyn FnMut(&[u8])) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().filter(|(_, value)| !is_nothing(value)).collect();
            entries.sort_by_key(|(key, _)| *key);
            sink(b"{");
            for (key, value) in entries {
                sink(key.as_bytes());
                sink(b":");
                feed(value, sink);
            }
            sink(b"}");
        }
        Value::Array(items) => {
            sink(b"[");
            for item in items {
                feed(item, sink);
                sink(b",");
            }
            sink(b"]");
        }
        other => sink(other.to_string().as_bytes()),
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.values().all(is_nothing),
        Value::Array(items) => items.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

/// A name that nobody else has, with high probability: `prefix` and five letters. The apiserver
/// does this in the real thing (`generateName`); here the controller does, so that it knows what to
/// expect.
pub(super) fn name(prefix: &str, rng: &mut Rng) -> String {
    let suffix = (0..5).map(|_| char::from(*rng.pick(ALPHABET).expect("there are letters")));
    format!("{prefix}-{}", suffix.collect::<String>())
}

/// The pod `name` that `owner` (of `kind`) makes from its template, on `node` or, where there is
/// none, wherever the scheduler puts it.
pub(super) fn pod(owner: &Value, kind: &str, name: &str, node: Option<&str>) -> Value {
    let template = owner.pointer("/spec/template").cloned().unwrap_or_default();
    let object = |pointer| match template.pointer(pointer) {
        Some(Value::Object(map)) => map.clone(),
        _ => Map::new(),
    };
    let mut labels = object("/metadata/labels");
    labels.insert(HASH_LABEL.to_string(), hash(&template).into());
    let mut spec = object("/spec");
    if let Some(node) = node {
        spec.insert("nodeName".to_string(), node.into());
    }
    let mut metadata = json!({
        "namespace": view::namespace(owner),
        "name": name,
        "labels": labels,
        "ownerReferences": [{
            "apiVersion": "extensions/v1beta1",
            "kind": kind,
            "name": view::name(owner),
            "uid": view::uid(owner),
            "controller": true,
        }],
    });
    let annotations = object("/metadata/annotations");
    if !annotations.is_empty() {
        metadata["annotations"] = annotations.into();
    }
    json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_the_same_whatever_is_absent_or_empty() {
        let template = json!({"spec": {"containers": [{"name": "a", "image": "x:1"}]}});
        let filled = json!({
            "metadata": {"labels": null},
            "spec": {"volumes": [], "containers": [{"image": "x:1", "name": "a", "env": null}]},
        });
        assert_eq!(hash(&template), hash(&filled));
        let other = json!({"spec": {"containers": [{"name": "a", "image": "x:2"}]}});
        assert_ne!(hash(&template), hash(&other));
    }

    #[test]
    fn a_pod_has_the_templates_labels_its_hash_and_its_owner() {
        let owner = json!({
            "metadata": {"namespace": "default", "name": "ledger", "uid": "u1"},
            "spec": {"template": {"metadata": {"labels": {"app": "ledger"}}, "spec": {}}},
        });
        let pod = pod(&owner, "Deployment", "ledger-1", Some("node-a1"));
        assert_eq!(view::labels(&pod)["app"], "ledger");
        assert_eq!(view::labels(&pod)[HASH_LABEL], hash(&owner["spec"]["template"]));
        assert_eq!(view::controller_uid(&pod), "u1");
        assert_eq!(view::text(&pod, "/spec/nodeName"), "node-a1");
    }
}
