//! The apiserver in the simulator: what its clients see of a restart of etcd and of its own.

use std::net::SocketAddr;
use std::time::Duration;

use harness_env::Env;
use harness_sim::{Config, MachineSpec, Process, Report, World};
use mini_apiserver::Version;
use mini_apiserver::apiserver;
use mini_apiserver::rest_client::{Client, EventType, Identity, WatchStream};
use mini_etcd::client::Generation;
use mini_etcd::{Profile, server};
use serde_json::json;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

fn start_etcd(world: &World) -> Process {
    world.start("etcd", "etcd", |env| async move {
        let at = |port| SocketAddr::new(env.ip(), port);
        let config = server::Config::new("e1", at(2379), at(2380), Profile::V3_2_9);
        server::run(env.clone(), config, std::future::pending()).await.map_err(|e| e.to_string())
    })
}

fn start_apiserver(world: &World) -> Process {
    let etcd = SocketAddr::new(world.ip("etcd"), 2379);
    world.start("master", "apiserver", move |env| async move {
        let generation: Generation = "grpc-1.0.5".parse().map_err(|_| "no such generation")?;
        let config = apiserver::Config::new(8080, vec![etcd], generation, Version::V1_7);
        apiserver::run(env, config).await.map_err(|error| error.to_string())
    })
}

async fn create(client: &Client, name: &str) {
    let map = json!({"metadata": {"name": name}});
    while client.create(MAPS, &map).await.is_err_and(|error| !error.is_already_exists()) {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn next(watch: &mut WatchStream) -> Option<(EventType, String)> {
    let (what, object) = watch.next().await?.ok()?;
    Some((what, object["metadata"]["name"].as_str().unwrap_or_default().to_string()))
}

/// What a client on a node sees.
async fn client(env: Env, server: SocketAddr) -> Result<(), String> {
    let client = Client::new(&env, "tester", server, Identity::User("tester".into()));
    create(&client, "before").await;
    let mut watch = client.watch(&format!("{MAPS}?watch=true")).await.map_err(|e| e.to_string())?;
    assert_eq!(next(&mut watch).await, Some((EventType::Added, "before".into())));
    tokio::time::sleep(Duration::from_secs(60)).await;
    create(&client, "after").await;
    // The client of etcd has taken its watch up again: the cache noticed nothing.
    assert_eq!(next(&mut watch).await, Some((EventType::Added, "after".into())));
    // Then the server is restarted.
    assert_eq!(next(&mut watch).await, None);
    tokio::time::sleep(Duration::from_secs(10)).await;
    let list = client.list(MAPS).await.map_err(|error| error.to_string())?;
    assert_eq!(list["items"].as_array().map(Vec::len), Some(2));
    Ok(())
}

fn run(seed: u64) -> Report<()> {
    let config = ["etcd", "master", "node"]
        .into_iter()
        .fold(Config::new(seed), |config, name| config.machine(MachineSpec::new(name)));
    harness_sim::run(config, |world| async move {
        let etcd = start_etcd(&world);
        let apiserver = start_apiserver(&world);
        let server = SocketAddr::new(world.ip("master"), 8080);
        let node = world.start("node", "client", move |env| client(env, server));
        tokio::time::sleep(Duration::from_secs(30)).await;
        world.kill(&etcd);
        tokio::time::sleep(Duration::from_secs(5)).await;
        let _etcd = start_etcd(&world);
        tokio::time::sleep(Duration::from_secs(60)).await;
        world.kill(&apiserver);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let _apiserver = start_apiserver(&world);
        let exit = node.exited().await;
        assert_eq!(exit, harness_sim::Exit::Returned(Ok(())));
        // Nobody asks for anything: an hour of that must cost next to nothing.
        tokio::time::sleep(Duration::from_secs(3600)).await;
    })
}

#[test]
fn clients_see_the_restart_of_the_server_and_not_that_of_etcd() {
    let report = run(1);
    let started = report.events.iter().filter(|event| event.kind == "apiserver.started");
    assert_eq!(started.count(), 2);
}

#[test]
fn a_seed_has_one_run() {
    assert_eq!(run(7).digest, run(7).digest);
    assert_ne!(run(7).digest, run(8).digest);
}
