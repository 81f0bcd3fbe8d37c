//! One run of a sweep, in one line.

use serde::{Deserialize, Serialize};

use crate::outcome::{Phase, PoolState, Severity, Violation};
use crate::scenario::Settings;
use crate::{Outcome, Request};

/// What makes two runs with the same seed comparable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Key {
    /// The scenario's name.
    pub scenario: String,
    /// A hash of the scenario's text.
    pub text: String,
    /// A hash of the program.
    pub build: String,
    /// The act it stopped after.
    pub until: Option<String>,
    /// Every setting.
    pub settings: Settings,
}

impl Key {
    /// The key of a request, played by the program whose hash is `build`.
    pub fn of(request: &Request, build: &str) -> Self {
        Key {
            scenario: request.scenario.name.clone(),
            text: request.scenario.text(),
            build: build.to_owned(),
            until: request.until.clone(),
            settings: request.settings.clone(),
        }
    }
}

/// A line of a sweep's file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// The seed.
    pub seed: u64,
    /// How bad it got.
    pub severity: Severity,
    /// The run's digest.
    pub digest: String,
    /// Simulated seconds.
    pub sim_seconds: f64,
    /// Seconds that it took.
    pub wall_seconds: f64,
    /// Every journey, without its buckets.
    pub journeys: Vec<JourneyLine>,
    /// Healthy, partial, total, recovered: when.
    pub phases: Vec<Phase>,
    /// The pools that had lost their quota at the end of an act.
    pub stuck: Vec<PoolState>,
    /// What the oracles found.
    pub violations: Vec<Violation>,
    /// What was played.
    #[serde(flatten)]
    pub key: Key,
}

/// How a journey fared, without its buckets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JourneyLine {
    /// Its name.
    pub name: String,
    /// Requests.
    pub requests: u64,
    /// The part of them that succeeded.
    pub success_ratio: f64,
    /// The same for the worst ten seconds.
    pub worst_bucket: f64,
}

impl Line {
    /// The line of an outcome.
    pub fn of(key: Key, outcome: &Outcome) -> Self {
        let journey = |journey: &crate::outcome::JourneyOutcome| JourneyLine {
            name: journey.name.clone(),
            requests: journey.requests,
            success_ratio: journey.success_ratio,
            worst_bucket: journey.worst_bucket,
        };
        Line {
            seed: outcome.seed,
            severity: outcome.severity,
            digest: outcome.digest.clone(),
            sim_seconds: outcome.sim_seconds,
            wall_seconds: outcome.wall_seconds,
            journeys: outcome.journeys.iter().map(journey).collect(),
            phases: outcome.phases.clone(),
            stuck: outcome.stuck_pools().cloned().collect(),
            violations: outcome.violations.clone(),
            key,
        }
    }
}
