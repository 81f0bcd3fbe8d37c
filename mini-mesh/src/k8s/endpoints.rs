//! Endpoints objects and their watch events, as linkerd 0.9.1 and 1.0.0 declared them
//! (`k8s/src/main/scala/io/buoyant/k8s/v1.scala`).
//!
//! Jackson leaves `null` in a field whose JSON is `null`, and also in one that is absent where the
//! Scala type gives no default (inferred for Jackson's Scala module of that time). `Option` is
//! Rust's way to hold such a value; whether the program *looks* before it reads it is a matter of
//! the release, and not of the type: see [`crate::namer`].

use serde::Deserialize;

/// A list of Endpoints objects, and what it is a list as of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct EndpointsList {
    /// The objects; kubernetes never sends `null` here.
    pub items: Option<Vec<Endpoints>>,
    /// Carries the list's resource version.
    pub metadata: Option<Meta>,
}

/// The endpoints of one service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Endpoints {
    /// Name and resource version.
    pub metadata: Option<Meta>,
    /// Groups of addresses that share ports. Absent and `null` are both `None`.
    pub subsets: Option<Vec<Subset>>,
}

/// The part of an object's metadata that matters here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Meta {
    /// The object's name; lists have none.
    pub name: Option<String>,
    /// The store's revision that the object or list is as of.
    pub resource_version: Option<String>,
}

/// Addresses that share ports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Subset {
    /// The ready ones; linkerd does not look at the others.
    pub addresses: Option<Vec<Address>>,
    /// The ports.
    pub ports: Option<Vec<Port>>,
}

/// A pod's address.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Address {
    /// In text; resolved when the cache takes it in.
    pub ip: String,
}

/// A port of a service's pods.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Port {
    /// Only named ports can be asked for.
    pub name: Option<String>,
    /// The number.
    pub port: u16,
    /// `TCP` where absent.
    pub protocol: Option<String>,
}

/// A change, as a watch tells it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", content = "object", rename_all = "UPPERCASE")]
pub enum Event {
    /// The object is new.
    Added(Endpoints),
    /// The object changed.
    Modified(Endpoints),
    /// The object is gone; this is its last state.
    Deleted(Endpoints),
    /// The watch cannot go on.
    Error(Status),
}

/// The apiserver's account of a failure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Status {
    /// The HTTP status that fits: 410 where the asked version is too old.
    pub code: Option<u16>,
    /// For people.
    pub message: Option<String>,
}

impl Endpoints {
    /// The object's name.
    pub fn name(&self) -> Option<&str> {
        self.metadata.as_ref()?.name.as_deref()
    }

    /// What the object is as of.
    pub fn resource_version(&self) -> Option<&str> {
        self.metadata.as_ref()?.resource_version.as_deref()
    }
}

impl EndpointsList {
    /// What the list is as of.
    pub fn resource_version(&self) -> Option<&str> {
        self.metadata.as_ref()?.resource_version.as_deref()
    }
}

impl Event {
    /// What the event's object is as of; an error has none.
    pub fn resource_version(&self) -> Option<&str> {
        match self {
            Event::Added(object) | Event::Modified(object) | Event::Deleted(object) => {
                object.resource_version()
            }
            Event::Error(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subsets(json: &str) -> Option<Vec<Subset>> {
        serde_json::from_str::<Endpoints>(json).unwrap().subsets
    }

    #[test]
    fn null_and_absent_are_nothing_and_an_empty_list_is_a_list() {
        assert_eq!(subsets(r#"{"subsets":null}"#), None);
        assert_eq!(subsets(r#"{"metadata":{"name":"a"}}"#), None);
        assert_eq!(subsets(r#"{"subsets":[]}"#), Some(vec![]));
    }

    #[test]
    fn an_event_has_its_objects_version_and_an_error_has_none() {
        let modified = r#"{"type":"MODIFIED","object":{"metadata":{"resourceVersion":"7"}}}"#;
        let event: Event = serde_json::from_str(modified).unwrap();
        assert_eq!(event.resource_version(), Some("7"));
        let error = r#"{"type":"ERROR","object":{"kind":"Status","metadata":{},"code":410}}"#;
        let event: Event = serde_json::from_str(error).unwrap();
        assert_eq!(event, Event::Error(Status { code: Some(410), message: None }));
        assert_eq!(event.resource_version(), None);
    }
}
