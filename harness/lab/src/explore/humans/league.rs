//! Responses compared over the same seeds.
//!
//! All policies meet the same accidents: they differ in what people do and in nothing before it. So the
//! runs are paired, and a difference is told by a paired permutation test (what was lost), by McNemar's test
//! (how many got that bad) and by the log-rank test (how long it lasted), all against the first policy, which
//! is meant to be that of doing nothing; the best is compared with the second best besides.
//! Times to recovery are Kaplan and Meier's: what had not recovered when the run ended is not left out, and
//! what never broke had recovered at once.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::runs::{Ask, Question, Row, Runs, Tally, lottery};
use super::super::stats::{
    Curve, Interval, LogRank, Observation, Pairs, benjamini_hochberg, log_rank, sign_flip, wilson,
};
use super::policy::Policy;
use super::unsafely::Unsafely;
use crate::Settings;
use crate::outcome::Severity;

/// How a policy did.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Standing {
    /// The policy.
    pub policy: Policy,
    /// In how many runs it became partial or worse.
    pub partial: Interval,
    /// In how many it became total or worse.
    pub total: Interval,
    /// What all journeys lost together, in seconds, on average over the runs.
    pub lost_seconds: f64,
    /// The least and the most that was lost with any seed.
    pub lost_range: (f64, f64),
    /// Whether what was lost differs from what the first policy lost: the p-value, adjusted for all
    /// policies that were compared.
    pub lost_p: f64,
    /// That divided by what was lost with the first policy: above 1, the response did harm.
    pub escalation: Option<f64>,
    /// The share of each journey's requests that failed, over all runs.
    pub journeys: Vec<(String, f64)>,
    /// How long outages lasted; 0 where there was none.
    pub recovery: Curve,
    /// The median of that, in seconds; none where most were not over.
    pub median: Option<f64>,
    /// How long the longest outage was watched, in seconds: where the curve of `recovery` ends.
    pub watched: f64,
    /// With how many seeds no outage began at all.
    pub no_outage: u64,
    /// Seeds by whether they became total: before, with the first policy; after, with this one.
    pub pairs: Pairs,
    /// McNemar's p-value of that, adjusted for all policies that were compared.
    pub total_p: f64,
    /// Whether outages lasted longer or shorter than with the first policy.
    pub log_rank: Option<LogRank>,
    /// Its p-value, adjusted likewise.
    pub recovery_p: Option<f64>,
    /// The command that plays it with the first seed.
    pub replay: String,
}

impl Standing {
    /// The median of how long outages lasted, for people.
    pub fn median_told(&self, told: impl Fn(f64) -> String) -> String {
        match self.median {
            Some(0.0) => "no outage".to_owned(),
            Some(median) => told(median),
            None => "not over".to_owned(),
        }
    }
}

/// The policies, the one that lost the least first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct League {
    /// The scenario's name.
    pub scenario: String,
    /// A hash of its text.
    pub text: String,
    /// A hash of the program that played the runs.
    pub build: String,
    /// The seeds.
    pub seeds: Vec<u64>,
    /// How they were chosen.
    pub chosen: String,
    /// The policy that the others are compared with.
    pub against: String,
    /// How each did.
    pub standings: Vec<Standing>,
    /// Whether the best lost less than the second best: the p-value. None where there is no second.
    pub best_p: Option<f64>,
    /// Steps of the real response done otherwise, where that was asked.
    #[serde(default)]
    pub variants: Vec<Unsafely>,
    /// What was not asked because the scenario forbids it, each with what is forbidden.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// What it took.
    pub tally: Tally,
}

/// Plays every policy over those of `seeds` with which chance does its part.
///
/// # Errors
/// As [`Runs::answer`]; a policy that the scenario does not allow; no seed that will do.
pub fn league(
    runs: &Runs,
    base: &Settings,
    policies: &[Policy],
    seeds: std::ops::Range<u64>,
) -> Result<League, String> {
    let scenario = runs.scenario().clone();
    let settings: Vec<Settings> =
        policies.iter().map(|policy| policy.settings(&scenario, base)).collect::<Result<_, _>>()?;
    let (chosen, how) = choose(runs, base, seeds)?;
    let ask = |settings: &Settings| {
        let settings = settings.clone();
        chosen.iter().map(move |seed| Ask::new(settings.clone(), *seed, Question::Whole))
    };
    let asks: Vec<Ask> = settings.iter().flat_map(ask).collect();
    let rows = runs.answer("policies", &asks)?;
    let by_policy: Vec<&[Arc<Row>]> = rows.chunks(chosen.len()).collect();
    let mut standings: Vec<Standing> = policies
        .iter()
        .zip(&by_policy)
        .map(|(policy, rows)| standing(policy, rows, by_policy[0]))
        .collect();
    adjust(&mut standings);
    let mut ranked: Vec<(Standing, &[Arc<Row>])> = standings.into_iter().zip(by_policy).collect();
    ranked.sort_by(|(a, _), (b, _)| a.lost_seconds.total_cmp(&b.lost_seconds));
    let best_p = ranked.get(1).map(|(_, second)| sign_flip(&lost_more(second, ranked[0].1)));
    Ok(League {
        scenario: scenario.name.clone(),
        text: scenario.text(),
        build: runs.build(),
        seeds: chosen,
        chosen: how,
        against: policies[0].name.clone(),
        standings: ranked.into_iter().map(|(standing, _)| standing).collect(),
        best_p,
        variants: Vec::new(),
        left_out: runs.left_out(),
        tally: runs.tally(),
    })
}

