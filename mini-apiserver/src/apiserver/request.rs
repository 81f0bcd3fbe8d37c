//! What a request asks for: the path, the verb and the parameters.

use std::time::Duration;

use http::{Method, Uri};

use crate::Version;
use crate::objects::Kind;
use crate::registry::selector::Selector;
use crate::status::Status;

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Verb {
    Get,
    List,
    Watch,
    Create,
    Update,
    Patch,
    Delete,
    DeleteCollection,
}

impl Verb {
    /// As in messages.
    pub fn name(self) -> &'static str {
        match self {
            Verb::Get => "get",
            Verb::List => "list",
            Verb::Watch => "watch",
            Verb::Create => "create",
            Verb::Update => "update",
            Verb::Patch => "patch",
            Verb::Delete => "delete",
            Verb::DeleteCollection => "deletecollection",
        }
    }

    /// Whether it changes something.
    pub fn mutates(self) -> bool {
        !matches!(self, Verb::Get | Verb::List | Verb::Watch)
    }
}

/// A part of an object with a path of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Sub {
    Binding,
    Scale,
    Status,
}

/// An object or a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// `v1`, `extensions/v1beta1`, …
    pub group_version: String,
    /// The kind.
    pub kind: Kind,
    /// The namespace; all where absent.
    pub namespace: Option<String>,
    /// The object; the collection where absent.
    pub name: Option<String>,
    /// The part of the object.
    pub sub: Option<Sub>,
    /// Whether the path is of the old form that watches (`/api/v1/watch/…`).
    pub watch: bool,
}

impl Target {
    /// The namespace, empty where there is none.
    pub fn namespace(&self) -> &str {
        self.namespace.as_deref().unwrap_or_default()
    }

    /// The object's name.
    ///
    /// # Errors
    /// 405 on a collection.
    pub fn name(&self) -> Result<&str, Status> {
        self.name.as_deref().ok_or_else(|| Status::method_not_allowed("this method"))
    }
}

/// What a path stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Path {
    /// An object or a collection.
    Object(Target),
    /// Anything else.
    Other(String),
}

/// A request.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What for.
    pub path: Path,
    /// What to do with it.
    pub verb: Verb,
    /// The parameters.
    pub query: Query,
    /// The path as it came.
    pub raw_path: String,
}

impl Asked {
    /// Reads method and URL.
    ///
    /// # Errors
    /// 404, 405.
    pub fn read(method: &Method, uri: &Uri, version: Version) -> Result<Asked, Status> {
        let query = Query::read(uri.query().unwrap_or_default());
        let path = path(uri.path(), version)?;
        let single = match &path {
            Path::Object(target) => target.name.is_some(),
            Path::Other(_) => true,
        };
        let old_watch = matches!(&path, Path::Object(target) if target.watch);
        let verb = match *method {
            Method::GET if old_watch || !single && query.flag("watch") => Verb::Watch,
            Method::GET | Method::HEAD if single => Verb::Get,
            Method::GET | Method::HEAD => Verb::List,
            Method::POST => Verb::Create,
            Method::PUT => Verb::Update,
            Method::PATCH => Verb::Patch,
            Method::DELETE if single => Verb::Delete,
            Method::DELETE => Verb::DeleteCollection,
            _ => return Err(Status::method_not_allowed(method.as_str())),
        };
        Ok(Asked { path, verb, query, raw_path: uri.path().to_string() })
    }

    /// The resource, for messages: `pods`, or nothing.
    pub fn resource(&self) -> &'static str {
        match &self.path {
            Path::Object(target) => target.kind.resource(),
            Path::Other(_) => "",
        }
    }
}

