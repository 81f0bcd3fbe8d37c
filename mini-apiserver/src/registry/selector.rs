//! Which objects a list or a watch is about.
//!
//! Label selectors are written as in a URL: `app=a,tier!=db,zone in (a,b),!draft`. Field selectors
//! know `metadata.name` and `metadata.namespace`, and of pods `spec.nodeName` and `status.phase`.

use crate::objects::meta::LabelSelector;
use crate::objects::{Kind, Object};
use crate::status::Status;

/// One condition on a label.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Label {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
}

/// One condition on a field.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Field {
    path: FieldPath,
    equal: bool,
    value: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FieldPath {
    Name,
    Namespace,
    NodeName,
    Phase,
}

/// Conditions on labels and fields; all must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    labels: Vec<Label>,
    fields: Vec<Field>,
}

impl Selector {
    /// Reads the two parameters of a URL for objects of `kind`.
    ///
    /// # Errors
    /// 400 with the part that is wrong.
    pub fn parse(kind: Kind, labels: &str, fields: &str) -> Result<Selector, Status> {
        let labels = parts(labels).map(parse_label).collect::<Result<_, _>>()?;
        let fields = parts(fields).map(|part| parse_field(kind, part)).collect::<Result<_, _>>()?;
        Ok(Selector { labels, fields })
    }

    /// The labels that an object's own selector wants. An empty selector selects everything.
    pub fn of_labels(selector: &LabelSelector) -> Selector {
        let mut labels = Vec::new();
        for (key, value) in selector.match_labels.iter().flatten() {
            labels.push(Label::In(key.clone(), vec![value.clone()]));
        }
        for wanted in selector.match_expressions.iter().flatten() {
            let (key, values) = (wanted.key.clone(), wanted.values.clone().unwrap_or_default());
            labels.push(match wanted.operator.as_str() {
                "In" => Label::In(key, values),
                "NotIn" => Label::NotIn(key, values),
                "Exists" => Label::Exists(key),
                _ => Label::Absent(key),
            });
        }
        Selector { labels, fields: Vec::new() }
    }

    /// Whether it selects everything.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// Whether it asks for pods of one node or nodes of one name: what the watch cache has an
    /// index for.
    pub fn is_indexed(&self, kind: Kind) -> bool {
        let path = match kind {
            Kind::Pod => FieldPath::NodeName,
            Kind::Node => FieldPath::Name,
            _ => return false,
        };
        self.fields.iter().any(|field| field.equal && field.path == path)
    }

    /// Whether all conditions hold.
    pub fn matches(&self, object: &Object) -> bool {
        self.matches_labels(object) && self.fields.iter().all(|field| field.matches(object))
    }

    fn matches_labels(&self, object: &Object) -> bool {
        let labels = object.meta().labels.as_ref();
        let value = |key: &String| labels.and_then(|labels| labels.get(key));
        self.labels.iter().all(|label| match label {
            Label::In(key, values) => value(key).is_some_and(|value| values.contains(value)),
            Label::NotIn(key, values) => !value(key).is_some_and(|value| values.contains(value)),
            Label::Exists(key) => value(key).is_some(),
            Label::Absent(key) => value(key).is_none(),
        })
    }
}

impl Field {
    fn matches(&self, object: &Object) -> bool {
        let value = match (self.path, object) {
            (FieldPath::Name, object) => object.meta().name.as_str(),
            (FieldPath::Namespace, object) => object.meta().namespace.as_str(),
            (FieldPath::NodeName, Object::Pod(pod)) => pod.spec.node_name.as_str(),
            (FieldPath::Phase, Object::Pod(pod)) => pod.status.phase.as_str(),
            (FieldPath::Phase, Object::Namespace(namespace)) => namespace.status.phase.as_str(),
            _ => "",
        };
        (value == self.value) == self.equal
    }
}

/// The parts between commas that are not in parentheses.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0usize;
    text.split(move |c| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    })
    .map(str::trim)
    .filter(|part| !part.is_empty())
}

