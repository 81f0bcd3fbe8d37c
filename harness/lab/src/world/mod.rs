//! The world of a run: the cluster, the bank and the people, in the machine room.
//!
//! | module | what it is |
//! |---|---|
//! | [`topology`] | the machines and their addresses |
//! | [`mod@unit`], [`nodes`], [`images`] | how programs are started: by systemd, by the kubelets |
//! | [`etcd`], [`control_plane`], [`balancer`] | the cluster |
//! | [`manifests`] | what the bank's teams hand to it |
//! | [`bank`], [`outside`] | the bank, its customers, its data centres, its monitor |
//! | [`operators`] | the people |
//! | [`play`] | the director |
//! | [`story`] | from the record to what a person is told |

pub mod balancer;
pub mod bank;
pub mod control_plane;
pub mod etcd;
pub mod images;
pub mod manifests;
pub mod nodes;
pub mod operators;
pub mod outside;
pub mod play;
pub mod story;
pub mod topology;
pub mod unit;

use std::sync::Arc;
use std::time::Duration;

use harness_sim::Config;

use crate::outcome::{self, Record};
use crate::{Outcome, Request};
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
    let (scenario, settings) = (&request.scenario, &request.settings);
    let topology = Arc::new(Topology::of(scenario, settings));
    let begins = scenario.acts.first().map_or(scenario.calendar.zero(), |act| act.starts);
    let epoch = harness_env::Wall(begins.0 - BEFORE.as_nanos() as i64);
    let mut config = Config::new(request.seed)
        .epoch(epoch)
        .preemption(settings.number("preemption"))
        .keep_trail();
    for machine in topology.machines() {
        config = config.machine(machine);
    }
    if let Some(step) = request.capture_at {
        config = config.capture_at(step as u64);
    }
    if let Some(trail) = &request.against {
        config = config.compare_with(trail.clone());
    }
    let outside = Outside::new(scenario, settings, request.goal);
    let report = {
        let (request, outside) = (request.clone(), outside.clone());
        harness_sim::run(config, move |world| async move {
            play::play(world, &request, topology, outside).await
        })
    };
    let played = report.result.map_err(Error::Unbuildable)?;
    let calendar = &scenario.calendar;
    if let Some(sink) = &request.on_event {
        for event in &report.events {
            sink(&event_of(event, calendar));
        }
    }
    let captured = report.captured.map(|text| outcome::Event {
        index: request.capture_at.unwrap_or_default(),
        text,
        ..outcome::Event::default()
    });
    let diverged = report.diverged.map(|diverged| outcome::Event {
        index: diverged.step as usize,
        at: calendar.offset_of(harness_env::Wall(diverged.wall)),
        text: diverged.text,
        ..outcome::Event::default()
    });
    let complete = request.until.is_none() && !played.stopped;
    Ok(Outcome::of(
        request,
        Record {
            samples: outside.samples(calendar, &played.acts),
            timeline: story::timeline(&report.events, calendar),
            faults: story::faults(&report.faults),
            violations: if complete { outside.violations() } else { Vec::new() },
            pools: story::Pools::at_the_ends_of(&report.events, &played.ends),
            chain: story::chain(&report.events, &played.acts, calendar),
            acts: played.acts,
            digest: report.digest.0,
            sim_seconds: report.simulated.as_secs_f64(),
            trail: report.trail,
            captured,
            diverged,
            steps: played.steps,
            stopped: played.stopped,
        },
    ))
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
