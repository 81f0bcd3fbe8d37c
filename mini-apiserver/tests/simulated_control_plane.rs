//! A control plane in the simulator: a node that dies, a leader that dies, and one run per seed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness_env::Env;
use harness_env::host::BoxFuture;
use harness_sim::{Config, MachineSpec, Process, Report, World};
use mini_apiserver::kubelet::{Runtime, Sandbox};
use mini_apiserver::rest_client::{Client, Identity};
use mini_apiserver::{Version, apiserver, controllers, kubelet, scheduler};
use mini_etcd::client::Generation;
use mini_etcd::{Profile, server};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const DEPLOYMENTS: &str = "/apis/extensions/v1beta1/namespaces/default/deployments";
const SERVICES: &str = "/api/v1/namespaces/default/services";
const ENDPOINTS: &str = "/api/v1/namespaces/default/endpoints";
const NODES: [&str; 3] = ["node-a", "node-b", "node-c"];
const SERVICE_COUNT: usize = 8;
const REPLICAS: usize = 3;

/// Containers that a machine loses when its power goes.
#[derive(Clone, Default)]
struct Containers(Arc<Mutex<BTreeSet<String>>>);

impl Runtime for Containers {
    fn start(&self, sandbox: Sandbox) -> BoxFuture<'static, Result<(), String>> {
        self.0.lock().expect("no panic").insert(sandbox.uid);
        Box::pin(async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(())
        })
    }

    fn stop(&self, uid: &str, _: Duration) -> BoxFuture<'static, ()> {
        self.0.lock().expect("no panic").remove(uid);
        Box::pin(tokio::time::sleep(Duration::from_secs(2)))
    }

    fn running(&self) -> Vec<String> {
        self.0.lock().expect("no panic").iter().cloned().collect()
    }
}

fn start_etcd(world: &World) -> Process {
    world.start("etcd", "etcd", |env| async move {
        let at = |port| SocketAddr::new(env.ip(), port);
        let config = server::Config::new("e1", at(2379), at(2380), Profile::V3_2_9);
        server::run(env.clone(), config, std::future::pending()).await.map_err(|e| e.to_string())
    })
}

fn start_apiserver(world: &World) -> Process {
    let etcd = SocketAddr::new(world.ip("etcd"), 2379);
    world.start("api", "apiserver", move |env| async move {
        let config = apiserver::Config::new(8080, vec![etcd], Generation::Grpc105, Version::V1_7);
        apiserver::run(env, config).await.map_err(|error| error.to_string())
    })
}

fn start_controllers(world: &World, machine: &'static str) -> Process {
    let server = SocketAddr::new(world.ip("api"), 8080);
    start_controllers_of(world, machine, server, Version::V1_7)
}

fn start_controllers_of(
    world: &World,
    machine: &'static str,
    server: SocketAddr,
    version: Version,
) -> Process {
    world.start(machine, "controller-manager", move |env| async move {
        let config = controllers::Config {
            server,
            leader_lock: controllers::LeaderLock::Endpoints,
            identity: machine.to_string(),
            version,
        };
        controllers::run(env, config).await.map_err(|error| error.to_string())
    })
}

fn start_scheduler(world: &World) -> Process {
    let server = SocketAddr::new(world.ip("api"), 8080);
    world.start("master-a", "scheduler", move |env| async move {
        let leader_lock = controllers::LeaderLock::ConfigMaps;
        let config = scheduler::Config { server, leader_lock, identity: "master-a".into() };
        scheduler::run(env, config).await.map_err(|error| error.to_string())
    })
}

fn start_kubelet(world: &World, index: usize, runtime: Containers) -> Process {
    let server = SocketAddr::new(world.ip("api"), 8080);
    world.start(NODES[index], "kubelet", move |env| async move {
        let config = kubelet::Config {
            node: NODES[index].to_string(),
            zone: NODES[index].trim_start_matches("node-").to_string(),
            labels: BTreeMap::new(),
            server,
            pod_ips: (0..250).map(|n| IpAddr::from([10, 9, index as u8, n])).collect(),
            runtime: Arc::new(runtime),
        };
        kubelet::run(env, config).await.map_err(|error| error.to_string())
    })
}

