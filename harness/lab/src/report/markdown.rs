//! The run as a post-mortem in Markdown.
//!
//! It speaks of contributing conditions, not of a root cause, and of what people did together with
//! what they saw when they did it.

use std::fmt::Write as _;

use super::Report;
use super::{card, compare, health};
use crate::narrate;

/// The post-mortem.
pub fn markdown(report: &Report) -> String {
    let Report { scenario, outcome, .. } = report;
    let card = card::card(report);
    let clock = |at: f64| format!("{} {}", scenario.calendar.date(at), scenario.calendar.time(at));
    let mut page = String::new();
    let _ = writeln!(page, "# {}\n\n{}\n", scenario.title, scenario.summary.trim());
    let _ = writeln!(page, "A simulated run; severity **{}**.\n", card.severity);
    section(&mut page, "Impact", card.reasons.iter().cloned());
    let _ = writeln!(page, "| | |\n|---|---|");
    for (name, value) in &card.figures {
        let _ = writeln!(page, "| {} | {} |", cell(name), cell(value));
    }
    let _ = writeln!(
        page,
        "\n| journey | objective | succeeded | missed for | of it unseen | first alarm after |\n|---|---|---|---|---|---|"
    );
    for row in health::health(report).rows {
        let detected = row.detected.as_deref().unwrap_or("–");
        let (name, objective, success) = (cell(&row.name), &row.objective, &row.success);
        let _ = writeln!(
            page,
            "| {name} | {objective} | {success} | {} | {} | {detected} |",
            row.missed, row.unseen
        );
    }
    page.push('\n');
    section(&mut page, "Contributing conditions", narrate::chain(scenario, outcome).into_iter());
    section(&mut page, "Assumptions", card.assumptions.iter().cloned());
    let acted = outcome.timeline.iter().filter(|entry| entry.kind.starts_with("step."));
    let acted = acted.map(|entry| {
        let saw = entry.because.iter().take(3).cloned().collect::<Vec<_>>().join("; ");
        format!("{}: {} {} (because: {saw})", clock(entry.at), entry.actor, entry.text)
    });
    section(&mut page, "What people did, and on what ground", acted);
    let marks = compare::marks(report);
    if !marks.is_empty() {
        let _ = writeln!(page, "## The real day beside the run\n\n| real | run | |\n|---|---|---|");
        for mark in marks {
            let run = mark.simulated.as_deref().unwrap_or("–");
            let _ = writeln!(
                page,
                "| {} | {run} | {} [{}] |",
                mark.real,
                cell(&mark.text),
                mark.source
            );
        }
        page.push('\n');
    }
    let line = |entry: &crate::outcome::Entry| {
        format!("{} · {} · {}", clock(entry.at), entry.actor, entry.text)
    };
    section(&mut page, "Timeline", outcome.timeline.iter().map(line));
    section(&mut page, "Violations", card.violations.iter().cloned());
    let _ = writeln!(page, "## To see it again\n\n```\n{}\n```", card.replay);
    page
}

/// A list under a heading; nothing where there is nothing to list.
fn section(page: &mut String, title: &str, items: impl Iterator<Item = String>) {
    let items: Vec<String> = items.map(|item| format!("- {}", line(&item))).collect();
    if !items.is_empty() {
        let _ = writeln!(page, "## {title}\n\n{}\n", items.join("\n"));
    }
}

/// Text in a line of Markdown: what would begin markup is escaped.
fn line(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '\n' | '\r' => escaped.push(' '),
            '\\' | '`' | '*' | '_' | '<' | '>' | '[' | ']' => escaped.extend(['\\', c]),
            _ => escaped.push(c),
        }
    }
    escaped
}

/// Text in a cell of a table.
fn cell(text: &str) -> String {
    line(text).replace('|', "\\|")
}
