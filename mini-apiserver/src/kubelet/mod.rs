//! The agent on a node: runs the pods that are bound to it and says how they are.
//!
//! Containers are none of its business: it asks a [`Runtime`] to start and stop sandboxes and looks
//! once a second at which of them run. What runs keeps running when the kubelet dies or cannot reach
//! an apiserver; a new kubelet takes over what it finds.
//!
//! What it cannot do without an apiserver is start a pod: it needs the pod's ConfigMaps and Secrets,
//! the default token among them, and fetches them one by one ([`volumes`]). That is where a stuck
//! etcd client in an apiserver reaches the nodes.
//!
//! | module | what it is |
//! |---|---|
//! | `manifest` | what a pod asks for |
//! | `volumes` | fetching what it mounts |
//! | `pod` | one pod, from its binding to its end |
//! | `status` | what is reported, one pod after another |
//! | `node` | registration and heartbeat |
//! | `addresses` | the node's addresses for pods |
//! | `pleg` | which sandboxes run |

mod addresses;
mod manifest;
mod node;
mod pleg;
mod pod;
mod runtime;
mod secrets;
mod status;
mod volumes;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness_env::{Env, Tasks};
use serde_json::Value;
use tokio::sync::{mpsc, watch};

pub use runtime::{Port, Runtime, Sandbox};

use crate::rest_client::informer::{Change, Informer};
use crate::rest_client::throttle::Throttle;
use crate::rest_client::{Client, Identity, view};

/// `--kube-api-qps` and `--kube-api-burst` of the kubelet of 1.7.
const QPS: f64 = 5.0;
const BURST: u32 = 10;
/// How long an orphan gets to stop: the default of pods.
const ORPHAN_GRACE: Duration = Duration::from_secs(30);

/// How to run a kubelet.
#[derive(Clone)]
pub struct Config {
    /// The name of the node.
    pub node: String,
    /// The zone that the node says it is in; none where empty.
    pub zone: String,
    /// Further labels of the node.
    pub labels: BTreeMap<String, String>,
    /// The apiserver, or the load balancer before the apiservers.
    pub server: SocketAddr,
    /// The addresses for pods. They are given out in turn, so that one is not used again soon.
    pub pod_ips: Vec<IpAddr>,
    /// What runs the containers.
    pub runtime: Arc<dyn Runtime>,
}

/// Why a kubelet ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing of the kind: a kubelet runs until it is killed.
    #[error("the kubelet stopped")]
    Stopped,
}

/// What the parts of a kubelet share.
struct Node {
    env: Env,
    name: String,
    client: Client,
    runtime: Arc<dyn Runtime>,
    addresses: Arc<addresses::Addresses>,
    secrets: secrets::Secrets,
    pleg: pleg::Pleg,
    statuses: status::Statuses,
    throttle: Mutex<Throttle>,
}

/// What is known of a pod, as its task sees it.
#[derive(Clone)]
struct Desired {
    pod: Arc<Value>,
    /// The object is gone.
    gone: bool,
}

impl Desired {
    /// Whether the pod is to stop.
    fn leaves(&self) -> bool {
        self.gone || view::is_terminating(&self.pod)
    }
}

/// Runs a kubelet, for ever.
///
/// # Errors
/// Never in practice; the type leaves room.
pub async fn run(env: Env, config: Config) -> Result<(), Error> {
    let user = Identity::User(format!("system:node:{}", config.node));
    let name = format!("kubelet/{}", config.node);
    let client = Client::new(&env, &name, config.server, user).with_rate_limit(QPS, BURST);
    let kubelet = Arc::new(Node {
        env: env.clone(),
        name: config.node.clone(),
        client: client.clone(),
        addresses: addresses::Addresses::new(config.pod_ips.clone()),
        secrets: secrets::Secrets::new(client.clone()),
        pleg: pleg::Pleg::new(config.runtime.clone()),
        statuses: status::Statuses::default(),
        runtime: config.runtime.clone(),
        throttle: Mutex::default(),
    });
    let tasks = env.tasks();
    tasks.spawn(node::run(kubelet.clone(), config.clone()));
    tasks.spawn({
        let kubelet = kubelet.clone();
        async move { kubelet.pleg.run().await }
    });
    tasks.spawn({
        let kubelet = kubelet.clone();
        async move { kubelet.statuses.run(&kubelet.client).await }
    });
    let (sender, changes) = mpsc::unbounded_channel();
    let on = move |change: &Change| {
        // The receiver lives as long as this kubelet.
        let _ = sender.send(change.clone());
    };
    let path = format!("/api/v1/pods?fieldSelector=spec.nodeName%3D{}", config.node);
    let pods = Informer::start(&env, &tasks, &client, &path);
    pods.subscribe(on);
    pods.synced().await;
    stop_orphans(&kubelet, &tasks, &pods);
    follow(&kubelet, &tasks, changes).await;
    Err(Error::Stopped)
}

/// Stops what runs and has no pod: it was deleted while no kubelet was there.
fn stop_orphans(kubelet: &Arc<Node>, tasks: &Tasks, pods: &Informer) {
    let known: BTreeSet<String> =
        pods.store.all().iter().map(|pod| view::uid(pod).to_string()).collect();
    for uid in kubelet.runtime.running().into_iter().filter(|uid| !known.contains(uid)) {
        let runtime = kubelet.runtime.clone();
        tasks.spawn(async move { runtime.stop(&uid, ORPHAN_GRACE).await });
    }
}

/// Passes changes on to the tasks of the pods.
async fn follow(kubelet: &Arc<Node>, tasks: &Tasks, mut changes: mpsc::UnboundedReceiver<Change>) {
    let mut workers: BTreeMap<String, watch::Sender<Desired>> = BTreeMap::new();
    while let Some(change) = changes.recv().await {
        let pod = change.object().clone();
        let uid = view::uid(&pod).to_string();
        let gone = matches!(change, Change::Deleted(_));
        // A pod that was deleted and made again under its name while nobody looked.
        if let Change::Updated(old, _) = &change
            && view::uid(old) != uid
            && let Some(worker) = workers.remove(view::uid(old))
        {
            worker.send_replace(Desired { pod: old.clone(), gone: true });
        }
        if let Some(worker) = workers.get(&uid) {
            kubelet.statuses.reconcile(&pod);
            worker.send_replace(Desired { pod, gone });
        } else if !gone && !view::is_finished(&pod) {
            let (sender, receiver) = watch::channel(Desired { pod, gone });
            workers.insert(uid.clone(), sender);
            tasks.spawn(pod::run(kubelet.clone(), receiver));
        }
        if gone {
            workers.remove(&uid);
            kubelet.statuses.forget(&uid);
        }
    }
}
