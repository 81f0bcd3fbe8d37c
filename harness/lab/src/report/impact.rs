//! How bad it was, in the measures that incidents are compared by.
//!
//! Time to detect and to mitigate, depth and area of what was lost, error budget ("The Site Reliability
//! Workbook", 2018, chapter 5), and how long users saw a failure that monitoring did not see
//! ("differential observability": Huang et al., "Gray failure", HotOS 2017). Lengths are in seconds.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Report;
use super::alarms::Alarms;
use crate::Scenario;
use crate::explore::runs::row::{self, Outage};
use crate::outcome::buckets::{Bucket, WIDTH};
use crate::outcome::{JourneyOutcome, Phase};
use crate::scenario::World;

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;
/// What an error budget is given for: 30 days.
const BUDGET: f64 = 30.0 * 86_400.0;

/// The measures of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Impact {
    /// Partial or total.
    pub outage: f64,
    /// Total.
    pub total: f64,
    /// Requests of all journeys.
    pub requests: u64,
    /// Those that failed.
    pub failed: u64,
    /// The integral of the part that failed, all journeys together.
    pub lost: f64,
    /// How many journeys were below half in the same ten seconds, at the worst.
    pub reach: usize,
    /// From the beginning of the outage to the first alarm.
    pub detected_after: Option<f64>,
    /// From the beginning of the outage until every critical journey meets its objective again.
    pub mitigated_after: Option<f64>,
    /// How long during the outage no alarm was up; none where nothing watches.
    pub unseen: Option<f64>,
    /// Payments that were taken elsewhere and booked later; none where nobody said so.
    pub late: Option<u64>,
    /// What was acknowledged and is gone or doubled; none where nobody looked.
    pub wrong: Option<usize>,
    /// Each journey in the main act.
    pub journeys: Vec<JourneyImpact>,
}

/// How bad it was for one journey.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JourneyImpact {
    /// Its name.
    pub name: String,
    /// The success ratio that is wanted.
    pub objective: f64,
    /// Whether its failure alone makes an outage.
    pub critical: bool,
    /// The success ratio that there was.
    pub success: f64,
    /// The part that failed in the worst ten seconds.
    pub depth: f64,
    /// The integral of the part that failed.
    pub lost: f64,
    /// How long the objective was missed.
    pub missed: f64,
    /// How much of that its alarm was not up; none where nothing watches.
    pub unseen: Option<f64>,
    /// From the first missed ten seconds to the next alarm.
    pub detected_after: Option<f64>,
    /// How many times faster than it may the error budget went in the worst hour; none where the
    /// objective allows no error.
    pub burn: Option<f64>,
    /// The part of 30 days' error budget that is gone.
    pub budget: Option<f64>,
}

/// Measures a run.
pub fn impact(report: &Report) -> Impact {
    let Report { scenario, outcome, events, .. } = report;
    let (from, to) = outcome.acts.last().map_or((0.0, 0.0), |act| (act.start, act.end));
    let alarms = Alarms::of(events, to);
    let outage = row::outage(outcome);
    let lasted = |names: &[&str]| -> f64 {
        let phases = outcome.phases.iter().filter(|phase| names.contains(&phase.name.as_str()));
        phases.map(|phase| (phase.end - phase.start) as f64).sum()
    };
    let lost = row::impact(outcome, from);
    let journeys = outcome
        .journeys
        .iter()
        .zip(&lost)
        .map(|(journey, lost)| one(scenario, &alarms, journey, lost.lost_seconds, from));
    let heard = outage.and_then(|outage| {
        let began = outage.began as f64;
        alarms.first_up(began).map(|at| at - began)
    });
    let failed = |journey: &JourneyOutcome| -> u64 {
        journey.buckets.iter().map(|bucket| bucket.requests - bucket.ok).sum()
    };
    let complete = outcome.until.is_none() && outcome.stopped_at.is_none();
    Impact {
        outage: lasted(&["partial", "total"]),
        total: lasted(&["total"]),
        requests: outcome.journeys.iter().map(|journey| journey.requests).sum(),
        failed: outcome.journeys.iter().map(failed).sum(),
        lost: lost.iter().map(|one| one.lost_seconds).sum(),
        reach: reach(&outcome.journeys),
        detected_after: heard,
        mitigated_after: outage.and_then(|outage| mitigated(report, outage)),
        unseen: is_watched(scenario).then(|| unseen(&outcome.phases, &alarms)),
        late: late(report),
        wrong: complete.then(|| outcome.violations.iter().filter(|v| v.data_loss).count()),
        journeys: journeys.collect(),
    }
}

/// Whether a scenario's world has monitoring. Clients of etcd alone have none.
pub fn is_watched(scenario: &Scenario) -> bool {
    scenario.world == World::Bank
}

