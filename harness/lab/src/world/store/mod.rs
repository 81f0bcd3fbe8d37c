//! A world of etcd alone: members over zones, clients around them, people who work on them.
//!
//! | module | what it is |
//! |---|---|
//! | [`machines`] | who is where |
//! | [`seat`], [`session`], [`call`] | what clients are given, and how they reach etcd |
//! | [`journeys`] | the users, by whom severity is judged |
//! | [`kv`], [`lock`], [`reader`], [`transfer`], [`watcher`] | workloads whose history is checked |
//! | [`notes`], [`ears`] | what clients lived through; what members did |
//! | [`steps`], [`chaos`] | what is done |
//! | [`end`], [`judge`] | whether all is well in the end, and was all along |

pub mod call;
pub mod chaos;
pub mod ears;
pub mod end;
pub mod journeys;
pub mod judge;
pub mod kv;
pub mod lock;
pub mod machines;
pub mod notes;
pub mod reader;
pub mod seat;
pub mod session;
pub mod steps;
pub mod transfer;
pub mod watcher;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use harness_env::Env;
use harness_env::host::BoxFuture;
use harness_sim::World;
use mini_etcd::server;
use tokio::sync::watch;
use tokio::time::sleep;

use super::Looked;
use super::due::{Decided, Ledger};
use super::etcd::Etcd;
use super::faults::Faults;
use super::goal::Goal;
use super::play::{Played, perform};
use super::topology::port;
use super::unit::{Stopping, asked};
use crate::Request;
use crate::outcome::Sample;
use crate::scenario::{Action, ClientKind, Deed};
use ears::Ears;
use machines::Machines;
use notes::Notes;
use seat::Seat;
use steps::Office;

/// How long etcd runs before the first act, so that nothing is new when it begins: members want to
/// have been connected for 5 s before they change.
const SETTLING: Duration = Duration::from_secs(15);
/// How long clients go on after everything was healed.
const SERVING: Duration = Duration::from_secs(10);
/// Clients list this many machines beyond those that have a member.
const SPARE: usize = 4;

/// Plays a request in this world.
///
/// # Errors
/// Why etcd could not be built.
pub async fn play(world: World, request: &Request, machines: Machines) -> Result<Looked, String> {
    let (scenario, settings) = (&request.scenario, &request.settings);
    let version = scenario.version(settings, "etcd");
    let profile = version.parse().map_err(|_| format!("etcd {version}"))?;
    let members = machines::members(scenario, settings, request.seed);
    let goal = request.goal.map(|goal| Goal::new(scenario, goal));
    let (notes, ears, machines) = (Notes::begin(goal), Ears::default(), Arc::new(machines));
    let tune = {
        let (ears, count) = (ears.clone(), settings.number("snapshot-count") as u64);
        #[cfg(feature = "defects")]
        let defects = crate::scenario::planted::defects(settings);
        Arc::new(move |config: &mut server::Config| {
            config.observer = Some(ears.on(&config.name));
            config.snapshot_count = count;
            // Small snapshots take several turns too.
            config.snapshot_portion = count as usize * 10;
            config.catch_up_entries = count / 2;
            #[cfg(feature = "defects")]
            config.defects.clone_from(&defects);
        })
    };
    let etcd = Arc::new(Etcd::start(world, &machines.etcd, members, profile, tune));
    let (leaders, zones) = (ears.leaders.clone(), &scenario.cluster.zones);
    let faults = Faults::new(world, etcd.clone(), leaders, Vec::new(), zones, settings);
    let machine = machines.office.name.clone();
    let (calendar, decided) = (scenario.calendar, Decided::default());
    let ledger = Ledger { world, machine, calendar, decided };
    let (notes_of, changing) = (notes.clone(), Arc::default());
    let office = Office { world, machines, etcd, faults, notes: notes_of, ledger, changing };
    let (stop, stopping) = watch::channel(false);
    office.start_clients(request, members, &stopping);
    sleep(SETTLING).await;

    let mut played = Played::default();
    for act in &scenario.acts {
        world.jump_wall(act.starts);
        let take = |due| Box::pin(office.clone().take(due)) as BoxFuture<'static, ()>;
        tokio::select! {
            biased;
            () = notes.goal_reached() => played.stopped = true,
            () = perform(world, request, act, take) => {}
        }
        played.ended(world, scenario, act);
        played.steps = office.ledger.decided.all();
        if played.stopped || request.until.as_ref() == Some(&act.name) {
            sleep(scenario.workload.patience).await;
            let samples = office.samples(request, &played);
            return Ok(Looked { played, samples, violations: Vec::new(), idle: Vec::new() });
        }
    }
    office.faults.heal();
    sleep(SERVING).await;
    stop.send_replace(true);
    let auditor = {
        let office = office.clone();
        world.start(&office.machines.office.name.clone(), "auditor", |env| end::finish(env, office))
    };
    auditor.exited().await;
    let samples = office.samples(request, &played);
    let violations = judge::violations(&notes, &ears);
    Ok(Looked { played, samples, violations, idle: Vec::new() })
}

