//! What to conclude: how bad, why, and how to see it again.

use std::fmt::Write as _;

use anstyle::Style;

use super::text::{Paint, heading, paint, paragraph, thousands};
use crate::outcome::{Entry, Severity};
use crate::{Outcome, Scenario};

/// The style of a severity's name.
pub fn severity_style(severity: Severity) -> Style {
    let style = match severity {
        Severity::Ok => Paint::GOOD,
        Severity::Degraded | Severity::Partial => Paint::WARN,
        Severity::Total | Severity::DataLoss => Paint::BAD,
    };
    style.bold()
}

/// The verdict.
pub(super) fn verdict(scenario: &Scenario, outcome: &Outcome) -> String {
    let mut page = String::new();
    heading(&mut page, "Verdict");
    let severity = paint(severity_style(outcome.severity), outcome.severity.name());
    let reasons = outcome.reasons.iter().map(String::as_str);
    let why = if outcome.reasons.is_empty() {
        vec!["every objective was met"]
    } else {
        reasons.collect()
    };
    for (n, reason) in why.into_iter().enumerate() {
        let first = match n {
            0 => format!("  {severity}{:1$}", "", 12 - outcome.severity.name().len()),
            _ => format!("{:14}", ""),
        };
        paragraph(&mut page, &first, 14, reason);
    }
    listed(&mut page, "because", Paint::HEAD, &chain(scenario, outcome));
    let stuck: Vec<String> = outcome
        .stuck_pools()
        .map(|pool| format!("{} on {} after the act {}", pool.resource, pool.apiserver, pool.act))
        .collect();
    listed(&mut page, "lost quota", Paint::WARN, &stuck);
    let inert = outcome.faults.iter().filter(|fault| fault.effects == 0);
    let inert: Vec<String> =
        inert.map(|f| format!("{} ({}) changed nothing", f.id, f.kind)).collect();
    listed(&mut page, "inert", Paint::WARN, &inert);
    let violations: Vec<String> =
        outcome.violations.iter().map(|v| format!("{}: {}", v.oracle, v.text)).collect();
    listed(&mut page, "violated", Paint::BAD, &violations);
    let unfinished = outcome.until.iter();
    let unchecked = unfinished.map(|act| format!("no oracle: the run stopped after the act {act}"));
    listed(&mut page, "not checked", Paint::DIM, &unchecked.collect::<Vec<_>>());
    let _ = writeln!(page, "  {:12}{}", "digest", outcome.digest);
    let _ = writeln!(page, "  {:12}{}", "speed", speed(outcome));
    let _ = writeln!(page, "  {:12}{}", "again", outcome.replay(scenario));
    page
}

/// What led to it, a sentence a link: when, who if it was a person, what. Nothing where nothing
/// happened.
pub fn chain(scenario: &Scenario, outcome: &Outcome) -> Vec<String> {
    if outcome.severity == Severity::Ok {
        return Vec::new();
    }
    let told = |link: &Entry| {
        let (date, time) = (scenario.calendar.date(link.at), scenario.calendar.minute(link.at));
        let by_hand = link.kind.starts_with("step.");
        let who = if by_hand { format!("{} ", link.actor) } else { String::new() };
        format!("{date}, {time}: {who}{}", link.text)
    };
    outcome.chain.iter().map(told).collect()
}

fn listed(page: &mut String, name: &str, style: Style, items: &[String]) {
    for (n, item) in items.iter().enumerate() {
        let name = if n == 0 { name } else { "" };
        let first = format!("  {}", paint(style, &format!("{name:12}")));
        paragraph(page, &first, 14, item);
    }
}

fn speed(outcome: &Outcome) -> String {
    let (simulated, wall) = (outcome.sim_seconds, outcome.wall_seconds);
    let played = format!("{} simulated s in {wall:.1} s", thousands(simulated.round() as u64));
    if wall > 0.0 { format!("{played} = {:.0}×", simulated / wall) } else { played }
}