/// Those of `seeds` with which chance does its part; all of them where a scenario has no such part.
pub(super) fn choose(
    runs: &Runs,
    base: &Settings,
    seeds: std::ops::Range<u64>,
) -> Result<(Vec<u64>, String), String> {
    let all: Vec<u64> = seeds.collect();
    let Some(lottery) = runs.scenario().lottery.clone() else {
        return Ok((all, "all".to_owned()));
    };
    let after = || Question::After(lottery.act.clone());
    let asks: Vec<Ask> = all.iter().map(|seed| Ask::new(base.clone(), *seed, after())).collect();
    let rows = runs.answer("looking for seeds", &asks)?;
    let chosen: Vec<u64> =
        rows.iter().filter(|row| lottery::fell(&lottery, row)).map(|row| row.seed).collect();
    if chosen.is_empty() {
        return Err(format!("with none of the {} seeds: {}", all.len(), lottery.doc));
    }
    let how = format!("{} of {}: {}", chosen.len(), all.len(), lottery.doc);
    Ok((chosen, how))
}

/// What all journeys lost together, in seconds, on average over the runs.
fn mean_lost(rows: &[Arc<Row>]) -> f64 {
    rows.iter().map(|row| row.lost_seconds()).sum::<f64>() / rows.len() as f64
}

/// How much more was lost with one than with another, seed by seed.
fn lost_more(one: &[Arc<Row>], other: &[Arc<Row>]) -> Vec<f64> {
    one.iter().zip(other).map(|(one, other)| one.lost_seconds() - other.lost_seconds()).collect()
}

fn standing(policy: &Policy, rows: &[Arc<Row>], first: &[Arc<Row>]) -> Standing {
    let runs = rows.len() as u64;
    let reach =
        |severity| wilson(rows.iter().filter(|row| row.reaches(severity)).count() as u64, runs);
    let lost = || rows.iter().map(|row| row.lost_seconds());
    let mut pairs = Pairs::default();
    for (row, first) in rows.iter().zip(first) {
        pairs.add(first.reaches(Severity::Total), row.reaches(Severity::Total));
    }
    let times = times(rows);
    let recovery = Curve::of(&times);
    let journeys = rows.first().map_or(Vec::new(), |row| {
        let sums = (0..row.impact.len()).map(|n| {
            let requests: u64 = rows.iter().map(|row| row.impact[n].requests).sum();
            let failed: u64 = rows.iter().map(|row| row.impact[n].failed).sum();
            (row.impact[n].journey.clone(), failed as f64 / requests.max(1) as f64)
        });
        sums.collect()
    });
    Standing {
        policy: policy.clone(),
        partial: reach(Severity::Partial),
        total: reach(Severity::Total),
        lost_seconds: mean_lost(rows),
        lost_range: (lost().fold(f64::MAX, f64::min), lost().fold(0.0, f64::max)),
        lost_p: sign_flip(&lost_more(rows, first)),
        escalation: Some(mean_lost(rows) / mean_lost(first)).filter(|ratio| ratio.is_finite()),
        journeys,
        median: recovery.median(),
        recovery,
        watched: times.iter().map(|seen| seen.time).fold(0.0, f64::max),
        no_outage: rows.iter().filter(|row| row.outage.is_none()).count() as u64,
        total_p: pairs.p_value(),
        pairs,
        log_rank: log_rank(&times, &self::times(first)),
        recovery_p: None,
        replay: rows.first().map_or(String::new(), |row| row.replay.clone()),
    }
}

/// How long each outage lasted, or was watched; what never broke was over at once.
fn times(rows: &[Arc<Row>]) -> Vec<Observation> {
    let time = |row: &Arc<Row>| match row.outage {
        Some(outage) => {
            let until = outage.ended.unwrap_or(outage.watched_until);
            Observation { time: (until - outage.began) as f64, happened: outage.ended.is_some() }
        }
        None => Observation { time: 0.0, happened: true },
    };
    rows.iter().map(time).collect()
}

/// Many policies are compared, so some differ by chance: p-values become the share of those that are
/// told and mean nothing. The first policy is compared with nobody.
fn adjust(standings: &mut [Standing]) {
    let others = standings.get_mut(1..).unwrap_or_default();
    let totals: Vec<f64> = others.iter().map(|one| one.total_p).collect();
    let losses: Vec<f64> = others.iter().map(|one| one.lost_p).collect();
    let tested: Vec<f64> = others.iter().filter_map(|o| o.log_rank.map(|t| t.p_value)).collect();
    let mut recoveries = benjamini_hochberg(&tested).into_iter();
    let adjusted = benjamini_hochberg(&totals).into_iter().zip(benjamini_hochberg(&losses));
    for (one, (total, lost)) in others.iter_mut().zip(adjusted) {
        (one.total_p, one.lost_p) = (total, lost);
        one.recovery_p = one.log_rank.and_then(|_| recoveries.next());
    }
}
