//! Controllers, scheduler and kubelets together, against an apiserver in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness_env::host::BoxFuture;
use harness_env::{Env, Tasks};
use serde_json::{Value, json};

use super::{Config, Runtime, Sandbox};
use crate::Version;
use crate::controllers::{self, LeaderLock};
use crate::rest_client::fake::Fake;
use crate::rest_client::memory::memory;
use crate::rest_client::{Client, Identity, view};
use crate::scheduler;

/// Starts everything at once and remembers what it was given.
#[derive(Default)]
struct Containers(Mutex<BTreeMap<String, Sandbox>>);

impl Containers {
    fn sandboxes(&self) -> Vec<Sandbox> {
        self.0.lock().expect("no panic").values().cloned().collect()
    }

    fn kill(&self, uid: &str) {
        self.0.lock().expect("no panic").remove(uid);
    }
}

/// A trait of one crate for an `Arc` of another needs a type in between.
struct Shared(Arc<Containers>);

impl Runtime for Shared {
    fn start(&self, sandbox: Sandbox) -> BoxFuture<'static, Result<(), String>> {
        let containers = self.0.clone();
        Box::pin(async move {
            containers.0.lock().expect("no panic").insert(sandbox.uid.clone(), sandbox);
            Ok(())
        })
    }

    fn stop(&self, uid: &str, _: Duration) -> BoxFuture<'static, ()> {
        let (containers, uid) = (self.0.clone(), uid.to_string());
        Box::pin(async move { containers.kill(&uid) })
    }

    fn running(&self) -> Vec<String> {
        self.0.0.lock().expect("no panic").keys().cloned().collect()
    }
}

struct Cluster {
    env: Env,
    api: Fake,
    client: Client,
    containers: Arc<Containers>,
    tasks: Tasks,
}

const DEPLOYMENTS: &str = "/apis/extensions/v1beta1/namespaces/default/deployments";
const SERVICES: &str = "/api/v1/namespaces/default/services";
const ENDPOINTS: &str = "/api/v1/namespaces/default/endpoints/ledger";

impl Cluster {
    async fn start() -> Self {
        let env = harness_env::real::Machine::new("test", std::env::temp_dir()).env();
        let api = memory(&env).await;
        let client = Client::new(&env, "kubectl", api.addr, Identity::User("me".to_string()));
        let tasks = env.tasks();
        let (server, leader_lock) = (api.addr, LeaderLock::ConfigMaps);
        let identity = "master-a".to_string();
        let config = controllers::Config {
            server,
            leader_lock,
            identity: identity.clone(),
            version: Version::V1_7,
        };
        tasks.spawn({
            let env = env.clone();
            async move { drop(controllers::run(env, config).await) }
        });
        let config = scheduler::Config { server, leader_lock, identity };
        tasks.spawn({
            let env = env.clone();
            async move { drop(scheduler::run(env, config).await) }
        });
        let containers = Arc::default();
        let cluster = Cluster { env, api, client, containers, tasks };
        cluster.start_kubelet();
        cluster
    }

    fn start_kubelet(&self) {
        let kubelet = super::run(self.env.clone(), self.kubelet());
        self.tasks.spawn(async move { drop(kubelet.await) });
    }

    fn kubelet(&self) -> Config {
        Config {
            node: "node-a1".to_string(),
            zone: "a".to_string(),
            labels: BTreeMap::new(),
            server: self.api.addr,
            pod_ips: (1..=8).map(|n| IpAddr::from([10, 1, 0, n])).collect(),
            runtime: Arc::new(Shared(self.containers.clone())),
        }
    }

    async fn deploy(&self, replicas: u32) {
        let labels = json!({"app": "ledger"});
        let service = json!({
            "metadata": {"name": "ledger", "labels": labels},
            "spec": {"selector": labels, "ports": [{"name": "http", "port": 80}]},
        });
        self.client.create(SERVICES, &service).await.expect("created");
        let deployment = json!({
            "metadata": {"name": "ledger"},
            "spec": {"replicas": replicas, "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "main", "image": "ledger:1"}]},
            }},
        });
        self.client.create(DEPLOYMENTS, &deployment).await.expect("created");
    }

    /// Waits until `check` holds of the Endpoints' addresses; `None` where there is no object.
    async fn endpoints(&self, check: impl Fn(Option<&BTreeSet<String>>) -> bool) {
        self.until(async || {
            let object = self.client.get(ENDPOINTS).await.ok();
            let addresses = object.map(|object| {
                view::items(&object, "/subsets")
                    .iter()
                    .flat_map(|subset| view::items(subset, "/addresses"))
                    .map(|address| view::text(address, "/ip").to_string())
                    .collect()
            });
            check(addresses.as_ref())
        })
        .await;
    }

    async fn until(&self, check: impl AsyncFn() -> bool) {
        let wait = async {
            while !check().await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(60), wait).await;
        assert!(waited.is_ok(), "it never happened; asked: {:#?}", self.api.requests());
    }
}

