//! A few members on this machine.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anatomy_proto::etcdserverpb::cluster_client::ClusterClient;
use anatomy_proto::etcdserverpb::kv_client::KvClient;
use anatomy_proto::etcdserverpb::lease_client::LeaseClient;
use anatomy_proto::etcdserverpb::maintenance_client::MaintenanceClient;
use anatomy_proto::etcdserverpb::watch_client::WatchClient;
use anatomy_proto::etcdserverpb::{PutRequest, RangeRequest, StatusRequest};
use bytes::Bytes;
use harness_env::real::Machine;
use harness_env::{Env, Task, Tasks};
use mini_etcd::Profile;
use mini_etcd::server::{Config, run};
use tokio::sync::oneshot;
use tonic::Status;

use crate::channel::Channel;
use crate::port;

/// A directory that goes away.
pub struct Dir(PathBuf);

impl Dir {
    pub fn new(test: &str) -> Dir {
        let path = std::env::temp_dir().join(format!("mini-etcd-{}-{test}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Dir(path)
    }
}

impl AsRef<Path> for Dir {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

pub struct Member {
    pub config: Config,
    running: Option<(Task, oneshot::Sender<()>)>,
}

pub struct World {
    pub env: Env,
    pub tasks: Tasks,
    pub members: Vec<Member>,
    dir: Dir,
}

impl World {
    /// `count` members that begin a cluster.
    pub fn new(test: &str, count: usize, profile: Profile) -> World {
        let dir = Dir::new(test);
        let env = Machine::new("etcd", dir.as_ref()).env();
        let addrs: Vec<_> = (0..count).map(|_| (port::free(), port::free())).collect();
        let cluster: Vec<_> =
            addrs.iter().enumerate().map(|(i, (_, peer))| (format!("m{i}"), *peer)).collect();
        let members = addrs.iter().enumerate().map(|(i, (client, peer))| {
            let mut config = Config::new(&format!("m{i}"), *client, *peer, profile);
            config.initial_cluster = cluster.clone();
            // Faster than etcd, so that tests are.
            config.heartbeat = Duration::from_millis(20);
            config.election = Duration::from_millis(300);
            Member { config, running: None }
        });
        let members = members.collect();
        let mut world = World { tasks: env.tasks(), env, members, dir };
        (0..count).for_each(|i| world.start(i));
        world
    }

    /// One more member.
    pub fn add(&mut self, config: Config) {
        self.members.push(Member { config, running: None });
        self.start(self.members.len() - 1);
    }

    pub fn start(&mut self, i: usize) {
        let config = self.members[i].config.clone();
        // A machine of its own, and so random numbers of its own.
        let env = Machine::new(&config.name, self.dir.as_ref()).env();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = self.tasks.spawn_owned(async move {
            let stop = async { drop(stopped.await) };
            if let Err(error) = run(env, config, stop).await {
                eprintln!("a member failed: {error}");
            }
        });
        self.members[i].running = Some((task, stop));
    }

    /// The process is gone from one moment to the next.
    pub async fn kill(&mut self, i: usize) {
        self.members[i].running = None;
        // Its tasks end when the runtime comes to them.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    /// As SIGTERM. Returns when the member has ended.
    pub async fn stop(&mut self, i: usize) {
        let (task, stop) = self.members[i].running.take().unwrap();
        stop.send(()).unwrap();
        while !task.is_finished() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub fn has_ended(&self, i: usize) -> bool {
        self.members[i].running.as_ref().is_none_or(|(task, _)| task.is_finished())
    }

    /// A connection to a member, once it answers.
    pub async fn client(&self, i: usize) -> Client {
        Client::connect(&self.env, &self.tasks, self.members[i].config.client_addrs[0]).await
    }
}

/// A client of one member.
#[derive(Clone)]
pub struct Client(Channel);

impl Client {
    /// A connection to a member, once it answers.
    pub async fn connect(env: &Env, tasks: &Tasks, addr: SocketAddr) -> Client {
        loop {
            if let Some(channel) = Channel::connect(env, tasks, addr).await {
                let client = Client(channel);
                let mut maintenance = client.maintenance();
                let status = maintenance.status(StatusRequest {});
                if let Ok(Ok(_)) = tokio::time::timeout(Duration::from_secs(2), status).await {
                    return client;
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub fn channel(&self) -> Channel {
        self.0.clone()
    }
    pub fn origin(&self) -> http::Uri {
        self.0.origin.clone()
    }
    pub fn kv(&self) -> KvClient<Channel> {
        KvClient::with_origin(self.0.clone(), self.0.origin.clone())
    }
    pub fn watch(&self) -> WatchClient<Channel> {
        WatchClient::with_origin(self.0.clone(), self.0.origin.clone())
    }
    pub fn lease(&self) -> LeaseClient<Channel> {
        LeaseClient::with_origin(self.0.clone(), self.0.origin.clone())
    }
    pub fn cluster(&self) -> ClusterClient<Channel> {
        ClusterClient::with_origin(self.0.clone(), self.0.origin.clone())
    }
    pub fn maintenance(&self) -> MaintenanceClient<Channel> {
        MaintenanceClient::with_origin(self.0.clone(), self.0.origin.clone())
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

    /// The value of a key.
    pub async fn get(&self, key: &str) -> Result<Option<String>, Status> {
        let key = Bytes::copy_from_slice(key.as_bytes());
        let response = self.kv().range(RangeRequest { key, ..RangeRequest::default() }).await?;
        let kv = response.into_inner().kvs.pop();
        Ok(kv.map(|kv| String::from_utf8(kv.value.to_vec()).unwrap()))
    }
}
