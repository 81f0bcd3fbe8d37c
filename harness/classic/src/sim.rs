//! Machines in zones, and time that goes in ticks.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use harness_env::host::Identity;
use harness_env::{Env, Wall, rng};

use crate::disk::Store;
use crate::host::ClassicHost;

/// Connections that wait to be accepted, and segments that wait to be read. turmoil panics where
/// the former are more.
const TCP_CAPACITY: usize = 4096;
/// Longer than any test: turmoil ends a run with an error after it.
const HORIZON: Duration = Duration::from_secs(365 * 24 * 3600);

/// What a simulation is made of.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Decides everything that is decided by lot.
    pub seed: u64,
    /// How far a step goes. Also the grain of the network.
    pub tick: Duration,
    /// The least one-way delay of a message.
    pub latency_min: Duration,
    /// The most.
    pub latency_max: Duration,
    /// What the wall clocks say at the beginning.
    pub epoch: Wall,
}

impl Settings {
    /// A tick of 1 ms and 1 ms between any two machines, from 2017-01-01T00:00:00Z.
    pub fn new(seed: u64) -> Self {
        Settings {
            seed,
            tick: Duration::from_millis(1),
            latency_min: Duration::from_millis(1),
            latency_max: Duration::from_millis(1),
            epoch: Wall::from_unix(1_483_228_800),
        }
    }

    /// With this tick.
    #[must_use]
    pub fn tick(mut self, tick: Duration) -> Self {
        self.tick = tick;
        self
    }
}

/// A simulation. It ends, with all programs, when it is dropped.
pub struct Sim {
    inner: turmoil::Sim<'static>,
    settings: Settings,
    machines: BTreeMap<String, Machine>,
}

struct Machine {
    zone: String,
    ip: IpAddr,
    store: Arc<Store>,
}

impl Sim {
    /// A simulation without machines.
    pub fn new(settings: Settings) -> Self {
        let epoch = SystemTime::UNIX_EPOCH + settings.epoch.since(Wall(0));
        let inner = turmoil::Builder::new()
            .rng_seed(settings.seed)
            .epoch(epoch)
            .tick_duration(settings.tick)
            .min_message_latency(settings.latency_min)
            .max_message_latency(settings.latency_max)
            .simulation_duration(HORIZON)
            .tcp_capacity(TCP_CAPACITY)
            .build();
        Sim { inner, settings, machines: BTreeMap::new() }
    }

    /// The address that a machine has or will have: in the order of first mention.
    pub fn ip(&self, machine: &str) -> IpAddr {
        self.inner.lookup(machine)
    }

    /// Adds a machine to `zone` and starts its program, called `process`. It is started again, with
    /// the disk as it was durable, by [`Sim::bounce`].
    ///
    /// # Panics
    /// If there is such a machine already.
    pub fn start<F>(
        &mut self,
        machine: &str,
        zone: &str,
        process: &str,
        program: impl Fn(Env) -> F + 'static,
    ) where
        F: Future<Output = Result<(), String>> + 'static,
    {
        let ip = self.ip(machine);
        let store = Arc::new(Store::default());
        let known = Machine { zone: zone.to_owned(), ip, store: store.clone() };
        let was = self.machines.insert(machine.to_owned(), known);
        assert!(was.is_none(), "two machines are called {machine:?}");
        let identity = Identity {
            machine: machine.to_owned(),
            zone: zone.to_owned(),
            process: process.to_owned(),
            incarnation: 0,
            ip,
        };
        // As harness-sim keys them, so that a program draws the same numbers on both.
        let key = rng::derive(rng::derive(self.settings.seed, "process"), machine);
        let key = rng::derive(key, process);
        let (epoch, incarnations) = (self.settings.epoch, Cell::new(0));
        self.inner.host(machine, move || {
            let incarnation = incarnations.replace(incarnations.get() + 1);
            let host = ClassicHost::new(
                Identity { incarnation, ..identity.clone() },
                rng::derive_n(key, incarnation),
                epoch,
                store.clone(),
            );
            let ended = program(Env::new(Arc::new(host)));
            async move { ended.await.map_err(Into::into) }
        });
    }

    /// Virtual time since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.inner.elapsed()
    }

    /// Goes one tick.
    ///
    /// # Errors
    /// What a program returned as its error.
    ///
    /// # Panics
    /// If a program does.
    pub fn step(&mut self) -> Result<(), String> {
        self.inner.step().map(|_| ()).map_err(|e| e.to_string())
    }

    /// Goes on for a time, rounded up to a tick.
    ///
    /// # Errors
    /// As [`Sim::step`].
    pub fn run_for(&mut self, time: Duration) -> Result<(), String> {
        let until = self.elapsed() + time;
        while self.elapsed() < until {
            self.step()?;
        }
        Ok(())
    }

    /// Goes on until `done`, but not longer than `at_most`. Returns whether it is done.
    ///
    /// # Errors
    /// As [`Sim::step`].
    pub fn run_until(
        &mut self,
        at_most: Duration,
        mut done: impl FnMut() -> bool,
    ) -> Result<bool, String> {
        let until = self.elapsed() + at_most;
        while !done() {
            if self.elapsed() >= until {
                return Ok(false);
            }
            self.step()?;
        }
        Ok(true)
    }

    /// Keeps the messages between two zones (or within one) until [`Sim::release`].
    pub fn hold(&self, a: &str, b: &str) {
        self.pairs(a, b, |a, b| self.inner.hold(a, b));
    }

    /// Delivers what was held and holds no more.
    pub fn release(&self, a: &str, b: &str) {
        self.pairs(a, b, |a, b| self.inner.release(a, b));
    }

    /// Drops the messages between two zones. Streams that lose one stall for ever.
    pub fn partition(&self, a: &str, b: &str) {
        self.pairs(a, b, |a, b| self.inner.partition(a, b));
    }

    /// Drops no more.
    pub fn repair(&self, a: &str, b: &str) {
        self.pairs(a, b, |a, b| self.inner.repair(a, b));
    }

    fn pairs(&self, a: &str, b: &str, f: impl Fn(IpAddr, IpAddr)) {
        let in_zone = |zone: &str| -> Vec<IpAddr> {
            self.machines.values().filter(|m| m.zone == zone).map(|m| m.ip).collect()
        };
        for from in in_zone(a) {
            for to in in_zone(b) {
                if from != to {
                    f(from, to);
                }
            }
        }
    }

    /// Ends a machine's program from one moment to the next. What its disk had not synced is gone.
    ///
    /// # Panics
    /// If there is no such machine.
    pub fn crash(&mut self, machine: &str) {
        self.inner.crash(machine);
        self.machines[machine].store.crash();
    }

    /// Starts the program of a crashed machine again.
    ///
    /// # Panics
    /// If there is no such machine.
    pub fn bounce(&mut self, machine: &str) {
        self.inner.bounce(machine);
    }
}
