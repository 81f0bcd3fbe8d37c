//! What went well, what went badly, and where chance had its hand in it: read off the record and the
//! analyses, judged by nobody.

use super::Report;
use super::impact::Impact;
use crate::explore::counterfactual::armed::armed;
use crate::narrate::{duration, thousands};
use crate::outcome::Severity;
use crate::scenario::Kind;

/// More latent conditions than this are not told: the first ones are those that lay in wait longest.
const LATENT_MAX: usize = 6;

/// Sentences.
#[derive(Default)]
pub struct Retrospect {
    pub well: Vec<String>,
    pub badly: Vec<String>,
    pub luck: Vec<String>,
}

/// Looks back on a run; says nothing of one in which nothing happened.
pub fn retrospect(report: &Report, impact: &Impact) -> Retrospect {
    if report.outcome.severity == Severity::Ok {
        return Retrospect::default();
    }
    Retrospect {
        well: well(report, impact),
        badly: badly(report, impact),
        luck: report.scenario.lottery.iter().map(|lottery| lot(report, &lottery.doc)).collect(),
    }
}

fn well(report: &Report, impact: &Impact) -> Vec<String> {
    let mut told = Vec::new();
    if let Some(after) = impact.detected_after {
        told.push(format!("An alarm told of the outage after {}.", duration(after)));
    }
    for one in impact.journeys.iter().filter(|one| one.critical && one.success >= one.objective) {
        let (name, success) = (&one.name, one.success * 100.0);
        told.push(format!("Of {name}, {success:.1} % succeeded: its objective, all in all."));
    }
    if let Some(late) = impact.late.filter(|late| *late > 0) {
        let late = thousands(late);
        told.push(format!("Stand-in took {late} payments, and they were booked afterwards."));
    }
    if impact.wrong == Some(0) && report.outcome.violations.is_empty() {
        told.push("Nothing that was acknowledged is gone or doubled.".to_owned());
    }
    told
}

fn badly(report: &Report, impact: &Impact) -> Vec<String> {
    let outcome = report.outcome;
    let mut told = Vec::new();
    if impact.outage > 0.0 && impact.unseen.is_some() && impact.detected_after.is_none() {
        told.push("No alarm told of the outage.".to_owned());
    }
    if let Some(unseen) = impact.unseen.filter(|unseen| *unseen > 0.0) {
        told.push(format!("For {} of the outage no alarm was up.", duration(unseen)));
    }
    let end = outcome.acts.last().map_or(0.0, |act| act.end);
    let latent = armed(report.scenario, &outcome.timeline, &outcome.steps, end);
    for one in latent.into_iter().take(LATENT_MAX) {
        let Some((showed, _)) = one.showed else { continue };
        let waited = duration(showed - one.armed);
        told.push(format!("In wait for {waited} before it showed: {}: {}", one.on, one.what));
    }
    if let Some(found) = report.findings.explanation.as_ref().filter(|_| report.is_explained()) {
        let averts = found.but_for.iter().filter(|one| found.reaches && !one.reaches);
        for one in averts.filter(|one| one.kind == Kind::Human && one.from != "off") {
            let (factor, target) = (&one.factor, found.target.name());
            told.push(format!("A step of the response itself, {factor}, had a part in {target}."));
        }
    }
    let escalation = report.findings.league.as_ref().and_then(|league| {
        league.standings.iter().find(|one| report.findings.is_real(report, one))?.escalation
    });
    if let Some(ratio) = escalation.filter(|ratio| *ratio > 1.0) {
        told.push(format!("What people did lost {ratio:.2} times what doing nothing would have."));
    }
    told
}

/// What chance decides, and how often, where somebody has counted.
fn lot(report: &Report, doc: &str) -> String {
    let chosen = report.findings.league.as_ref().map(|league| league.chosen.as_str());
    match chosen.filter(|chosen| chosen.contains(doc)) {
        Some(chosen) => format!("Chance decides before the outage; with {chosen}."),
        None => format!("Chance decides before the outage: {doc}."),
    }
}
