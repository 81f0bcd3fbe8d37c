//! The state of a run: its machines, processes, links and faults, what is under way, and the record.
//!
//! It lives in a thread-local, as the network below does: ports find it without carrying it, and a
//! port of one run can never reach another run. Borrows are short and never nest: nothing that can
//! call back (a socket's drop, an event) happens while the state is borrowed.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use harness_env::{Wall, rng};
use tokio::time::Instant;
use turmoil_fs::{Fs, FsConfig};
use turmoil_net::{KernelConfig, Net};

use crate::active::Active;
use crate::fabric::Fabric;
use crate::fault::{Fault, FaultId};
use crate::machine::{Machine, MachineSpec};
use crate::process::{ProcessId, ProcessState};
use crate::record::{Digest, Record};
use crate::run::{Config, Report};
use crate::topology::{Links, View};
use crate::{entropy, net};

/// Ethernet jumbo frames, as within a cloud provider's network.
const MTU: u32 = 9_001;
/// The disk sector: what a power loss can tear a write into.
const SECTOR: u64 = 512;

thread_local! {
    static STATE: RefCell<Option<State>> = const { RefCell::new(None) };
}

/// Borrows the state of this thread's run; `None` where there is none (any more).
pub(crate) fn with_state<R>(f: impl FnOnce(&mut State) -> R) -> Option<R> {
    STATE.try_with(|state| state.borrow_mut().as_mut().map(f)).ok().flatten()
}

pub(crate) struct State {
    start: Instant,
    pub seed: u64,
    epoch: Wall,
    /// What the director has added to the wall clock by jumps, in nanoseconds.
    pub jumped: i64,
    pub preemption: f64,
    pub machines: Vec<Machine>,
    by_name: BTreeMap<String, usize>,
    pub by_ip: BTreeMap<IpAddr, usize>,
    /// Who holds an address of its own.
    pub holders: BTreeMap<IpAddr, ProcessId>,
    pub processes: Vec<ProcessState>,
    pub incarnations: BTreeMap<(usize, String), u64>,
    pub fabric: Fabric,
    pub links: Links,
    pub faults: BTreeMap<FaultId, Active>,
    /// Those of them that lie on paths and have not ended: each packet is held against them.
    pub cuts: Vec<(FaultId, Fault)>,
    pub record: Record,
    /// Connections (local, peer) that were taken from a kernel before they were over.
    pub orphans: BTreeSet<(SocketAddr, SocketAddr)>,
    /// The digest of what the director itself says.
    pub world_digest: Digest,
}

impl State {
    /// Virtual time since the run began.
    pub fn now(&self) -> Duration {
        self.elapsed(Instant::now())
    }

    pub fn elapsed(&self, at: Instant) -> Duration {
        at.saturating_duration_since(self.start)
    }

    /// The wall clock of a machine whose clock is off by `skew` nanoseconds.
    pub fn wall(&self, skew: i64) -> Wall {
        self.wall_at(self.now(), skew)
    }

    /// The same at a time of this instant.
    pub fn wall_at(&self, elapsed: Duration, skew: i64) -> Wall {
        Wall(self.epoch.after(elapsed).0 + self.jumped + skew)
    }

    /// Sets what libraries on this thread think the time is.
    pub fn sync_clocks(&self) {
        let elapsed = self.now();
        let wall = self.epoch.after(elapsed).0 + self.jumped;
        entropy::set_clock(elapsed.as_nanos() as u64, wall);
    }

    pub fn process(&self, id: ProcessId) -> Option<&ProcessState> {
        self.processes.get(id)
    }

    pub fn process_mut(&mut self, id: ProcessId) -> Option<&mut ProcessState> {
        self.processes.get_mut(id)
    }

    /// Whether two addresses are of different machines.
    pub fn are_apart(&self, a: IpAddr, b: IpAddr) -> bool {
        self.by_ip.get(&a) != self.by_ip.get(&b)
    }

    /// Whether somebody answers at this address of a machine.
    pub fn is_up(&self, machine: usize, ip: IpAddr) -> bool {
        let machine = &self.machines[machine];
        machine.powered && (machine.ip == ip || self.holders.contains_key(&ip))
    }

