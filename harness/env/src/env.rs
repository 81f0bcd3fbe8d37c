//! [`Env`]: the handle that a program holds.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::disk::Disk;
use crate::host::{Host, Identity};
use crate::net::{Listener, Stream};
use crate::rng::Rng;
use crate::tasks::Tasks;
use crate::wall::Wall;

/// A program's view of its machine. Cheap to clone; all clones are the same process.
#[derive(Clone)]
pub struct Env {
    host: Arc<dyn Host>,
}

impl Env {
    /// Wraps an engine's host.
    pub fn new(host: Arc<dyn Host>) -> Self {
        Env { host }
    }

    /// Who this program is.
    pub fn identity(&self) -> &Identity {
        self.host.identity()
    }

    /// The program's own address.
    pub fn ip(&self) -> IpAddr {
        self.host.identity().ip
    }

    pub(crate) fn host(&self) -> &Arc<dyn Host> {
        &self.host
    }

    /// A set of tasks that stops when it is dropped.
    pub fn tasks(&self) -> Tasks {
        Tasks::new(self.clone())
    }

    /// Listens on `port` of the program's own address (0: any free port).
    ///
    /// # Errors
    /// As `bind(2)` and `listen(2)`.
    pub async fn listen_port(&self, port: u16) -> io::Result<Box<dyn Listener>> {
        self.listen(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port)).await
    }

    /// Listens on `addr`; the unspecified address stands for the program's own.
    ///
    /// # Errors
    /// As `bind(2)` and `listen(2)`.
    pub async fn listen(&self, mut addr: SocketAddr) -> io::Result<Box<dyn Listener>> {
        if addr.ip().is_unspecified() {
            addr.set_ip(self.ip());
        }
        self.host.listen(addr).await
    }

    /// Opens a TCP connection to `addr`.
    ///
    /// # Errors
    /// As `connect(2)`; without a time-out of the caller's, the network's own applies.
    pub async fn connect(&self, addr: SocketAddr) -> io::Result<Box<dyn Stream>> {
        self.host.connect(addr).await
    }

    /// The disk.
    pub fn disk(&self) -> Arc<dyn Disk> {
        self.host.disk()
    }

    /// The wall clock.
    pub fn wall(&self) -> Wall {
        self.host.wall()
    }

    /// The random stream `what` of this process: the same name gives the same numbers, whatever
    /// else the process draws.
    pub fn rng(&self, what: &str) -> Rng {
        Rng::from_key(self.host.stream(what))
    }

    /// Does `cpu` worth of computing: queues for a core and holds it that long.
    pub async fn work(&self, cpu: Duration) {
        self.host.work(cpu).await;
    }

    /// The scheduling points of one thread of control, named `what`.
    pub fn preemption(&self, what: &str) -> Preemption {
        Preemption { probability: self.host.preemption(), rng: self.rng(what) }
    }
}

/// For how long a goroutine may keep a processor while others wait for it (Go 1.7,
/// `runtime/proc.go`: `forcePreemptNS`).
const TIME_SLICE: Duration = Duration::from_millis(10);

/// Scheduling points for code that models a preemptive program.
///
/// A Go program can be interrupted between any two instructions; a future of ours only at an
/// `.await`. Where a race of the modelled program lives, put a point. With the engine's
/// probability it interrupts, for up to a time slice: a goroutine that lost its processor to another,
/// or that was made to assist the garbage collector.
pub struct Preemption {
    probability: f64,
    rng: Rng,
}

impl Preemption {
    /// One scheduling point.
    pub async fn point(&mut self) {
        if self.rng.chance(self.probability) {
            tokio::time::sleep(self.rng.duration(Duration::ZERO..TIME_SLICE)).await;
        }
    }
}
