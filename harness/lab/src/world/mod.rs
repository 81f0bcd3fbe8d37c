//! The world of a run: the cluster, the bank and the people, in the machine room; or etcd alone.
//!
//! | module | what it is |
//! |---|---|
//! | [`topology`] | the machines and their addresses |
//! | [`mod@unit`], [`nodes`], [`images`] | how programs are started: by systemd, by the kubelets |
//! | [`etcd`], [`control_plane`], [`balancer`] | the cluster |
//! | [`mod@faults`], [`leaders`] | what befalls its machines, and whose member leads |
//! | [`manifests`] | what the bank's teams hand to it |
//! | [`bank`], [`outside`] | the bank, its customers, its data centres, its monitor |
//! | [`operators`] | the people |
//! | [`play`], [`due`], [`goal`] | the director, the steps whose time comes, when it may stop |
//! | [`store`] | the other world: etcd alone |
//! | [`story`] | from the record to what a person is told |

pub mod balancer;
pub mod bank;
pub mod control_plane;
pub mod due;
pub mod etcd;
pub mod faults;
pub mod goal;
pub mod images;
pub mod leaders;
pub mod manifests;
pub mod nodes;
pub mod operators;
pub mod outside;
pub mod play;
pub mod store;
pub mod story;
pub mod topology;
pub mod unit;

use std::sync::Arc;
use std::time::Duration;

use harness_sim::{Config, MachineSpec, Report};

use crate::outcome::{self, Record};
use crate::scenario::World;
use crate::{Outcome, Request, Scenario, Settings};
use outside::Outside;
use topology::Topology;

/// How long before the first act the machines are switched on.
const BEFORE: Duration = Duration::from_secs(3600);

/// Why a request cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request asks for something that the world cannot build.
    #[error("{0}")]
    Unbuildable(String),
}

/// Plays a request.
///
/// # Errors
/// See [`Error`].
pub fn run(request: &Request) -> Result<Outcome, Error> {
    match request.scenario.world {
        World::Bank => run_bank(request),
        World::Etcd => run_etcd(request),
    }
}

/// Whether a scenario with these settings can be built.
///
/// # Errors
/// What is in the way.
pub fn fits(scenario: &Scenario, settings: &Settings) -> Result<(), String> {
    match scenario.world {
        World::Bank => {
            let services = settings.number("services") as usize;
            let inside = manifests::applications(scenario, services).into_iter();
            let pods = inside.filter(|app| app.entry.is_none()).map(|app| app.replicas as usize);
            topology::room(pods.sum(), settings.number("workers") as usize)
        }
        World::Etcd => Ok(()),
    }
}

fn run_bank(request: &Request) -> Result<Outcome, Error> {
    let (scenario, settings) = (&request.scenario, &request.settings);
    let topology = Arc::new(Topology::of(scenario, settings));
    let machines = topology.machines();
    let outside = Outside::new(scenario, settings, request.goal);
    let report = {
        let (request, outside) = (request.clone(), outside.clone());
        harness_sim::run(config(&request, machines), move |world| async move {
            play::play(world, &request, topology, outside).await
        })
    };
    let limited = story::stream_limit(&report.events).is_some();
    told(request, report, |played| {
        let complete = request.until.is_none() && !played.stopped;
        let idle = [("standin", !outside.stand_in_was_needed()), ("etcd-client", !limited)];
        let idle = idle.into_iter().filter(|(_, idle)| *idle);
        Looked {
            samples: outside.samples(&scenario.calendar, &played.acts),
            violations: if complete { outside.violations() } else { Vec::new() },
            idle: idle.map(|(name, _)| name.to_owned()).collect(),
            played,
        }
    })
}

fn run_etcd(request: &Request) -> Result<Outcome, Error> {
    let machines = store::machines::Machines::of(&request.scenario);
    let report = {
        let request = request.clone();
        harness_sim::run(config(&request, machines.specs().collect()), move |world| async move {
            store::play(world, &request, machines).await
        })
    };
    told(request, report, |looked| looked)
}

/// A run on these machines.
fn config(request: &Request, machines: Vec<MachineSpec>) -> Config {
    let scenario = &request.scenario;
    let begins = scenario.acts.first().map_or(scenario.calendar.zero(), |act| act.starts);
    let epoch = harness_env::Wall(begins.0 - BEFORE.as_nanos() as i64);
    let mut config = Config::new(request.seed)
        .epoch(epoch)
        .preemption(request.settings.number("preemption"))
        .keep_trail();
    for machine in machines {
        config = config.machine(machine);
    }
    if let Some(step) = request.capture_at {
        config = config.capture_at(step as u64);
    }
    if let Some(trail) = &request.against {
        config = config.compare_with(trail.clone());
    }
    config
}

/// What was played, and what was seen of it.
pub struct Looked {
    /// The acts.
    pub played: play::Played,
    /// Every request of a journey.
    pub samples: Vec<outcome::Sample>,
    /// What is wrong.
    pub violations: Vec<outcome::Violation>,
    /// The factors on whose level nothing has hung.
    pub idle: Vec<String>,
}

/// The outcome of a run. `look` looks at what the director knows in the end.
fn told<T>(
    request: &Request,
    report: Report<Result<T, String>>,
    look: impl FnOnce(T) -> Looked,
) -> Result<Outcome, Error> {
    let Looked { played, samples, violations, idle } =
        look(report.result.map_err(Error::Unbuildable)?);
    let calendar = &request.scenario.calendar;
    if let Some(sink) = &request.on_event {
        for event in &report.events {
            sink(&event_of(event, calendar));
        }
    }
    let captured = report.captured.map(|step| step_of(step, calendar));
    let diverged = report.diverged.map(|step| step_of(step, calendar));
    Ok(Outcome::of(
        request,
        Record {
            samples,
            timeline: story::timeline(&report.events, calendar),
            faults: story::faults(&report.faults),
            violations,
            pools: story::Pools::at_the_ends_of(&report.events, &played.ends),
            chain: story::chain(&report.events, &played.acts, calendar),
            acts: played.acts,
            digest: report.digest.0,
            sim_seconds: report.simulated.as_secs_f64(),
            trail: report.trail,
            captured,
            diverged,
            steps: played.steps,
            idle,
            stopped: played.stopped,
        },
    ))
}

/// A step of the trail, told like an event.
fn step_of(step: harness_sim::Step, calendar: &crate::scenario::Calendar) -> outcome::Event {
    let harness_sim::What { machine, process, kind, text } = step.what;
    outcome::Event {
        index: step.number as usize,
        at: calendar.offset_of(harness_env::Wall(step.wall)),
        machine,
        process,
        kind,
        text,
        ..outcome::Event::default()
    }
}

fn event_of(event: &harness_sim::Event, calendar: &crate::scenario::Calendar) -> outcome::Event {
    outcome::Event {
        index: event.id as usize,
        at: calendar.offset_of(harness_env::Wall(event.wall)),
        machine: event.machine.clone(),
        process: event.process.clone(),
        kind: event.kind.clone(),
        text: event.message.clone(),
        fields: event.fields.clone(),
    }
}