    /// The fabric, and what it may see of the rest.
    pub fn split(&mut self) -> (&mut Fabric, View<'_>) {
        let view = View {
            machines: &self.machines,
            by_ip: &self.by_ip,
            holders: &self.holders,
            links: &self.links,
            cuts: &self.cuts,
        };
        (&mut self.fabric, view)
    }

    /// A path may have become better: the fabric looks at what waits.
    pub fn reconsider(&mut self) {
        let now = Instant::now();
        let (fabric, view) = self.split();
        fabric.reconsider(now, &view);
    }

    /// The machine of this name.
    ///
    /// # Panics
    /// If there is none.
    pub fn machine(&self, name: &str) -> usize {
        *self.by_name.get(name).unwrap_or_else(|| panic!("no machine is called {name:?}"))
    }
}

/// Makes the world of this thread.
pub(crate) fn build(config: &Config) {
    // The fabric delays instead of losing, so the kernels' own retransmission is never right.
    let mut net = Net::with_config(KernelConfig::default().mtu(MTU).retx_threshold(u32::MAX));
    let start = Instant::now();
    let mut machines = Vec::new();
    let (mut by_name, mut by_ip) = (BTreeMap::new(), BTreeMap::new());
    for (n, spec) in config.machines.iter().enumerate() {
        let ip = spec.ip.unwrap_or_else(|| MachineSpec::default_ip(n));
        let mut addresses = vec![ip];
        addresses.extend(&spec.pod_ips);
        let was = by_name.insert(spec.name.clone(), n);
        assert!(was.is_none(), "two machines are called {:?}", spec.name);
        for address in &addresses {
            let was = by_ip.insert(*address, n);
            assert!(was.is_none(), "two machines have the address {address}");
        }
        let mut fs = FsConfig::default();
        fs.block_size(SECTOR);
        let fs_seed = rng::derive(rng::derive(config.seed, "disk"), &spec.name);
        machines.push(Machine {
            name: spec.name.clone(),
            zone: spec.zone.clone(),
            ip,
            net: net.add_host(addresses),
            powered: true,
            boot: 1,
            arrivals: 0,
            fs: Fs::builder().config(fs).seed(fs_seed).build(),
            fsync: spec.fsync,
            disk_faults: Default::default(),
            left: Default::default(),
            cores: vec![start; spec.cores],
            slowness: 1.0,
            skew: 0,
            digest: Digest::default(),
        });
    }
    net::install(net);
    STATE.with(|slot| {
        *slot.borrow_mut() = Some(State {
            start,
            seed: config.seed,
            epoch: config.epoch,
            jumped: 0,
            preemption: config.preemption,
            machines,
            by_name,
            by_ip,
            holders: BTreeMap::new(),
            processes: Vec::new(),
            incarnations: BTreeMap::new(),
            fabric: Fabric::new(config.seed),
            links: Links::default(),
            faults: BTreeMap::new(),
            cuts: Vec::new(),
            record: Record::new(
                config.trail,
                config.capture_at,
                config.compare_with.clone(),
                config.debug_events,
            ),
            orphans: BTreeSet::new(),
            world_digest: Digest::default(),
        });
    });
    net::clear_dirty();
}

/// Ends the world. The network stays until its sockets' tasks are dropped.
pub(crate) fn dismantle() -> (State, Duration) {
    let state = STATE.with(|slot| slot.borrow_mut().take()).expect("the run built it");
    net::forget_driver();
    let simulated = state.now();
    (state, simulated)
}

/// What came of it.
pub(crate) fn report<T>((state, simulated): (State, Duration), result: T) -> Report<T> {
    Report {
        result,
        simulated,
        digest: state.record.digest,
        machines: state.machines.iter().map(|m| (m.name.clone(), m.digest)).collect(),
        steps: state.record.steps,
        events: state.record.events,
        trail: state.record.trail.unwrap_or_default(),
        captured: state.record.captured,
        diverged: state.record.diverged,
        faults: state.faults.into_values().map(|active| active.report).collect(),
    }
}
