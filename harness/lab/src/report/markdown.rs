//! The run as a post-mortem in Markdown.
//!
//! It speaks of contributing conditions, never of one cause at the root, and of what people did together
//! with what they saw when they did it.

use std::fmt::Write as _;

use super::markup::{section, table};
use super::{Report, analyses, card, compare, health, impact, retrospect};
use crate::narrate::{self, duration};
use crate::outcome::Entry;

/// How many of the signs that somebody acted on are told.
const SIGNS_MAX: usize = 3;

/// The post-mortem.
pub fn markdown(report: &Report) -> String {
    let Report { scenario, outcome, .. } = report;
    let card = card::card(report);
    let mut page = String::new();
    let _ = writeln!(page, "# {}\n\n{}\n", scenario.title, scenario.summary.trim());
    let _ = writeln!(page, "A simulated run; severity **{}**.\n", card.severity);
    if let Some(cause) = &card.cause {
        let _ = writeln!(page, "{}\n", super::markup::line(cause));
    }
    harm(&mut page, report, &card);
    section(&mut page, "Contributing conditions", narrate::chain(scenario, outcome));
    analyses::cut_sets(&mut page, report);
    analyses::but_for(&mut page, report);
    analyses::fixes(&mut page, report);
    analyses::league(&mut page, report);
    let left_out = report.findings.left_out();
    section(&mut page, "Not asked, because the scenario forbids it", left_out);
    section(&mut page, "Assumptions", card.assumptions);
    let acted = outcome.timeline.iter().filter(|entry| entry.kind.starts_with("step."));
    section(&mut page, "What people did, and on what ground", acted.map(|one| deed(report, one)));
    let back = retrospect::retrospect(report, &impact::impact(report));
    section(&mut page, "What went well", back.well);
    section(&mut page, "What went badly", back.badly);
    section(&mut page, "Where there was luck in it", back.luck);
    let marks = compare::marks(report);
    if !marks.is_empty() {
        super::markup::heading(&mut page, "The real day beside the run");
        let rows = marks.into_iter().map(|mark| {
            let run = mark.simulated.unwrap_or_else(|| "–".to_owned());
            vec![mark.real, run, mark.text, mark.source]
        });
        table(&mut page, &["real", "run", "", "source"], rows);
    }
    let line = |entry: &Entry| {
        let (clock, since) = (clock(report, entry.at), relative(entry.at));
        format!("{clock} ({since}) · {} · {}", entry.actor, entry.text)
    };
    section(&mut page, "Timeline", outcome.timeline.iter().map(line));
    section(&mut page, "Violations", card.violations);
    let _ = writeln!(page, "## To see it again\n\n```\n{}\n```", card.replay);
    page
}

fn clock(report: &Report, at: f64) -> String {
    let calendar = &report.scenario.calendar;
    format!("{} {}", calendar.date(at), calendar.time(at))
}

/// How long before or after the scenario's zero: `+2 min`.
fn relative(at: f64) -> String {
    let sign = if at < 0.0 { '−' } else { '+' };
    format!("{sign}{}", duration(at.abs()))
}

fn harm(page: &mut String, report: &Report, card: &card::Card) {
    section(page, "Impact", card.reasons.iter().cloned());
    let pair = |(name, value): &(String, String)| vec![name.clone(), value.clone()];
    table(page, &["", ""], card.figures.iter().map(pair));
    let heads = [
        "journey",
        "objective",
        "succeeded",
        "worst 10 s failed",
        "missed for",
        "of it unseen",
        "first alarm after",
        "error budget, worst hour",
        "of 30 days' budget",
    ];
    let rows = health::health(report).rows.into_iter().map(|row| {
        let detected = row.detected.unwrap_or_else(|| "–".to_owned());
        vec![
            row.name,
            row.objective,
            row.success,
            row.depth,
            row.missed,
            row.unseen,
            detected,
            row.burn,
            row.budget,
        ]
    });
    table(page, &heads, rows);
    if !card.odds.is_empty() {
        let _ = writeln!(page, "Over other seeds:\n");
        table(page, &["", ""], card.odds.iter().map(pair));
    }
}

fn deed(report: &Report, entry: &Entry) -> String {
    let done = format!("{}: {} {}", clock(report, entry.at), entry.actor, entry.text);
    let saw: Vec<&str> = entry.because.iter().take(SIGNS_MAX).map(String::as_str).collect();
    match &saw[..] {
        [] => done,
        saw => format!("{done} (because: {})", saw.join("; ")),
    }
}
