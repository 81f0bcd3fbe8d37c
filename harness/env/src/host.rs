//! The port itself: what an engine implements so that programs can run on it.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;

use crate::disk::Disk;
use crate::net::{Listener, Stream};
use crate::wall::Wall;

/// A boxed future that an engine hands out or takes in.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Who a program is: it names its log lines, its random streams and its place in the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The machine, unique in the world: `node-a1`.
    pub machine: String,
    /// The failure domain that the machine stands in: `a`. Empty where there is none.
    pub zone: String,
    /// The process, unique on its machine: `etcd`.
    pub process: String,
    /// How many processes of this name ran on this machine before, counted from 0.
    pub incarnation: u64,
    /// The address that the program listens on when it asks for the unspecified address: a pod's
    /// own, or the machine's.
    pub ip: IpAddr,
}

/// What an engine implements. Programs use [`crate::Env`], which wraps it.
pub trait Host: Send + Sync + 'static {
    /// Who runs here.
    fn identity(&self) -> &Identity;

    /// Starts a task of this process. The engine drops it when the process dies; a panic in it is
    /// the process crashing.
    fn spawn(&self, future: BoxFuture<'static, ()>) -> AbortHandle;

    /// Listens on `addr` (port 0: any free port).
    ///
    /// # Errors
    /// `AddrInUse`, `AddrNotAvailable`: as `bind(2)` and `listen(2)`.
    fn listen(&self, addr: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Listener>>>;

    /// Opens a TCP connection. Without a time-out of the caller's the network's own applies
    /// (on Linux about 127 s of SYN retries).
    ///
    /// # Errors
    /// `ConnectionRefused`, `TimedOut`, …: as `connect(2)`.
    fn connect(&self, addr: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Stream>>>;

    /// The machine's disk. Paths are relative to the process's directory.
    fn disk(&self) -> Arc<dyn Disk>;

    /// What the machine's wall clock says, with its skew.
    fn wall(&self) -> Wall;

    /// The key of the random stream `what` of this process.
    fn stream(&self, what: &str) -> u64;

    /// Occupies one of the machine's cores for `cpu`, after waiting for one to be free. On a real
    /// machine the work itself does that, so nothing happens.
    fn work(&self, cpu: Duration) -> BoxFuture<'static, ()>;

    /// How likely a [`crate::Preemption::point`] interrupts: 0 on a real machine.
    fn preemption(&self) -> f64;
}
