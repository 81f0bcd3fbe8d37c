//! The world of a run, and what its director can do to it.
//!
//! The state lives in a thread-local, as the network below does: ports find it without carrying it,
//! and a port of one run can never reach another run. Borrows are short and never nest: nothing that
//! can call back (a socket's drop, an event) happens while the state is borrowed.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use harness_env::host::{BoxFuture, Identity};
use harness_env::{Env, Wall, rng};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::Instant;
use turmoil_fs::{Fs, FsConfig};
use turmoil_net::{EnterGuard, KernelConfig, Net, NetstatState};

use crate::entropy;
use crate::fabric::{Fabric, Path, Topology, reset};
use crate::fault::{Active, Fault, FaultId, FaultReport, Side};
use crate::host::SimHost;
use crate::link::Link;
use crate::machine::{Machine, MachineSpec};
use crate::process::{Exit, Life, Process, ProcessId, ProcessState};
use crate::record::{Digest, Record};
use crate::run::{Config, Report};
use crate::scope::{self, Scoped};

/// Ethernet jumbo frames, as within a cloud provider's network.
const MTU: u32 = 9_001;
/// The disk sector: what a power loss can tear a write into.
const SECTOR: u64 = 512;

thread_local! {
    static STATE: RefCell<Option<State>> = const { RefCell::new(None) };
    static NET: RefCell<Option<EnterGuard>> = const { RefCell::new(None) };
    static DIRTY: Cell<bool> = const { Cell::new(false) };
    static DRIVER: RefCell<Option<Waker>> = const { RefCell::new(None) };
}

/// Borrows the state of this thread's run; `None` where there is none (any more).
pub(crate) fn with_state<R>(f: impl FnOnce(&mut State) -> R) -> Option<R> {
    STATE.try_with(|state| state.borrow_mut().as_mut().map(f)).ok().flatten()
}

pub(crate) fn with_net<R>(f: impl FnOnce(&EnterGuard) -> R) -> Option<R> {
    NET.with(|net| net.borrow().as_ref().map(f))
}

/// A socket may have produced packets: have the driver look.
pub(crate) fn kick() {
    if !DIRTY.replace(true) {
        DRIVER.with(|driver| {
            if let Some(driver) = driver.borrow().as_ref() {
                driver.wake_by_ref();
            }
        });
    }
}

pub(crate) fn clear_dirty() {
    DIRTY.set(false);
}

pub(crate) fn is_dirty() -> bool {
    DIRTY.get()
}

pub(crate) fn set_driver(waker: &Waker) {
    DRIVER.with(|driver| {
        let mut driver = driver.borrow_mut();
        if !driver.as_ref().is_some_and(|old| old.will_wake(waker)) {
            *driver = Some(waker.clone());
        }
    });
}

pub(crate) struct State {
    start: Instant,
    seed: u64,
    epoch: Wall,
    /// What the director has added to the wall clock by jumps, in nanoseconds.
    jumped: i64,
    pub preemption: f64,
    pub machines: Vec<Machine>,
    by_name: BTreeMap<String, usize>,
    by_ip: BTreeMap<IpAddr, usize>,
    /// Who holds an address of its own.
    holders: BTreeMap<IpAddr, ProcessId>,
    processes: Vec<ProcessState>,
    incarnations: BTreeMap<(usize, String), u64>,
    pub fabric: Fabric,
    links: Links,
    faults: BTreeMap<FaultId, Active>,
    /// Those of them that lie on paths and have not ended: each packet is held against them.
    cuts: Vec<(FaultId, Fault)>,
    pub record: Record,
    /// The digest of what the director itself says.
    pub world_digest: Digest,
}

/// Between whom which link lies.
#[derive(Default)]
struct Links {
    within_zone: Option<Link>,
    between_zones: Option<Link>,
    pairs: BTreeMap<(usize, usize), Link>,
}

