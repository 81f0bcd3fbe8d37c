//! The scheduler: gives every pod a node.
//!
//! Several run, one leads. The leader takes pending pods one at a time, in the order in which it
//! learns of them, chooses ([`place`]) and binds without waiting for the answer, as in 1.7
//! (`plugin/pkg/scheduler/scheduler.go`): from then on it assumes that the pod is there. A pod that
//! fits nowhere, or whose binding failed, is tried again after 1 s, doubled up to a minute.

mod place;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness_env::Env;
use serde_json::{Value, json};

pub use crate::controllers::Error;
use crate::controllers::queue::Queue;
use crate::election::{Elector, LeaderLock};
use crate::rest_client::informer::{Change, Informer};
use crate::rest_client::throttle::Throttle;
use crate::rest_client::{Client, Identity, view};

/// `--kube-api-qps` and `--kube-api-burst` of the scheduler of 1.7.
const QPS: f64 = 50.0;
const BURST: u32 = 100;
/// First and longest pause before a pod is tried again (`util.CreateDefaultPodBackoff`).
const BACKOFF: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_secs(60);

/// How to run a scheduler.
#[derive(Clone, Debug)]
pub struct Config {
    /// The apiserver, or the load balancer before the apiservers.
    pub server: SocketAddr,
    /// What holds the leader's lock.
    pub leader_lock: LeaderLock,
    /// Who this one is in the election: unique, `master-a`.
    pub identity: String,
}

/// Where pods were put that the informer does not show there yet: node by key of pod.
type Assumed = Arc<Mutex<BTreeMap<String, String>>>;

/// Runs a scheduler.
///
/// # Errors
/// When it led and lost its lease. It never ends otherwise.
pub async fn run(env: Env, config: Config) -> Result<(), Error> {
    let client = |name: &str| {
        let user = Identity::User("system:kube-scheduler".to_string());
        Client::new(&env, &format!("kube-scheduler/{name}"), config.server, user)
            .with_rate_limit(QPS, BURST)
    };
    let elector = Elector::new(
        &env,
        client("leader-election"),
        config.leader_lock,
        "kube-scheduler",
        &config.identity,
    );
    Ok(elector.lead(schedule(env.clone(), client("scheduler"))).await?)
}

async fn schedule(env: Env, client: Client) {
    let tasks = env.tasks();
    let queue = Arc::new(Queue::default());
    let assumed = Assumed::default();
    let tries: Arc<Mutex<BTreeMap<String, u32>>> = Arc::default();
    let pods = Informer::start(&env, &tasks, &client, "/api/v1/pods");
    pods.subscribe({
        let (queue, assumed, tries) = (queue.clone(), assumed.clone(), tries.clone());
        move |change: &Change| {
            let pod = change.object();
            let gone = matches!(change, Change::Deleted(_));
            if !gone && view::text(pod, "/spec/nodeName").is_empty() {
                // It is asked for again when it fails, not when it changes.
                if matches!(change, Change::Added(_)) {
                    queue.add(&view::key(pod));
                }
            } else {
                assumed.lock().expect("no panic with the lock").remove(&view::key(pod));
                tries.lock().expect("no panic with the lock").remove(&view::key(pod));
            }
        }
    });
    let nodes = Informer::start(&env, &tasks, &client, "/api/v1/nodes");
    pods.synced().await;
    nodes.synced().await;
    let mut rng = env.rng("place");
    let throttle: Arc<Mutex<Throttle>> = Arc::default();
    loop {
        let key = queue.next().await;
        queue.done(&key);
        let Some(pod) = pods.store.get(&key) else { continue };
        let waiting = view::text(&pod, "/spec/nodeName").is_empty()
            && !view::is_terminating(&pod)
            && !assumed.lock().expect("no panic with the lock").contains_key(&key);
        if !waiting {
            continue;
        }
        let pause = {
            let mut tries = tries.lock().expect("no panic with the lock");
            let tries = tries.entry(key.clone()).or_default();
            *tries += 1;
            BACKOFF.saturating_mul(1 << (*tries - 1).min(10)).min(BACKOFF_MAX)
        };
        let chosen = {
            let assumed = assumed.lock().expect("no panic with the lock");
            place::place(&pod, &pods.store.all(), &assumed, &nodes.store.all(), &mut rng)
        };
        let Some(node) = chosen else {
            tell(&throttle, &key, "no node fits");
            queue.add_after(&key, pause);
            continue;
        };
        assumed.lock().expect("no panic with the lock").insert(key.clone(), node.clone());
        let (client, queue, assumed) = (client.clone(), queue.clone(), assumed.clone());
        let throttle = throttle.clone();
        tasks.spawn(async move {
            let (path, binding) = binding(&pod, &node);
            if let Err(error) = client.create(&path, &binding).await {
                assumed.lock().expect("no panic with the lock").remove(&key);
                if !error.is_not_found() {
                    tell(&throttle, &key, &error.to_string());
                    queue.add_after(&key, pause);
                }
            }
        });
    }
}

fn binding(pod: &Value, node: &str) -> (String, Value) {
    let (namespace, name) = (view::namespace(pod), view::name(pod));
    let binding = json!({
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": { "namespace": namespace, "name": name, "uid": view::uid(pod) },
        "target": { "apiVersion": "v1", "kind": "Node", "name": node },
    });
    (format!("/api/v1/namespaces/{namespace}/pods/{name}/binding"), binding)
}

fn tell(throttle: &Mutex<Throttle>, pod: &str, why: &str) {
    if let Some(times) = throttle.lock().expect("no panic with the lock").admit("place") {
        tracing::info!(
            kind = "pod.unschedulable", %pod, times, why,
            "cannot put {pod} on a node: {why}"
        );
    }
}
