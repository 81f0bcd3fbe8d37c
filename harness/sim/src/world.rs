//! What the director of a run can do to its world.
//!
//! The handle is empty: the world is the thread's. So it can be copied into every task of the
//! director, and is of no use anywhere else.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use harness_env::host::Identity;
use harness_env::{Env, Wall, rng};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::fault::{Fault, FaultId, FaultReport, Side};
use crate::host::SimHost;
use crate::link::Link;
use crate::net::{kick, purge_connections};
use crate::process::{Exit, Life, Process, ProcessId, ProcessState, end_process, spawn_in};
use crate::state::{State, with_state};

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
        direct(|state| state.begin(fault))
    }

    /// Ends a fault.
    pub fn end(&self, id: FaultId) {
        direct(|state| state.end(id));
        kick();
    }

    /// Cuts two sides from each other, both ways, until [`World::end`].
    pub fn partition(&self, a: Side, b: Side) -> FaultId {
        self.begin(Fault::Partition { from: a, to: b, both_ways: true })
    }

    /// Keeps what two sides send to each other on the link, until [`World::end`].
    pub fn hold(&self, a: Side, b: Side) -> FaultId {
        self.begin(Fault::Hold { from: a, to: b, both_ways: true })
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
