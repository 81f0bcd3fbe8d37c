//! [`harness_env::Host`] for a process of the world.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use harness_env::host::{BoxFuture, Host, Identity};
use harness_env::{Disk, Listener, Stream, Wall, rng};
use tokio::task::AbortHandle;

use crate::process::{ProcessId, spawn_in};
use crate::state::with_state;
use crate::{cpu, disk, socket};

/// The ports of one process. Everything behind it is the run's, found through its thread.
pub(crate) struct SimHost {
    pub process: ProcessId,
    pub machine: usize,
    pub identity: Identity,
    /// The key of the process's random streams.
    pub key: u64,
}

impl Host for SimHost {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn spawn(&self, future: BoxFuture<'static, ()>) -> AbortHandle {
        spawn_in(self.process, future)
    }

    fn listen(&self, addr: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Listener>>> {
        Box::pin(socket::listen(self.process, addr))
    }

    fn connect(&self, addr: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Stream>>> {
        Box::pin(socket::connect(self.process, addr))
    }

    fn disk(&self) -> Arc<dyn Disk> {
        Arc::new(disk::SimDisk::new(self.machine, &self.identity.process))
    }

    fn wall(&self) -> Wall {
        with_state(|state| state.wall(state.machines[self.machine].skew)).unwrap_or_default()
    }

    fn stream(&self, what: &str) -> u64 {
        rng::derive(self.key, what)
    }

    fn work(&self, cpu: Duration) -> BoxFuture<'static, ()> {
        let machine = self.machine;
        Box::pin(async move {
            let until = with_state(|state| {
                let now = tokio::time::Instant::now();
                cpu::book(&mut state.machines[machine], now, cpu)
            });
            if let Some(Some(until)) = until {
                tokio::time::sleep_until(until).await;
            }
        })
    }

    fn preemption(&self) -> f64 {
        with_state(|state| state.preemption).unwrap_or(0.0)
    }
}