fn path(raw: &str, version: Version) -> Result<Path, Status> {
    let raw = decode(raw, false);
    let parts: Vec<&str> = raw.split('/').filter(|part| !part.is_empty()).collect();
    let (group_version, rest) = match parts.as_slice() {
        ["api", "v1", rest @ ..] if !rest.is_empty() => ("v1".to_string(), rest),
        ["apis", group, version, rest @ ..] if !rest.is_empty() => {
            (format!("{group}/{version}"), rest)
        }
        _ => return Ok(Path::Other(raw)),
    };
    let (watch, rest) = match rest {
        ["watch", rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let (namespace, resource, rest) = match rest {
        // The parts of a Namespace look like resources in it.
        ["namespaces", _, "status" | "finalize"] | ["namespaces"] | ["namespaces", _] => {
            (None, "namespaces", &rest[1..])
        }
        ["namespaces", namespace, resource, rest @ ..] => {
            (Some(namespace.to_string()), *resource, rest)
        }
        [resource, rest @ ..] => (None, *resource, rest),
        [] => return Err(Status::no_such_path()),
    };
    // The old path of bindings: the pod is named in the body.
    let binding = (resource == "bindings").then_some(Kind::Pod);
    let kind = binding.or_else(|| Kind::of_resource(resource)).ok_or_else(Status::no_such_path)?;
    if !kind.served(&group_version, version) {
        return Err(Status::no_such_path());
    }
    let (name, sub) = match rest {
        [] if binding.is_some() => (None, Some(Sub::Binding)),
        [] => (None, None),
        [name] => (Some(name.to_string()), None),
        [name, "status"] if kind.has_status() => (Some(name.to_string()), Some(Sub::Status)),
        [name, "scale"] if kind == Kind::Deployment => (Some(name.to_string()), Some(Sub::Scale)),
        [name, "binding"] if kind == Kind::Pod => (Some(name.to_string()), Some(Sub::Binding)),
        _ => return Err(Status::no_such_path()),
    };
    if kind.namespaced() && namespace.is_none() && name.is_some() {
        return Err(Status::no_such_path());
    }
    Ok(Path::Object(Target { group_version, kind, namespace, name, sub, watch }))
}

/// The parameters of a URL, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads what follows the `?`.
    pub fn read(raw: &str) -> Query {
        let pairs = raw.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name, true), decode(value, true))
        });
        Query(pairs.collect())
    }

    /// The first value of a parameter; empty where absent.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// Whether a parameter is there and not `false` or `0`.
    pub fn flag(&self, name: &str) -> bool {
        self.0.iter().any(|(known, value)| known == name && value != "false" && value != "0")
    }

    /// `resourceVersion`; `None` where absent or empty.
    ///
    /// # Errors
    /// 400 where it is not a number.
    pub fn revision(&self) -> Result<Option<i64>, Status> {
        let text = self.get("resourceVersion");
        if text.is_empty() {
            return Ok(None);
        }
        match text.parse::<i64>() {
            Ok(revision) if revision >= 0 => Ok(Some(revision)),
            _ => Err(Status::bad_request(format!(
                "resourceVersion: Invalid value: {text:?}: expected a number of 0 or more"
            ))),
        }
    }

    /// The two selectors, for objects of `kind`.
    ///
    /// # Errors
    /// 400.
    pub fn selector(&self, kind: Kind) -> Result<Selector, Status> {
        Selector::parse(kind, self.get("labelSelector"), self.get("fieldSelector"))
    }

    /// `timeoutSeconds`, where it is a number above 0.
    pub fn timeout_seconds(&self) -> Option<Duration> {
        let seconds: u64 = self.get("timeoutSeconds").parse().ok()?;
        (seconds > 0).then(|| Duration::from_secs(seconds))
    }

    /// `timeout`, written as Go does (`1m30s`), where it can be read.
    pub fn timeout(&self) -> Option<Duration> {
        go_duration(self.get("timeout"))
    }
}

fn go_duration(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        let unit_end = rest[digits..].find(|c: char| c.is_ascii_digit());
        let unit_end = unit_end.map_or(rest.len(), |end| digits + end);
        let unit = match &rest[digits..unit_end] {
            "ms" => Duration::from_millis(1),
            "s" => Duration::from_secs(1),
            "m" => Duration::from_secs(60),
            "h" => Duration::from_secs(3600),
            _ => return None,
        };
        total = total.checked_add(unit.checked_mul(u32::try_from(number).ok()?)?)?;
        rest = &rest[unit_end..];
    }
    (total > Duration::ZERO).then_some(total)
}

