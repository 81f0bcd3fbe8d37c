//! A cluster of members, one on each machine, and a machine for clients.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anatomy_proto::etcdserverpb::cluster_client::ClusterClient;
use anatomy_proto::etcdserverpb::kv_client::KvClient;
use anatomy_proto::etcdserverpb::maintenance_client::MaintenanceClient;
use anatomy_proto::etcdserverpb::{
    MemberAddRequest, MemberRemoveRequest, MoveLeaderRequest, PutRequest, RangeRequest,
    RangeResponse, StatusRequest,
};
use bytes::Bytes;
use harness_env::{Env, Tasks};
use harness_sim::{Config, MachineSpec, Process, World};
use mini_etcd::Profile;
use mini_etcd::server::{self, InitialState, run};
use tokio::time::timeout;
use tonic::Status;

use crate::channel::Channel;

pub const ZONES: [&str; 3] = ["a", "b", "c"];

/// The name of the `i`th member's machine; the zones take turns.
pub fn machine(i: usize) -> String {
    format!("etcd-{}{}", ZONES[i % 3], i / 3)
}

/// A world of `members` members in three zones and a client in the first.
pub fn config(seed: u64, members: usize) -> Config {
    let client = MachineSpec::new("client").zone("a");
    (0..members).fold(Config::new(seed).machine(client), |config, i| {
        config.machine(MachineSpec::new(machine(i)).zone(ZONES[i % 3]))
    })
}

/// Where a member serves clients.
pub fn client_addr(world: &World, i: usize) -> SocketAddr {
    SocketAddr::new(world.ip(&machine(i)), 2379)
}

/// Starts the `i`th of `members` members.
pub fn start(world: &World, i: usize, members: usize) -> Process {
    launch(world, i, of(world, i, members))
}

/// Starts the `i`th of `members` members, of which the others run.
pub fn join(world: &World, i: usize, members: usize) -> Process {
    let initial_state = InitialState::Existing;
    launch(world, i, server::Config { initial_state, ..of(world, i, members) })
}

/// What the `i`th of `members` members is told.
pub fn of(world: &World, i: usize, members: usize) -> server::Config {
    let addr = |i: usize| SocketAddr::new(world.ip(&machine(i)), 2380);
    let mut config =
        server::Config::new(&machine(i), client_addr(world, i), addr(i), Profile::V3_2_9);
    config.initial_cluster = (0..members).map(|i| (machine(i), addr(i))).collect();
    config.snapshot_count = 50;
    config.snapshot_portion = 500;
    config.catch_up_entries = 20;
    config
}

/// Starts the `i`th member.
pub fn launch(world: &World, i: usize, config: server::Config) -> Process {
    world.start(&machine(i), "etcd", |env| async move {
        run(env, config, std::future::pending()).await.map_err(|e| e.to_string())
    })
}

/// Runs `task` as a client until it returns.
pub async fn client<T, F>(world: &World, task: impl FnOnce(Env) -> F + Send + 'static) -> T
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let result = Arc::new(Mutex::new(None));
    let slot = result.clone();
    let process = world.start("client", "client", |env| async move {
        let value = task(env).await;
        *slot.lock().unwrap() = Some(value);
        Ok(())
    });
    let exit = process.exited().await;
    let value = result.lock().unwrap().take();
    value.unwrap_or_else(|| panic!("the client ended with {exit:?}"))
}

/// A connection to one member.
pub struct Connection {
    channel: Channel,
    _tasks: Tasks,
}

impl Connection {
    pub async fn open(env: &Env, addr: SocketAddr) -> Option<Connection> {
        let tasks = env.tasks();
        let connecting = Channel::connect(env, &tasks, addr);
        let channel = timeout(Duration::from_secs(2), connecting).await.ok()??;
        Some(Connection { channel, _tasks: tasks })
    }

    fn kv(&self) -> KvClient<Channel> {
        KvClient::with_origin(self.channel.clone(), self.channel.origin.clone())
    }

    /// Puts a pair. Returns its revision.
    pub async fn put(&self, key: &str, value: &str) -> Result<i64, Status> {
        let put = PutRequest {
            key: Bytes::copy_from_slice(key.as_bytes()),
            value: Bytes::copy_from_slice(value.as_bytes()),
            ..PutRequest::default()
        };
        Ok(self.kv().put(put).await?.into_inner().header.unwrap().revision)
    }

    /// Adds a member.
    pub async fn member_add(&self, peer: SocketAddr) -> Result<(), Status> {
        let mut cluster =
            ClusterClient::with_origin(self.channel.clone(), self.channel.origin.clone());
        let peer_ur_ls = vec![format!("http://{peer}")];
        cluster.member_add(MemberAddRequest { peer_ur_ls, is_learner: false }).await.map(drop)
    }

    /// Removes a member.
    pub async fn member_remove(&self, id: u64) -> Result<(), Status> {
        let mut cluster =
            ClusterClient::with_origin(self.channel.clone(), self.channel.origin.clone());
        cluster.member_remove(MemberRemoveRequest { id }).await.map(drop)
    }

    /// The member's id, and the leader's.
    pub async fn status(&self) -> Result<(u64, u64), Status> {
        let status = self.maintenance().status(StatusRequest {}).await?.into_inner();
        Ok((status.header.map_or(0, |header| header.member_id), status.leader))
    }

    /// Asks the leader to make another member the leader.
    pub async fn move_leader(&self, to: u64) -> Result<(), Status> {
        self.maintenance().move_leader(MoveLeaderRequest { target_id: to }).await.map(drop)
    }

    fn maintenance(&self) -> MaintenanceClient<Channel> {
        MaintenanceClient::with_origin(self.channel.clone(), self.channel.origin.clone())
    }

    /// Everything there is.
    pub async fn all(&self) -> Result<RangeResponse, Status> {
        let zero = Bytes::from_static(b"\0");
        let range = RangeRequest { key: zero.clone(), range_end: zero, ..RangeRequest::default() };
        Ok(self.kv().range(range).await?.into_inner())
    }
}

/// Puts a pair through whichever of `addrs` takes it, within `limit`.
pub async fn put_somewhere(
    env: &Env,
    addrs: &[SocketAddr],
    key: &str,
    limit: Duration,
) -> Option<i64> {
    let trying = async {
        loop {
            for addr in addrs {
                let attempt = async {
                    let connection = Connection::open(env, *addr).await?;
                    connection.put(key, "v").await.ok()
                };
                if let Ok(Some(revision)) = timeout(Duration::from_secs(8), attempt).await {
                    return revision;
                }
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    timeout(limit, trying).await.ok()
}
