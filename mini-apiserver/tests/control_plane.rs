//! A whole control plane over loopback: etcd, apiserver, controller-manager, scheduler, one kubelet.
//! Everything is the real program but the containers.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness_env::host::BoxFuture;
use harness_env::real::Machine;
use harness_env::{Env, Tasks};
use mini_apiserver::kubelet::{Runtime, Sandbox};
use mini_apiserver::rest_client::{Client, Identity};
use mini_apiserver::{Version, apiserver, controllers, kubelet, scheduler};
use mini_etcd::client::Generation;
use mini_etcd::{Profile, server};
use serde_json::{Value, json};

const DEPLOYMENTS: &str = "/apis/extensions/v1beta1/namespaces/default/deployments";
const DAEMON_SETS: &str = "/apis/extensions/v1beta1/namespaces/default/daemonsets";
const SERVICES: &str = "/api/v1/namespaces/default/services";
const ENDPOINTS: &str = "/api/v1/namespaces/default/endpoints";
const PODS: &str = "/api/v1/namespaces/default/pods";

/// Starts everything at once and remembers what it was given.
#[derive(Clone, Default)]
struct Containers(Arc<Mutex<BTreeMap<String, Sandbox>>>);

impl Runtime for Containers {
    fn start(&self, sandbox: Sandbox) -> BoxFuture<'static, Result<(), String>> {
        self.0.lock().expect("no panic").insert(sandbox.uid.clone(), sandbox);
        Box::pin(std::future::ready(Ok(())))
    }

    fn stop(&self, uid: &str, _: Duration) -> BoxFuture<'static, ()> {
        self.0.lock().expect("no panic").remove(uid);
        Box::pin(std::future::ready(()))
    }

    fn running(&self) -> Vec<String> {
        self.0.lock().expect("no panic").keys().cloned().collect()
    }
}

struct Cluster {
    env: Env,
    server: SocketAddr,
    kubectl: Client,
    containers: Containers,
    _tasks: Tasks,
}

async fn free_port(env: &Env) -> SocketAddr {
    env.listen_port(0).await.expect("a free port").local_addr()
}

impl Cluster {
    async fn start(name: &str, version: Version) -> Cluster {
        let dir = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).expect("a directory");
        let env = |process: &str| Machine::new(process, &dir).env();
        let here = env("test");
        let (client, peer) = (free_port(&here).await, free_port(&here).await);
        let address = free_port(&here).await;
        let tasks = here.tasks();
        let etcd = server::Config::new("etcd", client, peer, Profile::V3_2_9);
        tasks.spawn({
            let env = env("etcd");
            async move { server::run(env, etcd, std::future::pending()).await.expect("etcd runs") }
        });
        let generation = Generation::Grpc104;
        let config = apiserver::Config::new(address.port(), vec![client], generation, version);
        tasks.spawn({
            let env = env("apiserver");
            async move { apiserver::run(env, config).await.expect("the apiserver runs") }
        });
        let (leader_lock, identity) = (controllers::LeaderLock::Endpoints, "a".to_string());
        let config = controllers::Config {
            server: address,
            leader_lock,
            identity: identity.clone(),
            version,
        };
        tasks.spawn({
            let env = env("controller-manager");
            async move { controllers::run(env, config).await.expect("it leads") }
        });
        let config = scheduler::Config { server: address, leader_lock, identity };
        tasks.spawn({
            let env = env("scheduler");
            async move { scheduler::run(env, config).await.expect("it leads") }
        });
        let containers = Containers::default();
        let config = kubelet::Config {
            node: "node-a1".to_string(),
            zone: "a".to_string(),
            labels: BTreeMap::new(),
            server: address,
            pod_ips: (1..=8).map(|n| IpAddr::V4(Ipv4Addr::new(10, 1, 0, n))).collect(),
            runtime: Arc::new(containers.clone()),
        };
        tasks.spawn({
            let env = env("kubelet");
            async move { kubelet::run(env, config).await.expect("it runs") }
        });
        let me = Identity::User("me".to_string());
        let kubectl = Client::new(&here, "kubectl", address, me);
        let cluster = Cluster { env: here, server: address, kubectl, containers, _tasks: tasks };
        cluster
            .until("a node", async |client| Some(client.get("/api/v1/nodes/node-a1").await.ok()?))
            .await;
        cluster
    }

    async fn until<T>(&self, what: &str, look: impl AsyncFn(&Client) -> Option<T>) -> T {
        let wait = async {
            loop {
                if let Some(found) = look(&self.kubectl).await {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        match tokio::time::timeout(Duration::from_secs(120), wait).await {
            Ok(found) => found,
            Err(_) => panic!("never saw {what}: {:#}", self.everything().await),
        }
    }

    async fn everything(&self) -> Value {
        let pods = self.kubectl.list(PODS).await.unwrap_or_default();
        let endpoints = self.kubectl.list(ENDPOINTS).await.unwrap_or_default();
        json!([pods, endpoints])
    }

    /// Waits until the Endpoints of `ledger` have so many ready addresses.
    async fn addresses(&self, count: usize) -> Vec<String> {
        self.until(&format!("{count} addresses"), async |client| {
            let object = client.get(&format!("{ENDPOINTS}/ledger")).await.ok()?;
            let ips: Vec<String> = object["subsets"]
                .as_array()?
                .iter()
                .flat_map(|subset| subset["addresses"].as_array().cloned().unwrap_or_default())
                .filter_map(|address| address["ip"].as_str().map(str::to_string))
                .collect();
            (ips.len() == count).then_some(ips)
        })
        .await
    }
}

fn template(image: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": "ledger"}},
        "spec": {"containers": [{"name": "main", "image": image, "ports": [
            {"name": "http", "containerPort": 8080},
        ]}]},
    })
}