impl Office {
    /// Every request of a journey that began in an act.
    fn samples(&self, request: &Request, played: &Played) -> Vec<Sample> {
        let mut samples = self.notes.samples(request.scenario.calendar.zero());
        let inside = |at: f64| played.acts.iter().any(|act| (act.start..act.end).contains(&at));
        samples.retain(|sample| inside(sample.at));
        samples
    }

    fn start_clients(&self, request: &Request, members: usize, stopping: &Stopping) {
        let scenario = &request.scenario;
        let endpoints = self.listed(request, members);
        let patience = scenario.workload.patience;
        for journey in &scenario.workload.journeys {
            let mut journey = journey.clone();
            let by_whom = request.settings.level("reads") == "serializable";
            if journey.entry == crate::scenario::Entry::Read && by_whom {
                journey.entry = crate::scenario::Entry::SerializableRead;
            }
            let (endpoints, notes) = (endpoints.clone(), self.notes.clone());
            let name = journey.name.clone();
            self.start(&name, stopping, move |env| {
                journeys::run(env, journey, endpoints, patience, notes)
            });
        }
        for client in &scenario.clients {
            for number in 1..=client.count {
                let (pause, kind) = (client.pause, client.kind);
                let (endpoints, notes) = (endpoints.clone(), self.notes.clone());
                let name = match kind {
                    ClientKind::Kv => "kv",
                    ClientKind::Lock => "lock",
                    ClientKind::Read => "read",
                    ClientKind::Transfer => "transfer",
                    ClientKind::Watch => "watch",
                };
                // Watchers are to hear of the last write.
                let forever = watch::channel(false).1;
                let still = if kind == ClientKind::Watch { &forever } else { stopping };
                self.start(&format!("{name}-{number}"), still, move |env| async move {
                    let seat = Seat { env, number, pause, endpoints, patience, notes };
                    match kind {
                        ClientKind::Kv => kv::run(seat).await,
                        ClientKind::Lock => lock::run(seat).await,
                        ClientKind::Read => reader::run(seat).await,
                        ClientKind::Transfer => transfer::run(seat).await,
                        ClientKind::Watch => watcher::run(seat).await,
                    }
                });
            }
        }
    }

    /// Starts a client that stops when it is asked to.
    fn start<F>(
        &self,
        name: &str,
        stopping: &Stopping,
        program: impl FnOnce(Env) -> F + Send + 'static,
    ) where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        let mut stopping = stopping.clone();
        self.world.start(&self.machines.clients.name, name, move |env| async move {
            tokio::select! {
                biased;
                () = asked(&mut stopping) => Ok(()),
                result = program(env) => result,
            }
        });
    }

    /// The addresses that clients list: where members are, and where they may come to be.
    fn listed(&self, request: &Request, members: usize) -> Vec<SocketAddr> {
        let steps = request.scenario.acts.iter().flat_map(|act| &act.steps);
        let more = steps.map(|step| match &step.action {
            Action::EtcdGrow { members } => *members as usize,
            Action::Deed(Deed::Replace(_) | Deed::Chaos(_)) => members + SPARE,
            // Whoever replaces what is lost passes over zones without power.
            Action::Deed(Deed::Silent(true)) => self.machines.etcd.len(),
            _ => members,
        });
        let count = more.max().unwrap_or(members).max(members);
        let places = self.machines.etcd.iter().take(count);
        places.map(|place| place.port(port::ETCD_CLIENT)).collect()
    }
}
