//! Servers as processes on this machine.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

use crate::port;

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Mini,
    Etcd,
}

/// A directory that goes away.
pub struct Dir(PathBuf);

impl Dir {
    pub fn new(test: &str) -> Dir {
        let path = std::env::temp_dir().join(format!("etcdctl-{}-{test}", std::process::id()));
        drop(std::fs::remove_dir_all(&path));
        std::fs::create_dir_all(&path).unwrap();
        Dir(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// What is to run where.
#[derive(Clone)]
pub struct Member {
    pub name: String,
    pub client: SocketAddr,
    pub peer: SocketAddr,
}

impl Member {
    pub fn new(name: &str) -> Member {
        Member { name: name.into(), client: port::free(), peer: port::free() }
    }
}

/// A running server; killed when this is dropped.
pub struct Server {
    child: Child,
}

impl Server {
    /// Starts a member of the cluster of `all`, with further flags.
    pub fn start(kind: Kind, dir: &Dir, member: &Member, all: &[Member], more: &[&str]) -> Server {
        let program = match kind {
            Kind::Mini => env!("CARGO_BIN_EXE_mini-etcd"),
            Kind::Etcd => "etcd",
        };
        let (client, peer) =
            (format!("http://{}", member.client), format!("http://{}", member.peer));
        let cluster: Vec<String> =
            all.iter().map(|m| format!("{}=http://{}", m.name, m.peer)).collect();
        let log = std::fs::File::create(dir.path().join(format!("{}.log", member.name))).unwrap();
        let child = Command::new(program)
            .args(["--name", &member.name, "--data-dir"])
            .arg(dir.path().join(&member.name))
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &cluster.join(",")])
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Server { child }
    }

    /// As SIGTERM. Returns whether it ended well.
    pub async fn terminate(&mut self) -> bool {
        let id = self.child.id().expect("it runs").to_string();
        Command::new("kill").args(["-TERM", &id]).status().await.unwrap();
        let ended = tokio::time::timeout(Duration::from_secs(30), self.child.wait()).await;
        ended.expect("it ends").unwrap().success()
    }

    /// Returns when it has ended by itself.
    pub async fn ended(&mut self) {
        self.child.wait().await.unwrap();
    }
}
