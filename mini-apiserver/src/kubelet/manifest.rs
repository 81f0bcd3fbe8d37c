//! What a pod asks for.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::Value;

use super::runtime::{Port, Sandbox};
use crate::controllers::tokens::DEFAULT_SECRET;
use crate::rest_client::view;

/// Where a pod finds the token of its service account.
const TOKEN_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// What kind of object a volume is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    ConfigMap,
    Secret,
}

/// A ConfigMap or Secret that a pod mounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    pub(super) source: Source,
    /// The object's name.
    pub(super) object: String,
    /// The volume's name.
    pub(super) volume: String,
    /// The directories that it appears as.
    paths: Vec<String>,
}

/// What a pod mounts. The token of its service account comes with every pod: in Kubernetes an
/// admission plug-in of the apiserver adds that volume, here the kubelet does.
pub(super) fn mounts(pod: &Value) -> Vec<Mount> {
    let mut mounts: Vec<Mount> = view::items(pod, "/spec/volumes")
        .iter()
        .filter_map(|volume| {
            let config = view::text(volume, "/configMap/name");
            let secret = view::text(volume, "/secret/secretName");
            let (source, object) = match (config, secret) {
                ("", "") => return None,
                ("", secret) => (Source::Secret, secret),
                (config, _) => (Source::ConfigMap, config),
            };
            let volume = view::text(volume, "/name");
            let paths = paths(pod, volume);
            let (object, volume) = (object.to_string(), volume.to_string());
            Some(Mount { source, object, volume, paths })
        })
        .collect();
    let wants_token =
        pod.pointer("/spec/automountServiceAccountToken").and_then(Value::as_bool) != Some(false);
    let has_token = mounts.iter().any(|mount| mount.paths.iter().any(|path| path == TOKEN_PATH));
    if wants_token && !has_token {
        let object = match view::text(pod, "/spec/serviceAccountName") {
            "" | "default" => DEFAULT_SECRET.to_string(),
            account => format!("{account}-token"),
        };
        let paths = vec![TOKEN_PATH.to_string()];
        mounts.push(Mount { source: Source::Secret, volume: object.clone(), object, paths });
    }
    mounts
}

fn paths(pod: &Value, volume: &str) -> Vec<String> {
    containers(pod)
        .flat_map(|container| view::items(container, "/volumeMounts"))
        .filter(|mount| view::text(mount, "/name") == volume)
        .map(|mount| view::text(mount, "/mountPath").trim_end_matches('/').to_string())
        .collect()
}

fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    view::items(pod, "/spec/containers").iter()
}

/// The files that mounts with these contents are.
pub(super) fn files<'a>(
    mounts: impl IntoIterator<Item = (&'a Mount, &'a BTreeMap<String, String>)>,
) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for (mount, content) in mounts {
        for path in &mount.paths {
            for (key, text) in content {
                files.insert(format!("{path}/{key}"), text.clone());
            }
        }
    }
    files
}

/// Whether a pod uses the node's network.
pub(super) fn host_network(pod: &Value) -> bool {
    pod.pointer("/spec/hostNetwork").and_then(Value::as_bool) == Some(true)
}

/// The sandbox of a pod.
pub(super) fn sandbox(pod: &Value, ip: IpAddr, files: BTreeMap<String, String>) -> Sandbox {
    let mut env = BTreeMap::new();
    for variable in containers(pod).flat_map(|container| view::items(container, "/env")) {
        let value = match view::text(variable, "/valueFrom/fieldRef/fieldPath") {
            "" => view::text(variable, "/value").to_string(),
            "status.podIP" => ip.to_string(),
            field => view::text(pod, &format!("/{}", field.replace('.', "/"))).to_string(),
        };
        env.entry(view::text(variable, "/name").to_string()).or_insert(value);
    }
    let number = |port: &Value, field| {
        view::number(port, field)
            .and_then(|port| u16::try_from(port).ok())
            .filter(|port| *port != 0)
    };
    let ports = containers(pod).flat_map(|container| view::items(container, "/ports"));
    Sandbox {
        uid: view::uid(pod).to_string(),
        namespace: view::namespace(pod).to_string(),
        name: view::name(pod).to_string(),
        image: containers(pod)
            .next()
            .map(|first| view::text(first, "/image"))
            .unwrap_or_default()
            .to_string(),
        ip,
        env,
        files,
        ports: ports
            .filter_map(|port| {
                Some(Port {
                    name: view::text(port, "/name").to_string(),
                    port: number(port, "/containerPort")?,
                    host_port: number(port, "/hostPort"),
                })
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod() -> Value {
        json!({
            "metadata": {"namespace": "default", "name": "l5d-1", "uid": "u1"},
            "spec": {
                "nodeName": "a1",
                "volumes": [{"name": "config", "configMap": {"name": "l5d-config"}}],
                "containers": [{
                    "image": "linkerd:0.9.1",
                    "ports": [{"name": "out", "containerPort": 4140, "hostPort": 4140}],
                    "volumeMounts": [{"name": "config", "mountPath": "/etc/l5d/"}],
                    "env": [
                        {"name": "ZONE", "value": "a"},
                        {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
                        {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
                    ],
                }],
            },
        })
    }

    #[test]
    fn every_pod_mounts_the_default_token_unless_it_says_otherwise() {
        let names =
            |pod: &Value| mounts(pod).into_iter().map(|mount| mount.object).collect::<Vec<_>>();
        assert_eq!(names(&pod()), ["l5d-config", DEFAULT_SECRET]);
        let mut without = pod();
        without["spec"]["automountServiceAccountToken"] = false.into();
        assert_eq!(names(&without), ["l5d-config"]);
        let mut other = pod();
        other["spec"]["serviceAccountName"] = "mesh".into();
        assert_eq!(names(&other), ["l5d-config", "mesh-token"]);
    }

    #[test]
    fn a_sandbox_has_the_files_environment_and_ports_of_its_pod() {
        let (pod, ip) = (pod(), IpAddr::from([10, 1, 0, 9]));
        let mounts = mounts(&pod);
        let content = BTreeMap::from([("config.yaml".to_string(), "namers: []".to_string())]);
        let sandbox = sandbox(&pod, ip, files([(&mounts[0], &content)]));
        assert_eq!(sandbox.files["/etc/l5d/config.yaml"], "namers: []");
        assert_eq!((&*sandbox.env["ZONE"], &*sandbox.env["NODE"]), ("a", "a1"));
        assert_eq!(sandbox.env["IP"], "10.1.0.9");
        assert_eq!(sandbox.ports[0].host_port, Some(4140));
        assert_eq!(sandbox.image, "linkerd:0.9.1");
    }
}
