//! The ports on a real machine: TCP, a directory as the disk, the system's clock and entropy.
//!
//! Programs run on a `current_thread` tokio runtime, as they do in the simulator.

mod disk;
mod net;
#[cfg(test)]
mod tests;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::task::AbortHandle;

use crate::disk::Disk;
use crate::env::Env;
use crate::host::{BoxFuture, Host, Identity};
use crate::net::{Listener, Stream};
use crate::rng::derive;
use crate::wall::Wall;

/// A real machine.
pub struct Machine {
    identity: Identity,
    root: PathBuf,
    key: u64,
}

impl Machine {
    /// A program called `process` that sees `root` as its disk and listens on all addresses.
    pub fn new(process: &str, root: impl Into<PathBuf>) -> Self {
        let identity = Identity {
            machine: "localhost".into(),
            zone: String::new(),
            process: process.into(),
            incarnation: 0,
            ip: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        };
        Machine { identity, root: root.into(), key: entropy() }
    }

    /// The same, listening on `ip` where the program asks for its own address.
    #[must_use]
    pub fn with_ip(mut self, ip: IpAddr) -> Self {
        self.identity.ip = ip;
        self
    }

    /// The handle for the program.
    pub fn env(self) -> Env {
        Env::new(Arc::new(self))
    }
}

/// 64 bits that differ from start to start.
fn entropy() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::hash::RandomState::new().build_hasher().finish()
}

impl Host for Machine {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    #[expect(clippy::disallowed_methods, reason = "Tasks::spawn ends here")]
    fn spawn(&self, future: BoxFuture<'static, ()>) -> AbortHandle {
        tokio::spawn(future).abort_handle()
    }

    fn listen(&self, addr: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Listener>>> {
        Box::pin(net::listen(addr))
    }

    fn connect(&self, addr: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Stream>>> {
        Box::pin(net::connect(addr))
    }

    fn disk(&self) -> Arc<dyn Disk> {
        Arc::new(disk::Directory::new(self.root.clone()))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the wall clock of a real machine")]
    fn wall(&self) -> Wall {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Wall(since.as_nanos() as i64)
    }

    fn stream(&self, what: &str) -> u64 {
        derive(self.key, what)
    }

    fn work(&self, _cpu: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }

    fn preemption(&self) -> f64 {
        0.0
    }
}
