//! The three patch formats.
//!
//! A strategic merge patch merges lists of things that have names by their names instead of
//! replacing them. Which lists, and by which key, is written in the tags of Go's types; the table
//! below has those of the fields that we keep (kubernetes 1.7.8 k8s.io/api/core/v1/types.go).

use serde_json::{Map, Value};

use crate::status::Status;

/// A patch format, by the body's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// RFC 7396.
    Merge,
    /// RFC 7396 with merged lists.
    Strategic,
    /// RFC 6902.
    Json,
}

impl Format {
    /// The format of a `Content-Type`.
    ///
    /// # Errors
    /// 415.
    pub fn of_content_type(content_type: &str) -> Result<Format, Status> {
        match content_type.split(';').next().unwrap_or_default().trim() {
            "application/merge-patch+json" => Ok(Format::Merge),
            "application/strategic-merge-patch+json" => Ok(Format::Strategic),
            "application/json-patch+json" => Ok(Format::Json),
            other => Err(Status::unsupported_media_type(other)),
        }
    }
}

/// Applies a patch.
///
/// # Errors
/// 400 where the patch has the wrong shape or does not fit the document.
pub fn apply(format: Format, document: &mut Value, patch: &Value) -> Result<(), Status> {
    match format {
        Format::Merge => {
            json_patch::merge(document, patch);
            Ok(())
        }
        Format::Json => {
            let patch: json_patch::Patch = serde_json::from_value(patch.clone())
                .map_err(|error| Status::bad_request(format!("json patch: {error}")))?;
            json_patch::patch(document, &patch)
                .map_err(|error| Status::bad_request(format!("json patch: {error}")))
        }
        Format::Strategic => match patch {
            Value::Object(patch) => {
                merge_maps(as_map(document), patch);
                Ok(())
            }
            _ => Err(Status::bad_request("strategic merge patch: expected an object")),
        },
    }
}

/// The key by which the elements of a list merge; `None` for lists that are replaced.
///
/// Two lists of one name differ in the key that their elements have (the addresses of a Node have
/// types, those of Endpoints have none and are replaced), so the elements must have it.
fn merge_key(field: &str, elements: &[Value]) -> Option<&'static str> {
    let key = match field {
        "containers" | "initContainers" | "volumes" | "env" | "imagePullSecrets" => Some("name"),
        "conditions" | "addresses" => Some("type"),
        "volumeMounts" => Some("mountPath"),
        "ownerReferences" => Some("uid"),
        // Ports of containers merge by their own number, those of Services by theirs.
        "ports" if elements.iter().any(|port| port.get("containerPort").is_some()) => {
            Some("containerPort")
        }
        "ports" => Some("port"),
        _ => None,
    }?;
    let fits = |element: &Value| element.get(key).is_some() || element.get("$patch").is_some();
    elements.iter().all(fits).then_some(key)
}

fn as_map(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().expect("made one")
}

fn merge_maps(document: &mut Map<String, Value>, patch: &Map<String, Value>) {
    if patch.get("$patch").and_then(Value::as_str) == Some("replace") {
        document.clear();
    }
    for (field, change) in patch {
        match change {
            _ if field.starts_with('$') => {}
            Value::Null => {
                document.remove(field);
            }
            Value::Object(change) => {
                merge_maps(as_map(document.entry(field.clone()).or_insert(Value::Null)), change);
            }
            Value::Array(changes) => {
                let list = document.entry(field.clone()).or_insert(Value::Null);
                match (merge_key(field, changes), list.as_array_mut()) {
                    (Some(key), Some(list)) => merge_lists(list, changes, key),
                    _ => *list = Value::Array(without_directives(changes)),
                }
            }
            other => {
                document.insert(field.clone(), other.clone());
            }
        }
    }
}

