//! The workers: a kubelet each, and the container engine that runs what the kubelet asks for.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness_env::host::BoxFuture;
use harness_env::{Env, Rng};
use harness_sim::{Process, World};
use mini_apiserver::kubelet::{self, Runtime, Sandbox};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::images::Images;
use super::topology::{Topology, Worker};
use super::unit::{Program, Supervised, Unit, asked};

/// From the order to start a container to its program listening: seconds for an image that is on
/// the node. An estimate.
const STARTING: std::ops::Range<Duration> = Duration::from_secs(1)..Duration::from_secs(4);

/// Starts the kubelets. Their pods are no units: they run on when a kubelet is killed.
pub fn start(world: World, topology: &Topology, images: &Arc<Images>) -> Vec<Supervised> {
    let mut workers = Vec::new();
    for worker in &topology.workers {
        let engine = Arc::new(Engine {
            world,
            worker: worker.clone(),
            images: images.clone(),
            pods: Arc::default(),
            last: Mutex::default(),
            pace: Mutex::new(world.rng(&format!("engine/{}", worker.place.name))),
        });
        let config = kubelet::Config {
            node: worker.place.name.clone(),
            zone: worker.place.zone.clone(),
            labels: BTreeMap::new(),
            server: topology.api(),
            pod_ips: Vec::new(),
            runtime: engine.clone(),
        };
        let program: Program = Arc::new(move |env: Env, _| {
            let config = kubelet::Config { pod_ips: engine.addresses(), ..config.clone() };
            Box::pin(async move { kubelet::run(env, config).await.map_err(|e| e.to_string()) })
        });
        let unit = Unit::new(world, &worker.place.name, "kubelet", program);
        unit.start();
        workers.push(Supervised { place: worker.place.clone(), units: vec![unit] });
    }
    workers
}

/// The container engine of a node. It outlives the kubelet. After a power loss nothing of it runs, and
/// the kubelet starts the node's pods again.
struct Engine {
    world: World,
    worker: Worker,
    images: Arc<Images>,
    pods: Arc<Mutex<BTreeMap<String, Pod>>>,
    /// The last address that a pod was given. `host-local` keeps it on the disk.
    last: Mutex<Option<IpAddr>>,
    pace: Mutex<Rng>,
}

impl Engine {
    /// The node's addresses for pods as a new kubelet gives them out: those behind the last one first.
    fn addresses(&self) -> Vec<IpAddr> {
        let mut all = self.worker.pod_ips.clone();
        let last = *self.last.lock().expect("no panic while locked");
        if let Some(at) = all.iter().position(|ip| Some(*ip) == last) {
            all.rotate_left(at + 1);
        }
        all
    }
}

struct Pod {
    process: Process,
    ask: watch::Sender<bool>,
}

impl Runtime for Engine {
    fn start(&self, sandbox: Sandbox) -> BoxFuture<'static, Result<(), String>> {
        let takes = self.pace.lock().expect("no panic while locked").duration(STARTING);
        let program = self.images.program(&sandbox, &self.worker);
        let (world, machine) = (self.world, self.worker.place.name.clone());
        let pods = self.pods.clone();
        if self.worker.pod_ips.contains(&sandbox.ip) {
            *self.last.lock().expect("no panic while locked") = Some(sandbox.ip);
        }
        Box::pin(async move {
            let program = program?;
            sleep(takes).await;
            let (ask, mut stopping) = watch::channel(false);
            let process = world.start_at(&machine, &sandbox.name, sandbox.ip, |env| async move {
                tokio::select! {
                    biased;
                    result = program(env) => result,
                    () = asked(&mut stopping) => Ok(()),
                }
            });
            pods.lock().expect("no panic while locked").insert(sandbox.uid, Pod { process, ask });
            Ok(())
        })
    }

    fn stop(&self, uid: &str, grace: Duration) -> BoxFuture<'static, ()> {
        let pod = self.pods.lock().expect("no panic while locked").remove(uid);
        let world = self.world;
        Box::pin(async move {
            let Some(pod) = pod else { return };
            pod.ask.send_replace(true);
            if timeout(grace, pod.process.exited()).await.is_err() {
                world.kill(&pod.process);
            }
        })
    }

    fn running(&self) -> Vec<String> {
        let pods = self.pods.lock().expect("no panic while locked");
        let alive = |(uid, pod): (&String, &Pod)| pod.process.is_alive().then(|| uid.clone());
        pods.iter().filter_map(alive).collect()
    }
}