#[tokio::test]
async fn a_deployment_becomes_endpoints_and_ends_as_an_empty_object_and_then_as_none() {
    let cluster = Cluster::start().await;
    cluster.deploy(3).await;
    cluster.endpoints(|ips| ips.is_some_and(|ips| ips.len() == 3)).await;
    let sandboxes = cluster.containers.sandboxes();
    assert!(sandboxes.iter().all(|sandbox| {
        let token = &sandbox.files["/var/run/secrets/kubernetes.io/serviceaccount/token"];
        token.starts_with("default:default-token:")
    }));
    cluster.client.scale("default", "ledger", 0).await.expect("scaled");
    cluster.endpoints(|ips| ips.is_some_and(BTreeSet::is_empty)).await;
    let object = cluster.client.get(ENDPOINTS).await.expect("it stays");
    assert_eq!(object["subsets"], json!([]));
    let pods = async || cluster.client.list("/api/v1/pods").await.expect("a list");
    cluster.until(async || pods().await["items"].as_array().is_some_and(Vec::is_empty)).await;
    assert!(cluster.containers.sandboxes().is_empty());
    cluster.client.delete(&format!("{SERVICES}/ledger")).await.expect("deleted");
    cluster.endpoints(|ips| ips.is_none()).await;
}

#[tokio::test]
async fn a_new_image_replaces_the_pods_and_their_addresses() {
    let cluster = Cluster::start().await;
    cluster.deploy(2).await;
    cluster.endpoints(|ips| ips.is_some_and(|ips| ips.len() == 2)).await;
    let image = json!({"spec": {"template": {"spec": {"containers": [
        {"name": "main", "image": "ledger:2"},
    ]}}}});
    let path = format!("{DEPLOYMENTS}/ledger");
    cluster.client.patch_merge(&path, &image).await.expect("deployed");
    let new = [IpAddr::from([10, 1, 0, 3]), IpAddr::from([10, 1, 0, 4])].map(|ip| ip.to_string());
    cluster.endpoints(|ips| ips.is_some_and(|ips| ips.iter().eq(&new))).await;
    cluster.until(async || cluster.containers.sandboxes().len() == 2).await;
    assert!(cluster.containers.sandboxes().iter().all(|sandbox| sandbox.image == "ledger:2"));
}

#[tokio::test]
async fn what_ends_is_seen_and_a_new_kubelet_takes_over_what_runs() {
    let mut cluster = Cluster::start().await;
    cluster.deploy(2).await;
    cluster.endpoints(|ips| ips.is_some_and(|ips| ips.len() == 2)).await;
    let victim = cluster.containers.sandboxes().remove(0);
    cluster.containers.kill(&victim.uid);
    cluster.endpoints(|ips| ips.is_some_and(|ips| ips.len() == 1)).await;
    let survivor = cluster.containers.sandboxes().remove(0);
    // Every process dies, the containers stay; then a kubelet comes back alone.
    cluster.tasks = cluster.env.tasks();
    cluster.start_kubelet();
    cluster.until(async || cluster.containers.sandboxes().len() == 2).await;
    assert!(cluster.containers.sandboxes().contains(&survivor), "it was left alone");
}

#[tokio::test]
async fn a_pod_waits_for_its_configuration() {
    let cluster = Cluster::start().await;
    let pod = json!({
        "metadata": {"name": "l5d"},
        "spec": {
            "volumes": [{"name": "config", "configMap": {"name": "l5d"}}],
            "containers": [{"name": "main", "image": "linkerd:0.9.1", "volumeMounts": [
                {"name": "config", "mountPath": "/config"},
            ]}],
        },
    });
    cluster.client.create("/api/v1/namespaces/default/pods", &pod).await.expect("created");
    let maps = "/api/v1/namespaces/default/configmaps";
    let asked = |request: &String| request.ends_with(&format!("GET {maps}/l5d"));
    cluster.until(async || cluster.api.requests().iter().any(asked)).await;
    assert!(cluster.containers.sandboxes().is_empty(), "it cannot start without");
    let status: Value =
        cluster.client.get("/api/v1/namespaces/default/pods/l5d").await.expect("a pod");
    assert_ne!(view::text(&status, "/status/phase"), "Running");
    let map = json!({"metadata": {"name": "l5d"}, "data": {"l5d.yaml": "routers: []"}});
    cluster.client.create(maps, &map).await.expect("created");
    cluster.until(async || cluster.containers.sandboxes().len() == 1).await;
    assert_eq!(cluster.containers.sandboxes()[0].files["/config/l5d.yaml"], "routers: []");
}
