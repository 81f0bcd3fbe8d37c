//! One run: a fresh thread, armed; a runtime whose clock is paused; a world.
//!
//! The thread is fresh because libraries cache per thread (std its hash keys, hyper its date).

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Once};
use std::time::Duration;

use harness_env::Wall;
use tracing_subscriber::layer::SubscriberExt;

use crate::driver::Driver;
use crate::entropy;
use crate::events::Recorder;
use crate::fault::FaultReport;
use crate::machine::MachineSpec;
use crate::record::{Digest, Event, Step};
use crate::world::World;
use crate::{net, scope, state};

/// How far virtual time may run. A world in which nothing is due jumps here at once, so a director
/// that waits for what never comes is told so.
const HORIZON: Duration = Duration::from_secs(365 * 24 * 3600);

/// What a run is made of.
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) seed: u64,
    pub(crate) machines: Vec<MachineSpec>,
    pub(crate) epoch: Wall,
    pub(crate) preemption: f64,
    pub(crate) trail: bool,
    pub(crate) capture_at: Option<u64>,
    pub(crate) compare_with: Option<Arc<[u16]>>,
    pub(crate) debug_events: bool,
}

impl Config {
    /// A world without machines that begins at 2017-01-01T00:00:00Z.
    pub fn new(seed: u64) -> Self {
        Config {
            seed,
            machines: Vec::new(),
            epoch: Wall::from_unix(1_483_228_800),
            preemption: 0.0,
            trail: false,
            capture_at: None,
            compare_with: None,
            debug_events: false,
        }
    }

    /// With one more machine.
    #[must_use]
    pub fn machine(mut self, spec: MachineSpec) -> Self {
        self.machines.push(spec);
        self
    }

    /// Beginning at this wall time.
    #[must_use]
    pub fn epoch(mut self, epoch: Wall) -> Self {
        self.epoch = epoch;
        self
    }

    /// With scheduling points that interrupt with this probability.
    #[must_use]
    pub fn preemption(mut self, probability: f64) -> Self {
        self.preemption = probability;
        self
    }

    /// Keeping the trail, for [`crate::first_difference`].
    #[must_use]
    pub fn keep_trail(mut self) -> Self {
        self.trail = true;
        self
    }

    /// Describing the step with this number in [`Report::captured`].
    #[must_use]
    pub fn capture_at(mut self, step: u64) -> Self {
        self.capture_at = Some(step);
        self
    }

    /// Compared with the trail of another run, for [`Report::diverged`].
    #[must_use]
    pub fn compare_with(mut self, trail: Arc<[u16]>) -> Self {
        self.compare_with = Some(trail);
        self
    }

    /// Keeping DEBUG events too. They are part of the digest either way.
    #[must_use]
    pub fn keep_debug_events(mut self) -> Self {
        self.debug_events = true;
        self
    }
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Report<T> {
    /// What the director returned.
    pub result: T,
    /// Stands for everything that happened.
    pub digest: Digest,
    /// The same for each machine alone.
    pub machines: BTreeMap<String, Digest>,
    /// What programs said at INFO and above.
    pub events: Vec<Event>,
    /// Two bytes of the digest after each step, if asked for.
    pub trail: Vec<u16>,
    /// What the step asked for was.
    pub captured: Option<Step>,
    /// Where this run first did something else than the one it was compared with.
    pub diverged: Option<Step>,
    /// How many steps (packets and events) there were.
    pub steps: u64,
    /// Virtual time that passed.
    pub simulated: Duration,
    /// The faults and their effects.
    pub faults: Vec<FaultReport>,
}

/// Runs one world on a fresh thread until its director returns.
///
/// # Panics
/// If the director panics, or if the thread's entropy and clocks cannot be overridden (the run
/// would not be a function of its seed).
#[expect(clippy::disallowed_methods, reason = "a run has a thread of its own")]
pub fn run<T, F>(config: Config, director: impl FnOnce(World) -> F + Send + 'static) -> Report<T>
where
    T: Send + 'static,
    F: Future<Output = T>,
{
    install_panic_hook();
    match std::thread::spawn(move || run_here(config, director)).join() {
        Ok(report) => report,
        Err(panic) => resume_unwind(panic),
    }
}

/// Runs `count` things, each by a call of `one` on one of `jobs` threads, and hands each result to
/// `done` as it comes, in any order. `one` is meant to call [`run`].
pub fn run_many<T: Send>(
    jobs: usize,
    count: usize,
    one: impl Fn(usize) -> T + Sync,
    mut done: impl FnMut(usize, T),
) {
    let next = AtomicUsize::new(0);
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, count.max(1)) {
            let sender = sender.clone();
            let (next, one) = (&next, &one);
            scope.spawn(move || {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= count || sender.send((n, one(n))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        for (n, result) in receiver {
            done(n, result);
        }
    });
}

fn run_here<T, F>(config: Config, director: impl FnOnce(World) -> F) -> Report<T>
where
    F: Future<Output = T>,
{
    entropy::arm(config.seed, config.epoch.0);
    if let Err(why) = entropy::self_check() {
        panic!("this thread is not deterministic: {why}");
    }
    let _recording =
        tracing::subscriber::set_default(tracing_subscriber::registry().with(Recorder));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .on_thread_unpark(scope::time_may_have_passed)
        .rng_seed(tokio::runtime::RngSeed::from_bytes(&config.seed.to_le_bytes()))
        .build()
        .expect("a runtime without I/O needs nothing of the system");
    let body = async {
        state::build(&config);
        #[expect(clippy::disallowed_methods, reason = "the driver is the run's, not a process's")]
        let driver = tokio::spawn(Driver::new());
        let result = tokio::select! {
            biased;
            result = director(World::new()) => result,
            () = tokio::time::sleep(HORIZON) => panic!(
                "nothing will happen any more: the director waits, and no timer is due"
            ),
        };
        driver.abort();
        result
    };
    let result = catch_unwind(AssertUnwindSafe(|| runtime.block_on(body)));
    // In this order also when the director panicked: first nobody can be reached any more, then the
    // tasks are dropped, then the network that their sockets were of.
    let ended = state::dismantle();
    drop(runtime);
    net::forget_net();
    entropy::disarm();
    match result {
        Ok(result) => state::report(ended, result),
        Err(panic) => resume_unwind(panic),
    }
}

/// A panic inside a process is a crash on the record, not noise on the terminal.
fn install_panic_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let default = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if entropy::is_armed() && scope::current().is_some() {
                scope::note_panic(info.location().map(ToString::to_string).unwrap_or_default());
            } else {
                default(info);
            }
        }));
    });
}