fn service(index: usize) -> (Value, Value) {
    let labels = json!({"app": format!("s{index}")});
    let service = json!({
        "metadata": {"name": format!("s{index}")},
        "spec": {"selector": labels, "ports": [{"port": 80}]},
    });
    let deployment = json!({
        "metadata": {"name": format!("s{index}")},
        "spec": {"replicas": REPLICAS, "template": {
            "metadata": {"labels": labels},
            "spec": {"containers": [{"name": "main", "image": "s:1"}]},
        }},
    });
    (service, deployment)
}

/// Waits until each Service has its addresses, none of them on `without`; how long that took.
async fn settled(client: &Client, without: &str) -> Duration {
    let begun = tokio::time::Instant::now();
    loop {
        tokio::time::sleep(Duration::from_secs(5)).await;
        let Ok(list) = client.list(ENDPOINTS).await else { continue };
        let whole = list["items"].as_array().into_iter().flatten().filter(|object| {
            let subsets = object["subsets"].as_array().cloned().unwrap_or_default();
            let addresses: Vec<Value> = subsets
                .iter()
                .flat_map(|subset| subset["addresses"].as_array().cloned().unwrap_or_default())
                .collect();
            addresses.len() == REPLICAS
                && addresses.iter().all(|address| address["nodeName"] != without)
        });
        if whole.count() == SERVICE_COUNT {
            return begun.elapsed();
        }
        assert!(begun.elapsed() < Duration::from_secs(3600), "it never settled: {list:#}");
    }
}

/// What a person at a terminal does, and what it takes.
async fn person(env: Env, server: SocketAddr, lost: &'static str) -> Result<Duration, String> {
    let client = Client::new(&env, "kubectl", server, Identity::User("me".into()));
    if lost.is_empty() {
        while client.list(SERVICES).await.is_err() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        for index in 0..SERVICE_COUNT {
            let (service, deployment) = service(index);
            client.create(SERVICES, &service).await.map_err(|error| error.to_string())?;
            client.create(DEPLOYMENTS, &deployment).await.map_err(|error| error.to_string())?;
        }
    }
    Ok(settled(&client, lost).await)
}

async fn ask(world: &World, name: &str, lost: &'static str) -> Duration {
    let server = SocketAddr::new(world.ip("api"), 8080);
    let took = Arc::new(Mutex::new(Duration::ZERO));
    let shared = took.clone();
    let person = world.start("desk", name, move |env| async move {
        let taken = person(env, server, lost).await?;
        *shared.lock().expect("no panic") = taken;
        Ok::<(), String>(())
    });
    assert_eq!(person.exited().await, harness_sim::Exit::Returned(Ok(())));
    *took.lock().expect("no panic")
}

fn run(seed: u64) -> Report<Vec<Duration>> {
    let machines = ["etcd", "api", "master-a", "master-b", "desk"].into_iter().chain(NODES);
    let config =
        machines.fold(Config::new(seed), |config, name| config.machine(MachineSpec::new(name)));
    harness_sim::run(config, |world| async move {
        let _etcd = start_etcd(&world);
        let _apiserver = start_apiserver(&world);
        let leader = start_controllers(&world, "master-a");
        tokio::time::sleep(Duration::from_secs(5)).await;
        let _standby = start_controllers(&world, "master-b");
        let _scheduler = start_scheduler(&world);
        let runtimes: Vec<Containers> = NODES.iter().map(|_| Containers::default()).collect();
        let mut kubelets = Vec::new();
        for (index, runtime) in runtimes.iter().enumerate() {
            kubelets.push(start_kubelet(&world, index, runtime.clone()));
        }
        let mut took = vec![ask(&world, "deploy", "").await];
        // The leader dies, and a node with it.
        world.kill(&leader);
        world.kill(&kubelets[2]);
        took.push(ask(&world, "await", NODES[2]).await);
        // The node comes back: its pods were deleted meanwhile.
        let _kubelet = start_kubelet(&world, 2, runtimes[2].clone());
        tokio::time::sleep(Duration::from_secs(120)).await;
        assert!(runtimes[2].running().is_empty(), "it stopped what it was not to run");
        took
    })
}