fn one(
    scenario: &Scenario,
    alarms: &Alarms,
    journey: &JourneyOutcome,
    lost: f64,
    from: f64,
) -> JourneyImpact {
    let known = scenario.workload.journeys.iter().find(|known| known.name == journey.name);
    let objective = known.map_or(1.0, |known| known.objective);
    let inside: Vec<Bucket> =
        journey.buckets.iter().copied().filter(|bucket| bucket.start as f64 >= from).collect();
    let ratios = inside.iter().filter_map(Bucket::ratio);
    let missed: Vec<f64> = inside
        .iter()
        .filter(|bucket| bucket.ratio().is_some_and(|ratio| ratio < objective))
        .map(|bucket| bucket.start as f64)
        .collect();
    let unseen = missed.iter().filter(|at| !alarms.are_up(&[journey.name.as_str()], **at)).count();
    let first = missed.first().copied();
    let raised = alarms.of_journey(&journey.name);
    let heard = first.and_then(|first| raised.iter().find(|(since, _)| *since >= first));
    let allowed = Some(1.0 - objective).filter(|allowed| *allowed > 0.0);
    JourneyImpact {
        name: journey.name.clone(),
        objective,
        critical: known.is_some_and(|known| known.critical),
        success: journey.success_ratio,
        depth: 1.0 - ratios.fold(1.0, f64::min),
        lost,
        missed: (missed.len() as i64 * WIDTH) as f64,
        unseen: is_watched(scenario).then_some((unseen as i64 * WIDTH) as f64),
        detected_after: first.zip(heard).map(|(first, (since, _))| since - first),
        burn: allowed.map(|allowed| worst_hour(&inside) / allowed),
        budget: allowed.map(|allowed| lost / (BUDGET * allowed)),
    }
}

/// The part of requests that failed in the worst hour; in all of it where there is less than an hour.
fn worst_hour(buckets: &[Bucket]) -> f64 {
    let end = buckets.last().map_or(0, |last| last.start + WIDTH);
    let whole = |n: &usize| *n == 0 || buckets[*n].start + HOUR <= end;
    let share = |n: usize| {
        let until = buckets[n].start + HOUR;
        let hour = buckets[n..].iter().take_while(|bucket| bucket.start < until);
        let (failed, all) = hour.fold((0, 0), |(failed, all), bucket| {
            (failed + bucket.requests - bucket.ok, all + bucket.requests)
        });
        failed as f64 / all.max(1) as f64
    };
    (0..buckets.len()).take_while(whole).map(share).fold(0.0, f64::max)
}

/// How many journeys were below half in the same ten seconds, at the worst.
fn reach(journeys: &[JourneyOutcome]) -> usize {
    let mut down: BTreeMap<i64, usize> = BTreeMap::new();
    for bucket in journeys.iter().flat_map(|journey| &journey.buckets) {
        if bucket.ratio().is_some_and(|ratio| ratio < 0.5) {
            *down.entry(bucket.start).or_default() += 1;
        }
    }
    down.into_values().max().unwrap_or(0)
}

/// From the beginning of the outage to the first minute, once it is over, from which on each critical
/// journey meets its objective; none where that was not within the run.
fn mitigated(report: &Report, outage: Outage) -> Option<f64> {
    let Report { scenario, outcome, .. } = report;
    let ended = outage.ended?;
    let mut over = ended;
    for known in scenario.workload.journeys.iter().filter(|known| known.critical) {
        let journey = outcome.journeys.iter().find(|journey| journey.name == known.name)?;
        over = over.max(well_again(&journey.buckets, known.objective, ended)?);
    }
    Some((over - outage.began) as f64)
}

/// When a minute begins, from `from` on, in which the objective is met; `from` where nobody asks.
fn well_again(buckets: &[Bucket], objective: f64, from: i64) -> Option<i64> {
    let later = &buckets[buckets.partition_point(|bucket| bucket.start < from)..];
    let well = |n: &usize| {
        let minute = later[*n..].iter().take_while(|b| b.start < later[*n].start + MINUTE);
        let (ok, all) = minute.fold((0, 0), |(ok, all), b| (ok + b.ok, all + b.requests));
        ok as f64 >= objective * all as f64
    };
    if later.is_empty() {
        return Some(from);
    }
    (0..later.len()).find(well).map(|n| later[n].start)
}

/// How long during the outage no alarm was up.
fn unseen(phases: &[Phase], alarms: &Alarms) -> f64 {
    let bad = phases.iter().filter(|phase| phase.name == "partial" || phase.name == "total");
    let tens = bad.flat_map(|phase| (phase.start..phase.end).step_by(WIDTH as usize));
    let unseen = tens.filter(|at| !alarms.any_is_up(*at as f64)).count();
    (unseen as i64 * WIDTH) as f64
}

/// The payments that stand-in took and that were replayed.
fn late(report: &Report) -> Option<u64> {
    let replayed: Vec<u64> = report
        .events
        .iter()
        .filter(|event| event.kind == "reconciled")
        .filter_map(|event| event.fields.get("payments")?.parse().ok())
        .collect();
    (!replayed.is_empty()).then(|| replayed.iter().sum())
}