/// The state as the fabric sees it.
pub(crate) struct View<'a> {
    machines: &'a [Machine],
    by_ip: &'a BTreeMap<IpAddr, usize>,
    holders: &'a BTreeMap<IpAddr, ProcessId>,
    links: &'a Links,
    cuts: &'a [(FaultId, Fault)],
}

impl Topology for View<'_> {
    fn machine(&self, ip: IpAddr) -> Option<usize> {
        self.by_ip.get(&ip).copied()
    }

    fn path(&self, source: usize, destination: Option<usize>, dst: IpAddr) -> Path {
        let from = &self.machines[source];
        if !from.powered {
            return Path::SourceOff;
        }
        let Some(destination) = destination else { return Path::Blocked(None) };
        let to = &self.machines[destination];
        if !to.powered || (to.ip != dst && !self.holders.contains_key(&dst)) {
            return Path::Blocked(None);
        }
        let mut link = None;
        for (id, fault) in self.cuts {
            let joins =
                |a: &Side, b: &Side| a.has(&from.name, &from.zone) && b.has(&to.name, &to.zone);
            match fault {
                Fault::Partition { from, to, both_ways }
                    if joins(from, to) || (*both_ways && joins(to, from)) =>
                {
                    return Path::Blocked(Some(*id));
                }
                Fault::Degrade { from, to, link: worse } if joins(from, to) || joins(to, from) => {
                    link = Some(*worse);
                }
                _ => {}
            }
        }
        Path::Open(link.unwrap_or_else(|| self.link(source, destination)))
    }
}

impl View<'_> {
    fn link(&self, from: usize, to: usize) -> Link {
        if let Some(link) = self.links.pairs.get(&(from, to)) {
            *link
        } else if self.machines[from].zone == self.machines[to].zone {
            self.links.within_zone.unwrap_or(Link::WITHIN_ZONE)
        } else {
            self.links.between_zones.unwrap_or(Link::BETWEEN_ZONES)
        }
    }
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
        Wall(self.epoch.after(self.now()).0 + self.jumped + skew)
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

    fn reconsider(&mut self) {
        let now = Instant::now();
        let (fabric, view) = self.split();
        fabric.reconsider(now, &view);
    }

    /// Counts effects of a fault.
    pub fn charge(&mut self, fault: FaultId, effects: u64) {
        if let Some(active) = self.faults.get_mut(&fault) {
            active.report.effects += effects;
        }
    }

    fn machine(&self, name: &str) -> usize {
        *self.by_name.get(name).unwrap_or_else(|| panic!("no machine is called {name:?}"))
    }

    fn note(&mut self, fault: Fault, effects: u64) -> FaultId {
        let id = FaultId(self.faults.len() as u64);
        let now = self.now();
        let until = matches!(fault, Fault::Point(_)).then_some(now);
        let kind = fault.kind().to_owned();
        let report = FaultReport { id, kind, from: now, until, effects };
        self.faults.insert(id, Active { fault, report });
        id
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
            cores: vec![start; spec.cores],
            slowness: 1.0,
            skew: 0,
            digest: Digest::default(),
        });
    }
    NET.with(|slot| *slot.borrow_mut() = Some(net.enter()));
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
            record: Record::new(config.trail, config.capture_at, config.debug_events),
            world_digest: Digest::default(),
        });
    });
    DIRTY.set(false);
}

/// Ends the world. The network stays until its sockets' tasks are dropped.
pub(crate) fn dismantle() -> (State, Duration) {
    let state = STATE.with(|slot| slot.borrow_mut().take()).expect("the run built it");
    DRIVER.with(|driver| *driver.borrow_mut() = None);
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
        faults: state.faults.into_values().map(|active| active.report).collect(),
    }
}

/// Takes the network away, after everything that used it.
pub(crate) fn forget_net() {
    NET.with(|slot| *slot.borrow_mut() = None);
}

