//! A supervised program: what systemd is to the machines of the cluster.
//!
//! A program that ends is started again a second later (`Restart=always`, `RestartSec=1`). A stop
//! asks first and kills after a while.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness_env::Env;
use harness_env::host::BoxFuture;
use harness_sim::{Exit, Process, World};
use tokio::sync::watch;

use super::topology::Place;

/// Between a program's end and its next start.
const RESTART: Duration = Duration::from_secs(1);
/// How long a program may take to stop (systemd's `TimeoutStopSec` is 90 s; the units here set 10).
const STOP: Duration = Duration::from_secs(10);

/// Resolves when the program is asked to stop.
pub type Stopping = watch::Receiver<bool>;

/// What a unit runs: a program that ends soon after it is asked to.
pub type Program =
    Arc<dyn Fn(Env, Stopping) -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// Waits until the program is asked to stop.
pub async fn asked(stopping: &mut Stopping) {
    if stopping.wait_for(|stop| *stop).await.is_err() {
        // The unit is gone: nobody will ask.
        std::future::pending().await
    }
}

/// A machine and what runs on it as units.
#[derive(Clone)]
pub struct Supervised {
    /// The machine.
    pub place: Place,
    /// Its units.
    pub units: Vec<Unit>,
}

/// A unit of a machine.
#[derive(Clone)]
pub struct Unit {
    world: World,
    machine: String,
    name: String,
    state: Arc<Mutex<State>>,
}

struct State {
    program: Program,
    wanted: bool,
    generation: u64,
    running: Option<(Process, watch::Sender<bool>)>,
}

impl Unit {
    /// A unit that does not run yet.
    pub fn new(world: World, machine: &str, name: &str, program: Program) -> Self {
        let state = State { program, wanted: false, generation: 0, running: None };
        Unit {
            world,
            machine: machine.to_owned(),
            name: name.to_owned(),
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no panic while locked")
    }

    /// Starts it, and again whenever it ends.
    pub fn start(&self) {
        let generation = {
            let mut state = self.state();
            state.wanted = true;
            state.generation += 1;
            state.generation
        };
        self.launch();
        let unit = self.clone();
        self.world.spawn(async move { unit.supervise(generation).await });
    }

    fn launch(&self) {
        let program = self.state().program.clone();
        let (ask, stopping) = watch::channel(false);
        let process =
            self.world.start(&self.machine, &self.name, move |env| program(env, stopping));
        self.state().running = Some((process, ask));
    }

    async fn supervise(&self, generation: u64) {
        loop {
            let Some(process) = self.process() else { return };
            let exit = process.exited().await;
            if !self.is_wanted(generation) {
                return;
            }
            if let Exit::Returned(Err(why)) = &exit {
                tracing::debug!(kind = "unit.failed", unit = %self.name, machine = %self.machine, "{why}");
            }
            tokio::time::sleep(RESTART).await;
            while !self.world.has_power(&self.machine) {
                tokio::time::sleep(RESTART).await;
            }
            if !self.is_wanted(generation) {
                return;
            }
            self.launch();
        }
    }

    fn is_wanted(&self, generation: u64) -> bool {
        let state = self.state();
        state.wanted && state.generation == generation
    }

    /// The process of this moment.
    pub fn process(&self) -> Option<Process> {
        self.state().running.as_ref().map(|(process, _)| process.clone())
    }

    /// Stops it and leaves it stopped.
    pub async fn stop(&self) {
        let running = {
            let mut state = self.state();
            state.wanted = false;
            state.running.take()
        };
        let Some((process, ask)) = running else { return };
        ask.send_replace(true);
        if tokio::time::timeout(STOP, process.exited()).await.is_err() {
            self.world.kill(&process);
        }
    }

    /// Stops it and starts it again.
    pub async fn restart(&self) {
        self.stop().await;
        self.start();
    }

    /// Runs another program from the next start on.
    pub fn replace(&self, program: Program) {
        self.state().program = program;
    }
}
