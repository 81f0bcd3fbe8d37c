//! What came of a run.
//!
//! The world hands over a [`Record`]: raw samples of every journey, what people did and saw, what
//! the oracles say. [`Outcome::of`] judges it. Judging is apart from playing, and made of pure
//! functions over samples, so that the rules (what is partial, what is total) can be tested on
//! histories written by hand.

pub mod buckets;
mod event;
mod journeys;
mod phases;
#[cfg(test)]
pub(crate) mod sample;
mod severity;
pub mod trail;

use serde::{Deserialize, Serialize};

use crate::Request;
use crate::scenario::{Settings, quoted};

pub use event::{ActSpan, Entry, Event, FaultRecord, PoolState, StepOutcome, Violation};
pub use journeys::{JourneyOutcome, Sample};
pub use phases::Phase;
pub use severity::{Reached, Severity, reached};

/// What the world knows at the end of a run.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// Every request of every journey, in any order.
    pub samples: Vec<Sample>,
    /// The acts that were played, in order.
    pub acts: Vec<ActSpan>,
    /// What matters to a person, in order of time.
    pub timeline: Vec<Entry>,
    /// The faults that were injected.
    pub faults: Vec<FaultRecord>,
    /// The steps whose time came, in the order in which they were decided.
    pub steps: Vec<StepOutcome>,
    /// The factors that nothing came to depend on: the run would have been the same at another level.
    pub idle: Vec<String>,
    /// What the oracles found.
    pub violations: Vec<Violation>,
    /// The stream-quota pools of the apiservers' etcd clients at the end of every act.
    pub pools: Vec<PoolState>,
    /// Which conditions together led to what happened, the first first.
    pub chain: Vec<Entry>,
    /// The run's digest: 128 bits.
    pub digest: u128,
    /// Simulated seconds that were played.
    pub sim_seconds: f64,
    /// Two bytes of the rolling digest after every event.
    pub trail: Vec<u16>,
    /// The event that [`Request::capture_at`] asked for.
    pub captured: Option<Event>,
    /// The first event that is not in [`Request::against`].
    pub diverged: Option<Event>,
    /// Whether the run stopped because [`Request::goal`] was reached.
    pub stopped: bool,
}

/// What came of a run. Times are seconds from the scenario's zero, on the wall clock of the story.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The scenario's name.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// Every setting.
    pub settings: Settings,
    /// The settings that stand where the record is silent.
    pub assumptions: Vec<String>,
    /// The act the run stopped after, where it was told to.
    pub until: Option<String>,
    /// The severity that the run stopped at as soon as it was reached, where it did.
    #[serde(default)]
    pub stopped_at: Option<Severity>,
    /// How bad it got.
    pub severity: Severity,
    /// When each severity above `ok` first began.
    #[serde(default)]
    pub reached: Vec<Reached>,
    /// Why it counts as that bad.
    pub reasons: Vec<String>,
    /// Which conditions together led to it, the first first.
    pub chain: Vec<Entry>,
    /// 32 hexadecimal digits: the same request gives the same ones.
    pub digest: String,
    /// Simulated seconds that were played.
    pub sim_seconds: f64,
    /// Seconds that it took.
    pub wall_seconds: f64,
    /// How each journey fared.
    pub journeys: Vec<JourneyOutcome>,
    /// Healthy, partial, total, recovered: when.
    pub phases: Vec<Phase>,
    /// The acts that were played.
    pub acts: Vec<ActSpan>,
    /// What mattered, in order of time.
    pub timeline: Vec<Entry>,
    /// The steps whose time came, in the order in which they were decided.
    #[serde(default)]
    pub steps: Vec<StepOutcome>,
    /// The factors that nothing came to depend on: the run would have been the same at another level.
    #[serde(default)]
    pub idle: Vec<String>,
    /// The faults and what effect they had.
    pub faults: Vec<FaultRecord>,
    /// What the oracles found.
    pub violations: Vec<Violation>,
    /// The stream-quota pools at the end of every act.
    pub pools: Vec<PoolState>,
    /// Two bytes of the rolling digest after every event.
    #[serde(skip)]
    pub trail: Vec<u16>,
    /// The event that the request asked for.
    #[serde(skip)]
    pub captured: Option<Event>,
    /// The first event that is not in the run that the request compares with.
    #[serde(skip)]
    pub diverged: Option<Event>,
}

impl Outcome {
    /// Judges what the world recorded. The caller measures [`Outcome::wall_seconds`].
    pub fn of(request: &Request, record: Record) -> Self {
        let scenario = &request.scenario;
        let table = buckets::Table::of(&scenario.workload.journeys, &record.samples);
        let levels = severity::levels(&table, &scenario.workload.journeys);
        let lost = record.violations.iter().any(|violation| violation.data_loss);
        let (journeys, world) = (&scenario.workload.journeys, scenario.world);
        let (severity, reasons) =
            severity::judge(&table, journeys, &levels, lost, world, &scenario.calendar);
        let settings = request.settings.clone();
        let assumed = scenario.factors.iter().filter(|factor| factor.assumption);
        Outcome {
            scenario: scenario.name.clone(),
            seed: request.seed,
            assumptions: assumed
                .map(|factor| format!("{}={}", factor.name, settings.level(&factor.name)))
                .collect(),
            settings,
            until: request.until.clone(),
            stopped_at: request.goal.filter(|_| record.stopped),
            severity,
            reached: severity::first_reached(&table, &scenario.workload.journeys, &levels, lost),
            reasons,
            chain: record.chain,
            digest: format!("{:032x}", record.digest),
            sim_seconds: record.sim_seconds,
            wall_seconds: 0.0,
            journeys: journeys::summaries(&table, &scenario.workload.journeys),
            phases: phases::phases(&levels),
            acts: record.acts,
            timeline: record.timeline,
            steps: record.steps,
            idle: record.idle,
            faults: record.faults,
            violations: record.violations,
            pools: record.pools,
            trail: record.trail,
            captured: record.captured,
            diverged: record.diverged,
        }
    }

    /// The pools that have lost their quota, at the end of any act.
    pub fn stuck_pools(&self) -> impl Iterator<Item = &PoolState> {
        self.pools.iter().filter(|pool| pool.stuck)
    }

    /// The command that plays this run again.
    pub fn replay(&self, scenario: &crate::Scenario) -> String {
        let sets = self.settings.options(scenario);
        let until = self.until.as_ref().map_or(String::new(), |act| format!(" --until {act}"));
        let (name, seed, digest) = (quoted(&scenario.found_by), self.seed, &self.digest);
        format!("anatomy replay {name} --seed {seed} --digest {digest}{sets}{until}")
    }
}
