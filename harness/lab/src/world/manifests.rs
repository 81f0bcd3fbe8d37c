//! What the bank's teams hand to the cluster: Services, Deployments, the mesh's DaemonSet.

use serde_json::{Value, json};

use super::topology::port;
use crate::scenario::{Journey, Scenario, Service};

/// The name of the mesh's DaemonSet, and of its image.
pub const MESH: &str = "linkerd";
/// What the images of the bank's services begin with.
pub const BANK: &str = "bank/";

/// Where an object of a namespace is made and found.
pub fn path(namespace: &str, kind: &str) -> String {
    match kind {
        "deployments" | "daemonsets" => {
            format!("/apis/extensions/v1beta1/namespaces/{namespace}/{kind}")
        }
        _ => format!("/api/v1/namespaces/{namespace}/{kind}"),
    }
}

/// A service of the bank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// Its name in the mesh.
    pub name: String,
    /// Its pods; a service that is reached from outside has one on every worker instead.
    pub replicas: u32,
    /// The port at the nodes' addresses of a service that is reached from outside.
    pub entry: Option<u16>,
}

/// The services of a scenario: the named ones, and others of one pod each up to `services`.
pub fn applications(scenario: &Scenario, services: usize) -> Vec<Application> {
    let entries = entries(&scenario.workload.journeys);
    let named = scenario.services.iter().map(|Service { name, replicas }| {
        let nth = entries.iter().position(|entry| entry == name);
        let entry = nth.map(|n| port::ENTRY + n as u16);
        Application { name: name.clone(), replicas: *replicas, entry }
    });
    let missing = services.saturating_sub(scenario.services.len());
    let others = (1..=missing).map(|n| Application {
        name: format!("service-{n:03}"),
        replicas: 1,
        entry: None,
    });
    named.chain(others).collect()
}

/// The services that a journey begins with, each once.
fn entries(journeys: &[Journey]) -> Vec<String> {
    let mut entries: Vec<String> = Vec::new();
    for journey in journeys {
        if let Some(first) = journey.path.first()
            && !entries.contains(first)
        {
            entries.push(first.clone());
        }
    }
    entries
}

/// The image of a version of a service.
pub fn image(service: &str, version: &str) -> String {
    format!("{BANK}{service}:{version}")
}

impl Application {
    /// The Service object.
    pub fn service(&self) -> Value {
        let name = &self.name;
        let port = self.entry.unwrap_or(port::SERVICE);
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": { "name": name, "labels": { "app": name } },
            "spec": {
                "selector": { "app": name },
                "ports": [{ "name": "http", "port": port, "targetPort": port }],
            },
        })
    }

    /// What its pods mount: a ConfigMap, and two Secrets: what it shows the database, and what it
    /// shows other services.
    pub fn configuration(&self) -> [(&'static str, Value); 3] {
        let name = &self.name;
        let config = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": { "name": format!("{name}-config") },
            "data": { "service.yaml": format!("name: {name}\n") },
        });
        let secret = |what: &str| {
            json!({
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": { "name": format!("{name}-{what}") },
                "type": "Opaque",
                "stringData": { "user": name },
            })
        };
        [
            ("configmaps", config),
            ("secrets", secret("credentials")),
            ("secrets", secret("certificate")),
        ]
    }

    /// The Deployment, or the DaemonSet of a service that is reached from outside; and the name of
    /// its resource.
    pub fn workload(&self, version: &str) -> (&'static str, Value) {
        let name = &self.name;
        let port = self.entry.unwrap_or(port::SERVICE);
        let mut declared = json!({ "name": "http", "containerPort": port });
        if self.entry.is_some() {
            declared["hostPort"] = json!(port);
        }
        let mut pod = json!({
            "containers": [{
                "name": name,
                "image": image(name, version),
                "ports": [declared],
                "volumeMounts": [
                    { "name": "config", "mountPath": "/etc/service" },
                    { "name": "credentials", "mountPath": "/etc/credentials" },
                    { "name": "certificate", "mountPath": "/etc/certificate" },
                ],
            }],
            "volumes": [
                { "name": "config", "configMap": { "name": format!("{name}-config") } },
                { "name": "credentials", "secret": { "secretName": format!("{name}-credentials") } },
                { "name": "certificate", "secret": { "secretName": format!("{name}-certificate") } },
            ],
        });
        if self.entry.is_some() {
            pod["hostNetwork"] = json!(true);
        }
        let mut spec = json!({
            "selector": { "matchLabels": { "app": name } },
            "template": { "metadata": { "labels": { "app": name } }, "spec": pod },
        });
        let (resource, kind) = if self.entry.is_some() {
            ("daemonsets", "DaemonSet")
        } else {
            spec["replicas"] = json!(self.replicas);
            ("deployments", "Deployment")
        };
        let object = json!({
            "apiVersion": "extensions/v1beta1",
            "kind": kind,
            "metadata": { "name": name },
            "spec": spec,
        });
        (resource, object)
    }
}

/// The mesh's configuration, as a ConfigMap that its pods mount.
pub fn mesh_config(namespace: &str, version: &str) -> Value {
    let config = format!("version: {version}\nnamespace: {namespace}\nport: http\n");
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": "linkerd-config" },
        "data": { "config.yaml": config },
    })
}

/// The mesh: one proxy on every worker, at the node's address.
pub fn mesh(version: &str) -> Value {
    json!({
        "apiVersion": "extensions/v1beta1",
        "kind": "DaemonSet",
        "metadata": { "name": MESH },
        "spec": {
            "selector": { "matchLabels": { "app": MESH } },
            // As the DaemonSets of 1.5 did, and as was the default until 1.10: pods are replaced
            // when they are deleted.
            "updateStrategy": { "type": "OnDelete" },
            "template": {
                "metadata": { "labels": { "app": MESH } },
                "spec": {
                    "hostNetwork": true,
                    "containers": [{
                        "name": MESH,
                        "image": format!("{MESH}:{version}"),
                        "ports": [{
                            "name": "outgoing",
                            "containerPort": port::MESH,
                            "hostPort": port::MESH,
                        }],
                        "volumeMounts": [{
                            "name": "config",
                            "mountPath": "/io.buoyant/linkerd/config",
                        }],
                    }],
                    "volumes": [{
                        "name": "config",
                        "configMap": { "name": "linkerd-config" },
                    }],
                },
            },
        },
    })
}