/// Starts a task of a process; one of a dead process is dropped at once.
pub(crate) fn spawn_in(process: ProcessId, future: BoxFuture<'static, ()>) -> AbortHandle {
    let task = with_state(|state| {
        let process = state.process_mut(process).filter(|p| p.is_alive())?;
        process.next_task += 1;
        Some(process.next_task)
    })
    .flatten();
    let scoped = Scoped::new(process, task.unwrap_or(0), future);
    #[expect(clippy::disallowed_methods, reason = "Tasks::spawn of a simulated process ends here")]
    let handle = tokio::spawn(scoped).abort_handle();
    match task {
        Some(task) => {
            with_state(|state| {
                if let Some(process) = state.process_mut(process) {
                    process.tasks.insert(task, handle.clone());
                }
            });
        }
        None => handle.abort(),
    }
    handle
}

/// Ends a process: its sockets close in the order they were made, then its tasks are dropped.
pub(crate) fn end_process(id: ProcessId, exit: Exit) {
    let taken = with_state(|state| {
        let process = state.process_mut(id).filter(|process| process.is_alive())?;
        process.life = Life::Dead;
        let sockets = std::mem::take(&mut process.sockets);
        let tasks = std::mem::take(&mut process.tasks);
        process.parked.clear();
        let (machine, ip, name) = (process.machine, process.ip, process.name.clone());
        let told = process.exit.clone();
        Some((sockets, tasks, machine, ip, name, told))
    });
    let Some(Some((sockets, tasks, machine, ip, name, told))) = taken else { return };
    for slot in sockets.into_values() {
        if let Some(slot) = slot.upgrade() {
            slot.close();
        }
    }
    for task in tasks.into_values() {
        task.abort();
    }
    let machine_name = with_state(|state| {
        if state.holders.get(&ip) == Some(&id) {
            state.holders.remove(&ip);
        }
        state.machines[machine].name.clone()
    })
    .unwrap_or_default();
    if let Exit::Crashed(message) = &exit {
        scope::outside(|| {
            tracing::info!(
                kind = "process.crashed",
                on = %machine_name,
                process = %name,
                "{name} on {machine_name} crashed: {message}"
            );
        });
    }
    told.send_replace(Some(exit));
}

/// Ends every connection that a host's kernel still has on one of `ips`, without a word on the wire.
///
/// A half-open one is its listener's: the kernel forgets it when the listener closes, but would keep
/// it, and its port, for ever if it were reset before.
fn purge_connections(ips: &[IpAddr]) {
    let Some(first) = ips.first() else { return };
    for entry in turmoil_net::netstat(*first).entries {
        if let Some(peer) = entry.peer
            && entry.state != Some(NetstatState::SynReceived)
            && ips.contains(&entry.local.ip())
        {
            reset_connection(peer, entry.local);
        }
    }
}

/// Has the kernel at `local` hear a reset from `peer`.
pub(crate) fn reset_connection(peer: SocketAddr, local: SocketAddr) {
    with_state(|state| {
        if let Some(machine) = state.by_ip.get(&local.ip()) {
            state.machines[*machine].arrivals += 1;
        }
        state.fabric.ends(local, peer);
    });
    with_net(|net| net.deliver(reset(peer, local)));
}

/// The director's handle on the world of this thread; on any other thread its methods panic.
#[derive(Clone, Copy)]
pub struct World(());

/// Runs `f` on the state of the run that the caller directs.
fn direct<R>(f: impl FnOnce(&mut State) -> R) -> R {
    with_state(f).expect("a World is used inside its run")
}

impl World {
    pub(crate) fn new() -> Self {
        World(())
    }

    /// The run's seed.
    pub fn seed(&self) -> u64 {
        direct(|state| state.seed)
    }

