//! The fields of an object that clients look at.
//!
//! Absent, `null` and empty read the same here. Where that difference matters (`subsets`), the code
//! that it matters to looks at the value itself.

use std::collections::BTreeMap;

use serde_json::Value;

/// The key of an object in stores and queues: `namespace/name`, or `name` where it has none.
pub fn key(object: &Value) -> String {
    join(namespace(object), name(object))
}

/// Makes a key.
pub fn join(namespace: &str, name: &str) -> String {
    if namespace.is_empty() { name.to_string() } else { format!("{namespace}/{name}") }
}

/// Takes a key apart: namespace (empty where there is none) and name.
pub fn split(key: &str) -> (&str, &str) {
    key.split_once('/').unwrap_or(("", key))
}

/// The string at a JSON pointer; empty where there is none.
pub fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The number at a JSON pointer.
pub fn number(object: &Value, pointer: &str) -> Option<i64> {
    object.pointer(pointer).and_then(Value::as_i64)
}

/// The list at a JSON pointer; empty where there is none.
pub fn items<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The map of strings at a JSON pointer; empty where there is none.
pub fn map(object: &Value, pointer: &str) -> BTreeMap<String, String> {
    let entries = object.pointer(pointer).and_then(Value::as_object).into_iter().flatten();
    entries.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_string()))).collect()
}

/// `metadata.name`.
pub fn name(object: &Value) -> &str {
    text(object, "/metadata/name")
}

/// `metadata.namespace`.
pub fn namespace(object: &Value) -> &str {
    text(object, "/metadata/namespace")
}

/// `metadata.uid`.
pub fn uid(object: &Value) -> &str {
    text(object, "/metadata/uid")
}

/// `metadata.resourceVersion`.
pub fn resource_version(object: &Value) -> &str {
    text(object, "/metadata/resourceVersion")
}

/// `metadata.labels`.
pub fn labels(object: &Value) -> BTreeMap<String, String> {
    map(object, "/metadata/labels")
}

/// Whether all of `selector` is among the labels of the object. An empty selector selects all.
pub fn selected(object: &Value, selector: &BTreeMap<String, String>) -> bool {
    selector.iter().all(|(key, value)| {
        let labels = object.pointer("/metadata/labels");
        labels.and_then(|labels| labels.get(key)).and_then(Value::as_str) == Some(value)
    })
}

/// Whether the object is being deleted.
pub fn is_terminating(object: &Value) -> bool {
    !text(object, "/metadata/deletionTimestamp").is_empty()
}

/// The uid of the controller that owns the object; empty where there is none.
pub fn controller_uid(object: &Value) -> &str {
    let owners = items(object, "/metadata/ownerReferences").iter();
    owners
        .filter(|owner| owner.get("controller").and_then(Value::as_bool) == Some(true))
        .map(|owner| text(owner, "/uid"))
        .next()
        .unwrap_or_default()
}

/// Whether a pod has ended for good.
pub fn is_finished(pod: &Value) -> bool {
    matches!(text(pod, "/status/phase"), "Succeeded" | "Failed")
}

/// Whether a pod or node has the condition `Ready`.
pub fn is_ready(object: &Value) -> bool {
    items(object, "/status/conditions").iter().any(|condition| {
        text(condition, "/type") == "Ready" && text(condition, "/status") == "True"
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn absent_null_and_empty_read_the_same() {
        for pod in [json!({}), json!({"metadata": null}), json!({"metadata": {"labels": null}})] {
            assert_eq!(key(&pod), "");
            assert!(labels(&pod).is_empty() && controller_uid(&pod).is_empty());
            assert!(!is_ready(&pod) && !is_terminating(&pod));
        }
    }

    #[test]
    fn a_key_comes_apart_as_it_was_made() {
        for (namespace, name) in [("default", "ledger"), ("", "node-a1")] {
            assert_eq!(split(&join(namespace, name)), (namespace, name));
        }
    }

    #[test]
    fn a_selector_wants_all_of_its_labels() {
        let pod = json!({"metadata": {"labels": {"app": "ledger", "zone": "a"}}});
        let selector = |text: &[(&str, &str)]| {
            text.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
        };
        assert!(selected(&pod, &selector(&[("app", "ledger")])));
        assert!(!selected(&pod, &selector(&[("app", "ledger"), ("zone", "b")])));
        assert!(!selected(&json!({}), &selector(&[("app", "ledger")])));
    }
}
