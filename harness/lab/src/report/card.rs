//! The verdict card: how bad it was, in the numbers that a meeting asks for.

use serde::Serialize;

use super::Report;
use crate::narrate::{duration, thousands};
use crate::outcome::Phase;

/// The card.
#[derive(Serialize)]
pub struct Card {
    /// The severity's name.
    pub severity: &'static str,
    /// Why it counts as that.
    pub reasons: Vec<String>,
    /// Name and value, most important first.
    pub figures: Vec<(String, String)>,
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
    let lasted = |phases: &mut dyn Iterator<Item = &Phase>| {
        phases.map(|phase| (phase.end - phase.start) as f64).sum::<f64>()
    };
    let bad = |phase: &&Phase| phase.name == "partial" || phase.name == "total";
    let total = |phase: &&Phase| phase.name == "total";
    let requests: u64 = outcome.journeys.iter().map(|j| j.requests).sum();
    let lost: u64 =
        outcome.journeys.iter().flat_map(|j| &j.buckets).map(|b| b.requests - b.ok).sum();
    let mut figures = vec![
        ("outage".to_owned(), duration(lasted(&mut outcome.phases.iter().filter(bad)))),
        ("of it total".to_owned(), duration(lasted(&mut outcome.phases.iter().filter(total)))),
        (
            "requests that failed".to_owned(),
            format!("{} of {}", thousands(lost), thousands(requests)),
        ),
    ];
    for journey in outcome.journeys.iter().filter(|journey| {
        scenario.workload.journeys.iter().any(|known| known.name == journey.name && known.critical)
    }) {
        figures.push((
            journey.name.clone(),
            format!("{:.1} % succeeded", journey.success_ratio * 100.0),
        ));
    }
    Card {
        severity: outcome.severity.name(),
        reasons: outcome.reasons.clone(),
        figures,
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