    /// Starts a task of the director's own: it belongs to no process and ends with the run.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        #[expect(clippy::disallowed_methods, reason = "the run's runtime drops it at the end")]
        tokio::spawn(task);
    }

    /// When a program last said something at INFO or above.
    pub fn last_event(&self) -> Duration {
        direct(|state| state.record.events.last().map_or(Duration::ZERO, |event| event.at))
    }

    /// A random stream of the director's.
    pub fn rng(&self, what: &str) -> harness_env::Rng {
        harness_env::Rng::from_key(rng::derive(rng::derive(self.seed(), "director"), what))
    }

    /// Virtual time since the run began.
    pub fn now(&self) -> Duration {
        direct(|state| state.now())
    }

    /// The true wall clock.
    pub fn wall(&self) -> Wall {
        direct(|state| state.wall(0))
    }

    /// Moves every wall clock to `to`. Monotonic time does not notice.
    pub fn jump_wall(&self, to: Wall) {
        direct(|state| {
            state.jumped += to.0 - state.wall(0).0;
            state.sync_clocks();
        });
    }

    /// A machine's own address.
    ///
    /// # Panics
    /// If there is no such machine.
    pub fn ip(&self, machine: &str) -> IpAddr {
        direct(|state| state.machines[state.machine(machine)].ip)
    }

    /// The zone a machine stands in.
    ///
    /// # Panics
    /// If there is no such machine.
    pub fn zone(&self, machine: &str) -> String {
        direct(|state| state.machines[state.machine(machine)].zone.clone())
    }

    /// Whether a machine has power.
    ///
    /// # Panics
    /// If there is no such machine.
    pub fn has_power(&self, machine: &str) -> bool {
        direct(|state| state.machines[state.machine(machine)].powered)
    }

    /// How often a machine was switched on, counted from 1.
    ///
    /// # Panics
    /// If there is no such machine.
    pub fn boot(&self, machine: &str) -> u64 {
        direct(|state| state.machines[state.machine(machine)].boot)
    }

    /// The machines of a zone, in order of declaration.
    pub fn machines_in(&self, zone: &str) -> Vec<String> {
        direct(|state| {
            state.machines.iter().filter(|m| m.zone == zone).map(|m| m.name.clone()).collect()
        })
    }

    /// Starts a program on a machine, at the machine's own address.
    ///
    /// # Panics
    /// If there is no such machine.
    pub fn start<F>(
        &self,
        machine: &str,
        name: &str,
        program: impl FnOnce(Env) -> F + Send + 'static,
    ) -> Process
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        let ip = self.ip(machine);
        self.start_at(machine, name, ip, program)
    }

    /// Starts a program that has one of the machine's further addresses to itself. On a machine
    /// without power it is dead at once.
    ///
    /// # Panics
    /// If there is no such machine, or the address is not its.
    pub fn start_at<F>(
        &self,
        machine: &str,
        name: &str,
        ip: IpAddr,
        program: impl FnOnce(Env) -> F + Send + 'static,
    ) -> Process
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        let (exit, watcher) = watch::channel(None);
        let (id, host, powered, own) = direct(|state| {
            let index = state.machine(machine);
            assert_eq!(state.by_ip.get(&ip), Some(&index), "{ip} is not an address of {machine}");
            let id = state.processes.len();
            let incarnation = state.incarnations.entry((index, name.to_owned())).or_default();
            let nth = *incarnation;
            *incarnation += 1;
            let machine = &state.machines[index];
            let mut key = rng::derive(rng::derive(state.seed, "process"), &machine.name);
            key = rng::derive_n(rng::derive(key, name), nth);
            let identity = Identity {
                machine: machine.name.clone(),
                zone: machine.zone.clone(),
                process: name.to_owned(),
                incarnation: nth,
                ip,
            };
            let (powered, own) = (machine.powered, machine.ip != ip);
            state.processes.push(ProcessState {
                machine: index,
                name: name.to_owned(),
                ip,
                life: Life::Running,
                tasks: BTreeMap::new(),
                next_task: 0,
                sockets: BTreeMap::new(),
                next_socket: 0,
                parked: Vec::new(),
                exit,
            });
            (id, SimHost { process: id, machine: index, identity, key }, powered, own)
        });
        let process = Process { id, exit: watcher };
        if !powered {
            end_process(id, Exit::PowerLost);
            return process;
        }
        if own {
            // Whoever had the address before left with its connections.
            purge_connections(&[ip]);
            direct(|state| {
                let was = state.holders.insert(ip, id);
                assert!(was.is_none(), "{ip} is held by another process");
                state.reconsider();
            });
        }
        let env = Env::new(Arc::new(host));
        spawn_in(
            id,
            Box::pin(async move {
                let result = program(env).await;
                end_process(id, Exit::Returned(result));
            }),
        );
        process
    }

    /// Kills a process: it runs no further instruction, and the kernel closes its sockets.
    pub fn kill(&self, process: &Process) {
        if process.is_alive() {
            direct(|state| state.note(Fault::Point("kill".into()), 1));
            end_process(process.id, Exit::Killed);
        }
    }

    /// Stops polling a process (`SIGSTOP`); its sockets stay, and its kernel goes on answering.
    pub fn pause(&self, process: &Process) {
        direct(|state| {
            if let Some(process) = state.process_mut(process.id)
                && process.life == Life::Running
            {
                process.life = Life::Paused;
            }
        });
    }

    /// Lets a paused process go on (`SIGCONT`).
    pub fn resume(&self, process: &Process) {
        let parked = direct(|state| match state.process_mut(process.id) {
            Some(process) if process.life == Life::Paused => {
                process.life = Life::Running;
                std::mem::take(&mut process.parked)
            }
            _ => Vec::new(),
        });
        for waker in parked {
            waker.wake();
        }
    }

    /// Takes the power from a machine: it falls silent at once, its processes are gone, and what
    /// its disk had not synced is lost or torn.
    ///
    /// # Panics
    /// If there is no such machine.
    pub fn power_off(&self, machine: &str) {
        let (ids, ips) = direct(|state| {
            let index = state.machine(machine);
            if !state.machines[index].powered {
                return (Vec::new(), Vec::new());
            }
            state.machines[index].powered = false;
            let ids: Vec<ProcessId> = (0..state.processes.len())
                .filter(|id| {
                    state.processes[*id].machine == index && state.processes[*id].is_alive()
                })
                .collect();
            let ips: Vec<IpAddr> =
                state.by_ip.iter().filter(|(_, m)| **m == index).map(|(ip, _)| *ip).collect();
            state.fabric.forget_senders(|ip| ips.contains(&ip));
            state.note(Fault::Point("power off".into()), ids.len() as u64);
            (ids, ips)
        });
        // Connections first, so that closing the sockets has nothing left to say.
        purge_connections(&ips);
        for id in ids {
            end_process(id, Exit::PowerLost);
        }
        purge_connections(&ips);
        direct(|state| {
            let index = state.machine(machine);
            state.machines[index].fs.crash();
        });
        kick();
    }

    /// Switches a machine on again. Nothing runs on it until it is started; whoever still sends on
    /// a connection from before is told by a reset.
    ///
    /// # Panics
    /// If there is no such machine.
    pub fn power_on(&self, machine: &str) {
        direct(|state| {
            let index = state.machine(machine);
            let now = Instant::now();
            let machine = &mut state.machines[index];
            if !machine.powered {
                machine.powered = true;
                machine.boot += 1;
                machine.cores.fill(now);
                state.reconsider();
            }
        });
        kick();
    }

    /// What lies between machines of one zone, and between zones, where nothing else is said.
    pub fn set_links(&self, within_zone: Link, between_zones: Link) {
        direct(|state| {
            state.links.within_zone = Some(within_zone);
            state.links.between_zones = Some(between_zones);
        });
    }

    /// What lies between two machines, both ways.
    ///
    /// # Panics
    /// If there is no such machine.
    pub fn set_link(&self, a: &str, b: &str, link: Link) {
        direct(|state| {
            let (a, b) = (state.machine(a), state.machine(b));
            state.links.pairs.insert((a, b), link);
            state.links.pairs.insert((b, a), link);
        });
    }

    /// Begins a fault.
    ///
    /// # Panics
    /// If it names a machine that is not there.
    pub fn begin(&self, fault: Fault) -> FaultId {
        direct(|state| {
            let id = state.note(fault.clone(), 0);
            state.apply(id, &fault, true);
            id
        })
    }

    /// Ends a fault.
    pub fn end(&self, id: FaultId) {
        direct(|state| {
            let now = state.now();
            let Some(active) = state.faults.get_mut(&id) else { return };
            if active.report.until.is_some() {
                return;
            }
            active.report.until = Some(now);
            let fault = std::mem::replace(&mut active.fault, Fault::Point(String::new()));
            state.apply(id, &fault, false);
            state.reconsider();
        });
        kick();
    }

    /// Cuts two sides from each other, both ways, until [`World::end`].
    pub fn partition(&self, a: Side, b: Side) -> FaultId {
        self.begin(Fault::Partition { from: a, to: b, both_ways: true })
    }

    /// The faults so far and their effects.
    pub fn faults(&self) -> Vec<FaultReport> {
        direct(|state| state.faults.values().map(|active| active.report.clone()).collect())
    }

    /// The socket table of a machine, as `netstat` prints it.
    ///
    /// # Panics
    /// If there is no such machine.
    pub fn netstat(&self, machine: &str) -> String {
        turmoil_net::netstat(self.ip(machine)).to_string()
    }

    /// Flips one bit of a durable file, as a failing medium does. Returns whether there was such a
    /// byte.
    ///
    /// # Panics
    /// If there is no such machine.
    pub fn corrupt(&self, machine: &str, path: &str, offset: u64) -> bool {
        use std::os::unix::fs::FileExt;
        let disk = direct(|state| {
            state.note(Fault::Point("corrupt".into()), 1);
            state.machines[state.machine(machine)].fs.clone()
        });
        let _entered = disk.enter();
        let open = turmoil_fs::shim::std::fs::OpenOptions::new().read(true).write(true).open(path);
        let Ok(file) = open else { return false };
        let mut byte = [0];
        if file.read_exact_at(&mut byte, offset).is_err() {
            return false;
        }
        byte[0] ^= 1;
        file.write_all_at(&byte, offset).is_ok() && file.sync_all().is_ok()
    }

    /// The connections that lie between two addresses, for tests: (local, peer) at `machine`.
    ///
    /// # Panics
    /// If there is no such machine.
    pub fn connections(&self, machine: &str) -> Vec<(SocketAddr, SocketAddr)> {
        turmoil_net::netstat(self.ip(machine))
            .entries
            .into_iter()
            .filter_map(|entry| Some((entry.local, entry.peer?)))
            .collect()
    }
}

