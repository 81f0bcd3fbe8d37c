//! The verdict card: how bad it was, in the numbers that a meeting asks for.

use serde::Serialize;

use super::Report;
use super::cause;
use super::impact::{Impact, impact};
use crate::explore::stats::{Curve, wilson};
use crate::narrate::{duration, thousands};

/// The card.
#[derive(Serialize)]
pub struct Card {
    /// The severity's name.
    pub severity: &'static str,
    /// Why it counts as that.
    pub reasons: Vec<String>,
    /// What led to it, in a sentence or two; where analyses say.
    pub cause: Option<String>,
    /// Name and value, most important first.
    pub figures: Vec<(String, String)>,
    /// What analyses say of other seeds, likewise.
    pub odds: Vec<(String, String)>,
    /// Every setting that is not the scenario's default, as `name=value`.
    pub changed: Vec<String>,
    /// What stands where the record is silent, as `name=value`.
    pub assumptions: Vec<String>,
    /// What the oracles found.
    pub violations: Vec<String>,
    /// The command that plays the run again.
    pub replay: String,
}

/// Puts the card together.
pub fn card(report: &Report) -> Card {
    let Report { scenario, outcome, .. } = report;
    Card {
        severity: outcome.severity.name(),
        reasons: outcome.reasons.clone(),
        cause: cause::sentence(report),
        figures: figures(report, &impact(report)),
        odds: odds(report),
        changed: outcome
            .settings
            .overrides(scenario)
            .map(|(name, to)| format!("{name}={to}"))
            .collect(),
        assumptions: outcome.assumptions.clone(),
        violations: outcome
            .violations
            .iter()
            .map(|v| format!("{}: {}", v.oracle, v.text))
            .collect(),
        replay: outcome.replay(scenario),
    }
}

fn figures(report: &Report, impact: &Impact) -> Vec<(String, String)> {
    let mut figures = Vec::new();
    let mut add = |name: &str, value: String| figures.push((name.to_owned(), value));
    add("outage", duration(impact.outage));
    add("of it total", duration(impact.total));
    if impact.outage > 0.0 {
        let after = |after: Option<f64>, never: &str| after.map_or(never.to_owned(), duration);
        if let Some(unseen) = impact.unseen {
            add("detected after", after(impact.detected_after, "not detected"));
            add("of the outage unseen by monitoring", duration(unseen));
        }
        add("mitigated after", after(impact.mitigated_after, "not within the run"));
    }
    let (failed, requests) = (thousands(impact.failed), thousands(impact.requests));
    add("requests that failed", format!("{failed} of {requests}"));
    add("lost, all journeys together", duration(impact.lost));
    let journeys = report.outcome.journeys.len();
    add("journeys below half at once", format!("{} of {journeys}", impact.reach));
    if let Some(late) = impact.late {
        add("payments booked late", thousands(late));
    }
    if let Some(wrong) = impact.wrong {
        add("acknowledged, then lost or doubled", thousands(wrong as u64));
    }
    for one in impact.journeys.iter().filter(|one| one.critical) {
        let budget = one.budget.map_or(String::new(), |budget| {
            format!(", {:.1} % of 30 days' error budget", budget * 100.0)
        });
        add(&one.name, format!("{:.1} % succeeded{budget}", one.success * 100.0));
    }
    figures
}

/// How likely it is, as far as analyses have counted.
fn odds(report: &Report) -> Vec<(String, String)> {
    let mut odds = Vec::new();
    let mut add = |name: String, value: String| odds.push((name, value));
    let findings = report.findings;
    let real = findings.league.iter().flat_map(|league| {
        let real = league.standings.iter().find(|one| findings.is_real(report, one));
        real.map(|real| (league, real))
    });
    for (league, real) in real {
        add("P(partial) as people responded".to_owned(), real.partial.to_string());
        add("P(total) as people responded".to_owned(), real.total.to_string());
        let quartiles = (over(&real.recovery, 0.25), over(&real.recovery, 0.75));
        let told = |time: Option<f64>| time.map_or("not over".to_owned(), duration);
        add(
            "how long outages last, median and quartiles".to_owned(),
            format!(
                "{} ({} to {})",
                real.median_told(duration),
                told(quartiles.0),
                told(quartiles.1)
            ),
        );
        if let Some(ratio) = real.escalation {
            let against = &league.against;
            add(format!("escalation: lost ÷ lost with “{against}”"), format!("{ratio:.2}"));
        }
        add("these over the seeds".to_owned(), league.chosen.clone());
    }
    let searches = findings.lattices.iter().flat_map(|lattice| {
        let target = lattice.target.name();
        ('A'..).zip(&lattice.families).map(move |(letter, family)| (target, letter, family))
    });
    for (target, letter, family) in searches {
        if let Some(cut) = family.cuts.first() {
            add(format!("P({target} | {letter}1), {}", family.name), cut.fresh.to_string());
        }
    }
    if let Some(found) = findings.explanation.as_ref().filter(|_| report.is_explained())
        && let Some(one) = found.necessity.first()
    {
        let bad = wilson(one.pairs.both + one.pairs.before_only, one.pairs.seeds());
        add(format!("P({}) as this run was set", found.target.name()), bad.to_string());
    }
    odds
}

/// When this share of outages was over; none where the curve ends before.
fn over(curve: &Curve, share: f64) -> Option<f64> {
    // Shares are products of fractions: as good as equal is equal.
    let still = 1.0 - share + 1e-9;
    curve.steps.iter().find(|step| step.waiting <= still).map(|step| step.time)
}
