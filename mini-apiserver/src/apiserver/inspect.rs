//! Paths that are not about objects: health, version, discovery, and what operators look at.

use http::Response;
use serde_json::{Map, Value, json};

use super::body::Body;
use super::respond;
use super::server::Server;
use crate::Version;
use crate::objects::Kind;
use crate::status::Status;

const GROUP_VERSIONS: [&str; 4] = ["extensions/v1beta1", "apps/v1beta1", "apps/v1beta2", "apps/v1"];

/// Answers GET of a path.
///
/// # Errors
/// 404.
pub(super) fn answer(server: &Server, path: &str) -> Result<Response<Body>, Status> {
    let version = server.version();
    let value = match path.trim_end_matches('/') {
        "/healthz" | "/livez" | "/readyz" => return Ok(respond::text(200, "ok")),
        "/version" => version_info(version),
        "/debug/etcd-clients" => etcd_clients(server),
        "/debug/requests" => {
            let (reads, writes) = server.in_flight();
            let abandoned = server.patience().abandoned();
            json!({ "reads": reads, "writes": writes, "abandoned": abandoned })
        }
        "/api" => json!({ "kind": "APIVersions", "versions": ["v1"] }),
        "/api/v1" => resources("v1", version),
        "/apis" => groups(version),
        path => {
            let group_version = path.strip_prefix("/apis/").unwrap_or_default();
            if !GROUP_VERSIONS.contains(&group_version) || !serves(group_version, version) {
                return Err(Status::no_such_path());
            }
            resources(group_version, version)
        }
    };
    Ok(respond::value(200, &value))
}

/// The last patch release of each minor one, as `/version` says it.
fn version_info(version: Version) -> Value {
    let (minor, git) = match version {
        Version::V1_5 => ("5", "v1.5.8"),
        Version::V1_7 => ("7", "v1.7.8"),
        Version::V1_8 => ("8", "v1.8.15"),
        Version::V1_10 => ("10", "v1.10.13"),
    };
    json!({ "major": "1", "minor": minor, "gitVersion": git, "platform": "linux/amd64" })
}

fn etcd_clients(server: &Server) -> Value {
    let inspect = |kind: Kind| (kind.resource().to_string(), server.resource(kind).inspect());
    Value::Object(Kind::ALL.into_iter().map(inspect).collect::<Map<_, _>>())
}

fn serves(group_version: &str, version: Version) -> bool {
    Kind::ALL.into_iter().any(|kind| kind.served(group_version, version))
}

fn groups(version: Version) -> Value {
    let group = |name: &str| {
        let versions: Vec<Value> = GROUP_VERSIONS
            .iter()
            .filter(|gv| gv.starts_with(name) && serves(gv, version))
            .map(|gv| json!({ "groupVersion": gv, "version": gv.split('/').next_back() }))
            .collect();
        let preferred = versions.last().cloned();
        json!({ "name": name, "versions": versions, "preferredVersion": preferred })
    };
    let mut groups = vec![group("extensions"), group("apps")];
    groups.retain(|group| group["versions"] != json!([]));
    json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups })
}

fn resources(group_version: &str, version: Version) -> Value {
    let verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
    let mut list = Vec::new();
    let kinds = Kind::ALL.into_iter().filter(|kind| kind.served(group_version, version));
    for kind in kinds {
        let mut add = |name: String, of: &str, verbs: &[&str]| {
            list.push(json!({
                "name": name, "singularName": "", "namespaced": kind.namespaced(), "kind": of,
                "verbs": verbs, "shortNames": if name.contains('/') { &[] } else { kind.short_names() },
            }));
        };
        let resource = kind.resource();
        add(resource.to_string(), kind.name(), &verbs);
        if kind.has_status() {
            add(format!("{resource}/status"), kind.name(), &["get", "patch", "update"]);
        }
        if kind == Kind::Deployment {
            add(format!("{resource}/scale"), "Scale", &["get", "patch", "update"]);
        }
        if kind == Kind::Pod {
            add(format!("{resource}/binding"), "Binding", &["create"]);
        }
    }
    json!({
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version,
        "resources": list,
    })
}