impl State {
    /// Switches a fault on or off where it is a property of a machine.
    fn apply(&mut self, id: FaultId, fault: &Fault, on: bool) {
        match fault {
            Fault::Partition { .. } | Fault::Degrade { .. } => {
                self.cuts.retain(|(cut, _)| *cut != id);
                if on {
                    self.cuts.push((id, fault.clone()));
                }
            }
            Fault::Point(_) => {}
            Fault::Skew { machine, nanos } => {
                let machine = self.machine(machine);
                self.machines[machine].skew += if on { *nanos } else { -*nanos };
                self.charge(id, 1);
            }
            Fault::SlowCores { machine, factor } => {
                let machine = self.machine(machine);
                self.machines[machine].slowness = if on { *factor } else { 1.0 };
                self.charge(id, 1);
            }
            Fault::SlowDisk { machine, by } => {
                let machine = self.machine(machine);
                self.machines[machine].disk_faults.slow = on.then_some((id, *by));
            }
            Fault::FullDisk { machine } => {
                let machine = self.machine(machine);
                self.machines[machine].disk_faults.full = on.then_some(id);
            }
            Fault::FailingDisk { machine } => {
                let machine = self.machine(machine);
                self.machines[machine].disk_faults.failing = on.then_some(id);
            }
        }
    }
}