#[tokio::test]
async fn a_service_lives_is_scaled_to_nothing_and_is_deleted() {
    let cluster = Cluster::start("service-life", Version::V1_7).await;
    let kubectl = &cluster.kubectl;
    let service = json!({
        "metadata": {"name": "ledger"},
        "spec": {"selector": {"app": "ledger"}, "ports": [
            {"name": "http", "port": 80, "targetPort": "http"},
        ]},
    });
    kubectl.create(SERVICES, &service).await.expect("created");
    let deployment = json!({
        "metadata": {"name": "ledger"},
        "spec": {"replicas": 2, "template": template("ledger:1")},
    });
    kubectl.create(DEPLOYMENTS, &deployment).await.expect("created");
    let first = cluster.addresses(2).await;

    // A pod's own token is good for the API.
    let sandbox = cluster.containers.0.lock().expect("no panic").values().next().cloned();
    let files = sandbox.expect("one runs").files;
    let token = files["/var/run/secrets/kubernetes.io/serviceaccount/token"].clone();
    let pod = Identity::ServiceAccount { token };
    let pod = Client::new(&cluster.env, "linkerd", cluster.server, pod);
    pod.list(ENDPOINTS).await.expect("the token is accepted");
    let stranger = Identity::ServiceAccount { token: "default:default-token:guess".to_string() };
    let stranger = Client::new(&cluster.env, "stranger", cluster.server, stranger);
    assert_eq!(stranger.list(ENDPOINTS).await.expect_err("a guess").code(), Some(401));

    // A new image, and back.
    for image in ["ledger:2", "ledger:1"] {
        let patch = json!({"spec": {"template": template(image)}});
        kubectl.patch_merge(&format!("{DEPLOYMENTS}/ledger"), &patch).await.expect("deployed");
        cluster
            .until("the new pods alone", async |client| {
                let deployment = client.get(&format!("{DEPLOYMENTS}/ledger")).await.ok()?;
                let status = &deployment["status"];
                let done = deployment["metadata"]["generation"] == status["observedGeneration"]
                    && status["updatedReplicas"] == 2
                    && status["availableReplicas"] == 2
                    && status["replicas"] == 2;
                let running = cluster.containers.0.lock().expect("no panic");
                let new = running.values().filter(|sandbox| sandbox.image == image).count();
                (done && new == 2 && running.len() == 2).then_some(())
            })
            .await;
    }
    let now = cluster.addresses(2).await;
    assert!(now.iter().all(|ip| !first.contains(ip)), "addresses are not used again soon");

    // Nothing left: the object stays, empty; in a list of 1.7 it is null.
    kubectl.scale("default", "ledger", 0).await.expect("scaled");
    cluster.addresses(0).await;
    cluster
        .until("no pod", async |client| {
            client.list(PODS).await.ok()?["items"].as_array()?.is_empty().then_some(())
        })
        .await;
    let one = kubectl.get(&format!("{ENDPOINTS}/ledger")).await.expect("it is there");
    assert_eq!(one["subsets"], json!([]));
    let list = kubectl.list(ENDPOINTS).await.expect("a list");
    let item = list["items"]
        .as_array()
        .and_then(|items| items.iter().find(|item| item["metadata"]["name"] == "ledger"));
    assert_eq!(item.expect("it is listed")["subsets"], Value::Null);

    kubectl.delete(&format!("{SERVICES}/ledger")).await.expect("deleted");
    cluster
        .until("no Endpoints", async |client| {
            let gone = client.get(&format!("{ENDPOINTS}/ledger")).await;
            gone.is_err_and(|error| error.is_not_found()).then_some(())
        })
        .await;
}

#[tokio::test]
async fn a_deleted_pod_of_a_daemon_set_comes_back_with_its_configuration() {
    let cluster = Cluster::start("daemon-set", Version::V1_7).await;
    let kubectl = &cluster.kubectl;
    let maps = "/api/v1/namespaces/default/configmaps";
    let map = json!({"metadata": {"name": "l5d"}, "data": {"l5d.yaml": "routers: []"}});
    kubectl.create(maps, &map).await.expect("created");
    let set = json!({
        "metadata": {"name": "l5d"},
        "spec": {"template": {
            "metadata": {"labels": {"app": "l5d"}},
            "spec": {
                "hostNetwork": true,
                "volumes": [{"name": "config", "configMap": {"name": "l5d"}}],
                "containers": [{"name": "l5d", "image": "linkerd:0.9.1", "volumeMounts": [
                    {"name": "config", "mountPath": "/config"},
                ]}],
            },
        }},
    });
    kubectl.create(DAEMON_SETS, &set).await.expect("created");
    let running =
        async |_: &Client| cluster.containers.0.lock().expect("no panic").values().next().cloned();
    let first = cluster.until("a sandbox", running).await;
    assert_eq!(first.files["/config/l5d.yaml"], "routers: []");
    assert_eq!(first.ip, cluster.env.ip(), "the node's own network");
    kubectl.delete(&format!("{PODS}/{}", first.name)).await.expect("deleted");
    cluster
        .until("another sandbox", async |client| {
            running(client).await.filter(|sandbox| sandbox.uid != first.uid)
        })
        .await;
    cluster
        .until("a ready set", async |client| {
            let set = client.get(&format!("{DAEMON_SETS}/l5d")).await.ok()?;
            (set["status"]["numberReady"] == 1).then_some(())
        })
        .await;
}