fn merge_lists(list: &mut Vec<Value>, changes: &[Value], key: &str) {
    let directive = |change: &Value| change.get("$patch").and_then(Value::as_str).map(String::from);
    if changes.iter().any(|change| directive(change).as_deref() == Some("replace")) {
        list.clear();
    }
    for change in changes {
        let Some(name) = change.get(key) else {
            if directive(change).is_none() {
                list.push(change.clone());
            }
            continue;
        };
        let found = list.iter().position(|element| element.get(key) == Some(name));
        match (found, directive(change).as_deref(), change.as_object()) {
            (Some(index), Some("delete"), _) => {
                list.remove(index);
            }
            (None, Some("delete"), _) => {}
            (Some(index), _, Some(change)) => merge_maps(as_map(&mut list[index]), change),
            _ => list.extend(without_directives(std::slice::from_ref(change))),
        }
    }
}

fn without_directives(values: &[Value]) -> Vec<Value> {
    let mut kept = values.to_vec();
    kept.retain(|value| value.get("$patch").is_none());
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn check(format: Format, mut document: Value, patch: Value, expected: Value) {
        apply(format, &mut document, &patch).unwrap();
        assert_eq!(document, expected);
    }

    #[test]
    fn a_merge_patch_replaces_lists_and_removes_nulls() {
        check(
            Format::Merge,
            json!({"a": {"b": 1, "c": 2}, "l": [1, 2]}),
            json!({"a": {"b": null}, "l": [3]}),
            json!({"a": {"c": 2}, "l": [3]}),
        );
    }

    #[test]
    fn a_strategic_patch_merges_containers_by_name() {
        check(
            Format::Strategic,
            json!({"spec": {"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "1"}]}}),
            json!({"spec": {"containers": [{"name": "b", "image": "2"}, {"name": "c"}]}}),
            json!({"spec": {"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "2"}, {"name": "c"}]}}),
        );
    }

    #[test]
    fn a_strategic_patch_deletes_and_replaces_where_told() {
        check(
            Format::Strategic,
            json!({"volumes": [{"name": "a"}, {"name": "b"}], "labels": {"x": "1"}}),
            json!({"volumes": [{"name": "a", "$patch": "delete"}], "labels": {"$patch": "replace", "y": "2"}}),
            json!({"volumes": [{"name": "b"}], "labels": {"y": "2"}}),
        );
    }

    #[test]
    fn a_strategic_patch_merges_conditions_by_type() {
        check(
            Format::Strategic,
            json!({"conditions": [{"type": "Ready", "status": "False", "reason": "x"}]}),
            json!({"conditions": [{"type": "Ready", "status": "True"}]}),
            json!({"conditions": [{"type": "Ready", "status": "True", "reason": "x"}]}),
        );
    }

    #[test]
    fn a_json_patch_that_does_not_fit_is_an_error() {
        check(
            Format::Json,
            json!({"a": 1}),
            json!([{"op": "test", "path": "/a", "value": 1}, {"op": "replace", "path": "/a", "value": 2}]),
            json!({"a": 2}),
        );
        let patch = json!([{"op": "remove", "path": "/b"}]);
        assert_eq!(apply(Format::Json, &mut json!({}), &patch).unwrap_err().code, 400);
        assert_eq!(apply(Format::Json, &mut json!({}), &json!({})).unwrap_err().code, 400);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            "[a-z]{0,3}".prop_map(Value::from)
        ];
        let name =
            prop_oneof![Just("name"), Just("containers"), Just("ports"), Just("$patch"), Just("x")];
        leaf.prop_recursive(4, 32, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(name.clone(), inner, 0..4).prop_map(|map| {
                    Value::Object(
                        map.into_iter().map(|(name, value)| (name.into(), value)).collect(),
                    )
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_patch_applies_or_is_refused(document in any_json(), patch in any_json()) {
            for format in [Format::Merge, Format::Strategic, Format::Json] {
                let _ = apply(format, &mut document.clone(), &patch);
            }
        }

        #[test]
        fn a_merge_patch_applied_twice_changes_nothing_more(document in any_json(), patch in any_json()) {
            let mut once = document;
            apply(Format::Merge, &mut once, &patch).unwrap();
            let mut twice = once.clone();
            apply(Format::Merge, &mut twice, &patch).unwrap();
            prop_assert_eq!(once, twice);
        }
    }
}