/// Decodes `%41` (and `+`, in parameters). What is not such a code stays as it is.
fn decode(text: &str, plus: bool) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = bytes.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        match (bytes[at], code.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(byte)) => {
                decoded.push(byte);
                at += 2;
            }
            (b'+', _) if plus => decoded.push(b' '),
            (byte, _) => decoded.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(method: &str, uri: &str) -> Result<Asked, Status> {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        Asked::read(&method, &uri.parse().unwrap(), Version::V1_7)
    }

    #[test]
    fn paths_and_methods_make_verbs() {
        for (method, uri, verb, resource) in [
            ("GET", "/api/v1/namespaces/a/endpoints", Verb::List, "endpoints"),
            (
                "GET",
                "/api/v1/namespaces/a/endpoints?watch=true&resourceVersion=5",
                Verb::Watch,
                "endpoints",
            ),
            ("GET", "/api/v1/watch/namespaces/a/endpoints/b", Verb::Watch, "endpoints"),
            ("GET", "/api/v1/endpoints?watch=false", Verb::List, "endpoints"),
            ("GET", "/api/v1/namespaces", Verb::List, "namespaces"),
            ("GET", "/api/v1/namespaces/a", Verb::Get, "namespaces"),
            ("PUT", "/api/v1/namespaces/a/status", Verb::Update, "namespaces"),
            ("POST", "/api/v1/namespaces/a/pods/p/binding", Verb::Create, "pods"),
            ("POST", "/api/v1/namespaces/a/bindings", Verb::Create, "pods"),
            (
                "PATCH",
                "/apis/extensions/v1beta1/namespaces/a/deployments/d/scale",
                Verb::Patch,
                "deployments",
            ),
            (
                "DELETE",
                "/apis/apps/v1beta1/namespaces/a/deployments/d",
                Verb::Delete,
                "deployments",
            ),
            ("DELETE", "/api/v1/namespaces/a/pods", Verb::DeleteCollection, "pods"),
            ("GET", "/healthz", Verb::Get, ""),
        ] {
            let asked = read(method, uri).unwrap_or_else(|status| panic!("{uri}: {status}"));
            assert_eq!((asked.verb, asked.resource()), (verb, resource), "{uri}");
        }
    }

    #[test]
    fn paths_that_lead_nowhere_are_404() {
        for uri in [
            "/api/v1/colours",
            "/api/v1/pods/p",
            "/api/v1/namespaces/a/deployments",
            "/apis/apps/v1/namespaces/a/deployments",
            "/apis/apps/v1beta1/namespaces/a/daemonsets",
            "/api/v1/namespaces/a/endpoints/e/status",
            "/api/v1/namespaces/a/pods/p/log/x",
        ] {
            assert_eq!(read("GET", uri).unwrap_err().code, 404, "{uri}");
        }
    }

    #[test]
    fn parameters_are_decoded() {
        let asked = read("GET", "/api/v1/pods?labelSelector=app%20in%20(a%2Cb)&fieldSelector=spec.nodeName%3Dn1&timeout=1m30s&timeoutSeconds=7").unwrap();
        assert_eq!(asked.query.get("labelSelector"), "app in (a,b)");
        assert!(asked.query.selector(Kind::Pod).is_ok());
        assert_eq!(asked.query.timeout(), Some(Duration::from_secs(90)));
        assert_eq!(asked.query.timeout_seconds(), Some(Duration::from_secs(7)));
        assert_eq!(asked.query.revision(), Ok(None));
        assert!(read("GET", "/api/v1/pods?resourceVersion=x").unwrap().query.revision().is_err());
    }

    proptest! {
        #[test]
        fn any_url_is_read_or_refused(path in "(/[a-z0-9%]{0,9}){0,7}", query in "[a-z=&%+0-9]{0,40}") {
            let uri = format!("/{path}?{query}");
            if let Ok(uri) = uri.parse::<Uri>()
                && let Ok(asked) = Asked::read(&Method::GET, &uri, Version::V1_7)
            {
                let _ = (asked.query.revision(), asked.query.timeout());
            }
        }
    }
}
