//! [`harness_env::Host`] for the program of a turmoil host.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness_env::host::{BoxFuture, Host, Identity};
use harness_env::{Disk, Listener, Stream, Wall, rng};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::disk::{ClassicDisk, Store};
use crate::net;

/// As many as a machine of harness-sim has where nothing else is said.
const CORES: usize = 2;
/// The grain of tokio's clock: shorter work is waited for when it adds up.
const GRAIN: Duration = Duration::from_millis(1);

pub(crate) struct ClassicHost {
    identity: Identity,
    key: u64,
    epoch: Wall,
    store: Arc<Store>,
    /// When each core is free again.
    cores: Arc<Mutex<[Option<Instant>; CORES]>>,
}

impl ClassicHost {
    pub fn new(identity: Identity, key: u64, epoch: Wall, store: Arc<Store>) -> Self {
        ClassicHost { identity, key, epoch, store, cores: Arc::default() }
    }
}

impl Host for ClassicHost {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    #[expect(clippy::disallowed_methods, reason = "Tasks::spawn on a turmoil host ends here")]
    fn spawn(&self, future: BoxFuture<'static, ()>) -> AbortHandle {
        tokio::spawn(future).abort_handle()
    }

    fn listen(&self, addr: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Listener>>> {
        Box::pin(net::listen(self.identity.ip, addr))
    }

    fn connect(&self, addr: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Stream>>> {
        Box::pin(net::connect(addr))
    }

    fn disk(&self) -> Arc<dyn Disk> {
        Arc::new(ClassicDisk(self.store.clone()))
    }

    fn wall(&self) -> Wall {
        self.epoch.after(turmoil::sim_elapsed().unwrap_or_default())
    }

    fn stream(&self, what: &str) -> u64 {
        rng::derive(self.key, what)
    }

    fn work(&self, cpu: Duration) -> BoxFuture<'static, ()> {
        let cores = self.cores.clone();
        Box::pin(async move {
            let now = Instant::now();
            let done = {
                let mut cores = cores.lock().expect("no panic while locked");
                let core = cores.iter_mut().min().expect("there is a core");
                let done = core.map_or(now, |free| free.max(now)) + cpu;
                *core = Some(done);
                done
            };
            if done >= now + GRAIN {
                tokio::time::sleep_until(done).await;
            }
        })
    }

    fn preemption(&self) -> f64 {
        0.0
    }
}