fn parse_label(part: &str) -> Result<Label, Status> {
    let wrong = || {
        let expected = "key=value, key!=value, key in (…), key notin (…), key or !key";
        Status::bad_request(format!("unable to parse label selector {part:?}: expected {expected}"))
    };
    let (key, label): (&str, Label) = if let Some((key, value)) = part.split_once("!=") {
        (key, Label::NotIn(key.trim().into(), vec![value.trim().into()]))
    } else if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        (key, Label::In(key.trim().into(), vec![value.trim().into()]))
    } else if let Some((left, values)) = part.split_once('(') {
        let values = values.strip_suffix(')').ok_or_else(wrong)?;
        let values = values.split(',').map(|value| value.trim().to_string()).collect();
        let (key, operator) = left.trim().rsplit_once(char::is_whitespace).ok_or_else(wrong)?;
        match operator {
            "in" => (key, Label::In(key.trim().into(), values)),
            "notin" => (key, Label::NotIn(key.trim().into(), values)),
            _ => return Err(wrong()),
        }
    } else if let Some(key) = part.strip_prefix('!') {
        (key, Label::Absent(key.trim().into()))
    } else {
        (part, Label::Exists(part.into()))
    };
    let known = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let key = key.trim();
    if key.is_empty() || !key.chars().all(known) { Err(wrong()) } else { Ok(label) }
}

fn parse_field(kind: Kind, part: &str) -> Result<Field, Status> {
    let wrong = |expected: &str| {
        Status::bad_request(format!("unable to parse field selector {part:?}: expected {expected}"))
    };
    let (path, equal, value) = if let Some((path, value)) = part.split_once("!=") {
        (path, false, value)
    } else if let Some((path, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        (path, true, value)
    } else {
        return Err(wrong("path=value or path!=value"));
    };
    let path = match (path.trim(), kind) {
        ("metadata.name", _) => FieldPath::Name,
        ("metadata.namespace", _) => FieldPath::Namespace,
        ("spec.nodeName", Kind::Pod) => FieldPath::NodeName,
        ("status.phase", Kind::Pod | Kind::Namespace) => FieldPath::Phase,
        (_, Kind::Pod) => {
            return Err(wrong("metadata.name, metadata.namespace, spec.nodeName or status.phase"));
        }
        _ => return Err(wrong("metadata.name or metadata.namespace")),
    };
    Ok(Field { path, equal, value: value.trim().to_string() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn pod() -> Object {
        let document = json!({
            "metadata": {"name": "a-1", "namespace": "default", "labels": {"app": "a", "tier": "web"}},
            "spec": {"nodeName": "n1"}, "status": {"phase": "Running"}
        });
        Object::read(Kind::Pod, document).unwrap()
    }

    #[test]
    fn selectors_select_as_written() {
        for (labels, fields, selected) in [
            ("", "", true),
            ("app=a", "", true),
            ("app==a,tier!=db", "", true),
            ("app=b", "", false),
            ("app in (a, b),tier notin (db)", "", true),
            ("app in (c,d)", "", false),
            ("app,!draft", "", true),
            ("draft", "", false),
            ("missing!=x", "", true),
            ("missing=", "", false),
            ("", "spec.nodeName=n1", true),
            ("", "spec.nodeName=", false),
            ("", "spec.nodeName!=n1", false),
            ("", "metadata.name=a-1,status.phase!=Failed", true),
            ("app=a", "metadata.namespace=kube-system", false),
        ] {
            let selector = Selector::parse(Kind::Pod, labels, fields).unwrap();
            assert_eq!(selector.matches(&pod()), selected, "{labels:?} {fields:?}");
        }
    }

    #[test]
    fn a_wrong_selector_says_what_was_expected() {
        for (labels, fields) in
            [("app in a", ""), ("app in (a", ""), ("=a", ""), ("", "spec.colour=1"), ("", "name")]
        {
            let status = Selector::parse(Kind::Pod, labels, fields).unwrap_err();
            assert_eq!(status.code, 400);
            assert!(status.message.contains("expected"), "{}", status.message);
        }
        assert!(Selector::parse(Kind::Service, "", "spec.nodeName=n").is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_a_selector_or_an_error(labels in ".{0,30}", fields in ".{0,30}") {
            if let Ok(selector) = Selector::parse(Kind::Pod, &labels, &fields) {
                selector.matches(&pod());
            }
        }
    }
}
