//! What is kept of a run.

use serde::{Deserialize, Serialize};

use crate::outcome::buckets::WIDTH;
use crate::outcome::{ActSpan, Entry, PoolState, Reached, Severity, StepOutcome, Violation};
use crate::scenario::quoted;
use crate::sweep::Key;
use crate::{Outcome, Scenario};

/// A run, in one line of JSON. Times are seconds from the scenario's zero.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The seed.
    pub seed: u64,
    /// How bad it got.
    pub severity: Severity,
    /// The severity that it stopped at as soon as it was reached; none where it was played to the end.
    pub stopped_at: Option<Severity>,
    /// When each severity above `ok` first began.
    pub reached: Vec<Reached>,
    /// What each journey lost in the main act.
    pub impact: Vec<Impact>,
    /// When the outage began and ended.
    pub outage: Option<Outage>,
    /// The acts that were played.
    pub acts: Vec<ActSpan>,
    /// What became of the steps whose time came.
    pub steps: Vec<StepOutcome>,
    /// The factors that nothing came to depend on: it would have been the same at another level.
    pub idle: Vec<String>,
    /// The pools that had lost their quota at the end of an act.
    pub lost: Vec<PoolState>,
    /// What the oracles found.
    pub violations: Vec<Violation>,
    /// What mattered, in order of time.
    pub marks: Vec<Entry>,
    /// The run's digest.
    pub digest: String,
    /// How many events it had.
    pub events: u64,
    /// Where it parts from the run that it was compared with.
    pub parted: Option<Parted>,
    /// Simulated seconds.
    pub sim_seconds: f64,
    /// Seconds that it took.
    pub wall_seconds: f64,
    /// The command that plays it again.
    pub replay: String,
    /// What was played.
    #[serde(flatten)]
    pub key: Key,
}

/// What a journey lost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Impact {
    /// The journey.
    pub journey: String,
    /// Requests.
    pub requests: u64,
    /// Those that failed.
    pub failed: u64,
    /// The integral over time of the part that failed: 600 is ten minutes in which nothing succeeded,
    /// or twenty in which every second request did.
    pub lost_seconds: f64,
}

/// An outage: `partial` or worse.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outage {
    /// When it began.
    pub began: i64,
    /// When it was over for good; none where it was not.
    pub ended: Option<i64>,
    /// How long the run went on.
    pub watched_until: i64,
}

/// Where two runs part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parted {
    /// The digest of the other run.
    pub from: String,
    /// The first event that is not the same; none where all are.
    pub first: Option<Difference>,
}

/// The first event of a run that another run has not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Its number, counted from 0 over packets and events.
    pub index: usize,
    /// When it was.
    pub at: f64,
    /// What it was.
    pub text: String,
}

impl Row {
    /// The row of an outcome; `against` is the digest and the length in events of the run that it was
    /// compared with.
    pub fn of(
        scenario: &Scenario,
        key: Key,
        outcome: &Outcome,
        against: Option<(&str, usize)>,
    ) -> Self {
        let main = outcome.acts.iter().find(|act| act.name == scenario.main_act().name);
        let since = main.map_or(f64::MAX, |act| act.start);
        Row {
            seed: outcome.seed,
            severity: outcome.severity,
            stopped_at: outcome.stopped_at,
            reached: outcome.reached.clone(),
            impact: impact(outcome, since),
            outage: outage(outcome),
            acts: outcome.acts.clone(),
            steps: outcome.steps.clone(),
            idle: outcome.idle.clone(),
            lost: outcome.stuck_pools().cloned().collect(),
            violations: outcome.violations.clone(),
            marks: outcome.timeline.clone(),
            digest: outcome.digest.clone(),
            events: outcome.trail.len() as u64,
            parted: against.map(|(digest, events)| parted(outcome, digest, events)),
            sim_seconds: outcome.sim_seconds,
            wall_seconds: outcome.wall_seconds,
            replay: replay(scenario, outcome),
            key,
        }
    }

    /// Whether it got as bad as this.
    pub fn reaches(&self, severity: Severity) -> bool {
        self.severity >= severity
    }

    /// When it first was as bad as this.
    pub fn since(&self, severity: Severity) -> Option<i64> {
        self.reached.iter().filter(|one| one.severity >= severity).filter_map(|one| one.at).min()
    }

    /// Whether it says where it parts from the run with this digest.
    pub fn is_compared_with(&self, digest: &str) -> bool {
        self.digest == digest || self.parted.as_ref().is_some_and(|parted| parted.from == digest)
    }

    /// The first event that the run with `digest` has not, if it was compared with that one.
    pub fn parts_from(&self, digest: &str) -> Option<&Difference> {
        self.parted.as_ref().filter(|parted| parted.from == digest)?.first.as_ref()
    }

    /// What all journeys lost together.
    pub fn lost_seconds(&self) -> f64 {
        self.impact.iter().map(|impact| impact.lost_seconds).sum()
    }

    /// When the run ended, as its story goes.
    pub fn ended(&self) -> f64 {
        self.acts.last().map_or(f64::MIN, |act| act.end)
    }
}

/// What each journey lost from `since` on.
pub(crate) fn impact(outcome: &Outcome, since: f64) -> Vec<Impact> {
    let journeys = outcome.journeys.iter().map(|journey| {
        let buckets = journey.buckets.iter().filter(|bucket| bucket.start as f64 >= since);
        let mut impact =
            Impact { journey: journey.name.clone(), requests: 0, failed: 0, lost_seconds: 0.0 };
        for bucket in buckets {
            impact.requests += bucket.requests;
            impact.failed += bucket.requests - bucket.ok;
            impact.lost_seconds += (1.0 - bucket.ratio().unwrap_or(1.0)) * WIDTH as f64;
        }
        impact
    });
    journeys.collect()
}

/// The outage of a run, if there was one.
pub(crate) fn outage(outcome: &Outcome) -> Option<Outage> {
    let is_bad = |name: &str| name == "partial" || name == "total";
    let began = outcome.phases.iter().find(|phase| is_bad(&phase.name))?.start;
    let last = outcome.phases.last()?;
    let ended = (last.name == "recovered").then_some(last.start);
    Some(Outage { began, ended, watched_until: last.end })
}

fn parted(outcome: &Outcome, digest: &str, events: usize) -> Parted {
    let first = match &outcome.diverged {
        Some(event) => Some(Difference { index: event.index, at: event.at, text: event.told() }),
        // It is the beginning of the other run, or all of it.
        None if outcome.trail.len() < events && outcome.stopped_at.is_none() => Some(Difference {
            index: outcome.trail.len(),
            at: outcome.acts.last().map_or(0.0, |act| act.end),
            text: "this run is over, the other goes on".to_owned(),
        }),
        None => None,
    };
    Parted { from: digest.to_owned(), first }
}

/// A run that stopped at its goal has no digest of a whole run: it is played again by itself.
fn replay(scenario: &Scenario, outcome: &Outcome) -> String {
    if outcome.stopped_at.is_none() {
        return outcome.replay(scenario);
    }
    let sets = outcome.settings.options(scenario);
    format!("anatomy run {} --seed {}{sets}", quoted(&scenario.found_by), outcome.seed)
}
