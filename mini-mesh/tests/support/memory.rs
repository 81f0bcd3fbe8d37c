//! Machines whose network is a map of listeners.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use harness_env::host::BoxFuture;
use harness_env::{Disk, Env, Host, Identity, Listener, Stream, Wall};
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

type Queue = mpsc::UnboundedSender<Pipe>;

/// The network. An address nobody ever listened on swallows connections; one that was given up
/// refuses them.
#[derive(Clone, Default)]
pub struct World {
    listeners: Arc<Mutex<BTreeMap<SocketAddr, Queue>>>,
}

impl World {
    pub fn env(&self, process: &str, ip: IpAddr) -> Env {
        let identity = Identity {
            machine: process.into(),
            zone: String::new(),
            process: process.into(),
            incarnation: 0,
            ip,
        };
        Env::new(Arc::new(Machine { identity, world: self.clone() }))
    }
}

struct Machine {
    identity: Identity,
    world: World,
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
        let (sender, accepted) = mpsc::unbounded_channel();
        self.world.listeners.lock().unwrap().insert(addr, sender);
        let accepted = tokio::sync::Mutex::new(accepted);
        Box::pin(async move { Ok(Box::new(Accepting { addr, accepted }) as _) })
    }

    fn connect(&self, peer: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Stream>>> {
        let local = SocketAddr::new(self.identity.ip, 50_000);
        let queue = self.world.listeners.lock().unwrap().get(&peer).cloned();
        Box::pin(async move {
            let Some(queue) = queue else { std::future::pending().await };
            let (near, far) = tokio::io::duplex(64 << 10);
            let far = Pipe { stream: far, local: peer, peer: local };
            queue.send(far).map_err(|_| io::Error::from(io::ErrorKind::ConnectionRefused))?;
            Ok(Box::new(Pipe { stream: near, local, peer }) as _)
        })
    }

    fn disk(&self) -> Arc<dyn Disk> {
        unimplemented!("the mesh has no disk")
    }

    fn wall(&self) -> Wall {
        Wall(0)
    }

    fn stream(&self, what: &str) -> u64 {
        harness_env::rng::derive(7, what)
    }

    fn work(&self, _cpu: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }

    fn preemption(&self) -> f64 {
        0.0
    }
}

struct Accepting {
    addr: SocketAddr,
    accepted: tokio::sync::Mutex<mpsc::UnboundedReceiver<Pipe>>,
}

#[async_trait]
impl Listener for Accepting {
    async fn accept(&self) -> io::Result<Box<dyn Stream>> {
        let pipe = self.accepted.lock().await.recv().await;
        Ok(Box::new(pipe.ok_or(io::ErrorKind::NotConnected)?))
    }

    fn local_addr(&self) -> SocketAddr {
        self.addr
    }
}

struct Pipe {
    stream: DuplexStream,
    local: SocketAddr,
    peer: SocketAddr,
}

impl Stream for Pipe {
    fn local_addr(&self) -> SocketAddr {
        self.local
    }

    fn peer_addr(&self) -> SocketAddr {
        self.peer
    }
}

harness_env::forward_io!(Pipe, stream);