#[test]
fn a_lost_node_and_a_lost_leader_are_made_up_for() {
    let report = run(1);
    let [deploy, recover] = report.result[..] else { panic!("{:?}", report.result) };
    assert!(deploy < Duration::from_secs(120), "{deploy:?}");
    let eviction = Duration::from_secs(5 * 60 + 40);
    assert!(recover > eviction && recover < 2 * eviction, "{recover:?}");
    let leaders: Vec<_> = report
        .events
        .iter()
        .filter(|event| event.kind == "leader.acquired" && event.process == "controller-manager")
        .map(|event| event.machine.as_str())
        .collect();
    assert_eq!(leaders, ["master-a", "master-b"]);
}

#[test]
fn a_seed_has_one_run_of_the_whole_control_plane() {
    assert_eq!(run(7).digest, run(7).digest);
}

/// Passes connections on to `server` and counts the requests that begin with `line`.
async fn count(
    env: Env,
    server: SocketAddr,
    line: &'static str,
    counted: Arc<Mutex<usize>>,
) -> Result<(), String> {
    let tasks = env.tasks();
    let listener = env.listen_port(8080).await.map_err(|error| error.to_string())?;
    loop {
        let client = listener.accept().await.map_err(|error| error.to_string())?;
        let (env, counted) = (env.clone(), counted.clone());
        tasks.spawn(async move {
            let Ok(server) = env.connect(server).await else { return };
            let (mut from_client, mut to_client) = tokio::io::split(client);
            let (mut from_server, mut to_server) = tokio::io::split(server);
            let requests = async {
                let mut buffer = vec![0; 64 * 1024];
                while let Ok(n @ 1..) = from_client.read(&mut buffer).await {
                    *counted.lock().expect("no panic") +=
                        usize::from(buffer[..n].starts_with(line.as_bytes()));
                    if to_server.write_all(&buffer[..n]).await.is_err() {
                        return;
                    }
                }
            };
            // Either end may close first; the other learns it from the drop.
            let (_, _) = tokio::join!(requests, tokio::io::copy(&mut from_server, &mut to_client));
        });
    }
}

/// How often the controllers of a version read the Endpoints object of a Service in two minutes.
fn reads_in_two_minutes(version: Version) -> usize {
    let machines = ["etcd", "api", "master-a", "desk"];
    let config = machines
        .iter()
        .fold(Config::new(5), |config, name| config.machine(MachineSpec::new(*name)));
    let report = harness_sim::run(config, move |world| async move {
        let _etcd = start_etcd(&world);
        let _apiserver = start_apiserver(&world);
        let server = SocketAddr::new(world.ip("api"), 8080);
        let counted = Arc::new(Mutex::new(0));
        let counter = counted.clone();
        let _counter = world.start("desk", "counter", move |env| {
            count(env, server, "GET /api/v1/namespaces/default/endpoints/web ", counter)
        });
        let through = SocketAddr::new(world.ip("desk"), 8080);
        let _controllers = start_controllers_of(&world, "master-a", through, version);
        let person = world.start("desk", "person", move |env| async move {
            let user = Identity::User("person".to_string());
            let client = Client::new(&env, "kubectl", server, user);
            let service = json!({
                "apiVersion": "v1", "kind": "Service", "metadata": { "name": "web" },
                "spec": { "selector": { "app": "web" }, "ports": [{ "port": 80 }] },
            });
            while client.create(SERVICES, &service).await.is_err() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Ok::<(), String>(())
        });
        assert_eq!(person.exited().await, harness_sim::Exit::Returned(Ok(())));
        tokio::time::sleep(Duration::from_secs(120)).await;
        *counted.lock().expect("no panic")
    });
    report.result
}

#[test]
fn up_to_1_7_every_service_is_read_again_every_30_seconds() {
    let reads = [Version::V1_5, Version::V1_7, Version::V1_8].map(reads_in_two_minutes);
    assert!((4..=6).contains(&reads[0]) && reads[0] == reads[1], "{reads:?}");
    assert_eq!(reads[2], 0, "1.8 looks at its informer");
}
