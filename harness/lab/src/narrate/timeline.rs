//! What happened, one line for each thing that mattered: when, who, what, because of what.

use std::fmt::Write as _;

use super::text::{Paint, duration, heading, paint, paragraph};
use crate::outcome::{ActSpan, Entry};
use crate::scenario::Calendar;
use crate::{Outcome, Scenario};

/// The widest name of an actor that is not cut: `kube-controller-manager on master-1` is not.
const ACTOR_WIDTH_MAX: usize = 36;
/// How many reasons of one line are told.
const REASONS_MAX: usize = 2;

/// The timeline, grouped by act.
pub(super) fn timeline(scenario: &Scenario, outcome: &Outcome) -> String {
    let mut page = String::new();
    let calendar = &scenario.calendar;
    let actors = outcome.timeline.iter().map(|entry| entry.actor.chars().count());
    let actor_width = actors.max().unwrap_or(0).min(ACTOR_WIDTH_MAX);
    let mut before: Option<&ActSpan> = None;
    for act in &outcome.acts {
        act_heading(&mut page, scenario, act, before);
        let mut any = false;
        for entry in &outcome.timeline {
            if outcome.acts.iter().rev().find(|a| a.start <= entry.at) == Some(act) {
                line(&mut page, calendar, entry, actor_width);
                any = true;
            }
        }
        if !any {
            let _ = writeln!(page, "  {}", paint(Paint::DIM, "nothing worth a line"));
        }
        before = Some(act);
    }
    page
}

fn act_heading(page: &mut String, scenario: &Scenario, act: &ActSpan, before: Option<&ActSpan>) {
    if let Some(before) = before {
        let _ = writeln!(page);
        let jump = format!("the clock jumps {}", duration(act.start - before.end));
        let _ = writeln!(page, "  {}", paint(Paint::DIM, &jump));
    }
    let date = scenario.calendar.date(act.start);
    let known = scenario.act(&act.name);
    let doc = known.map(|act| act.doc.as_str()).filter(|doc| !doc.is_empty());
    let doc = doc.unwrap_or(&act.name);
    let assumed = known.is_some_and(|act| act.assumption);
    let assumed = if assumed { " (an assumption)" } else { "" };
    heading(page, &format!("{date} · {doc}{assumed}"));
}

fn line(page: &mut String, calendar: &Calendar, entry: &Entry, actor_width: usize) {
    let actor: String = entry.actor.chars().take(actor_width).collect();
    let indent = 2 + 8 + 2 + actor_width + 2;
    let padding = actor_width - actor.chars().count() + 2;
    let actor = paint(Paint::WHO, &actor);
    let first = format!("  {}  {actor}{:padding$}", calendar.time(entry.at), "");
    let text = if entry.text.is_empty() { &entry.kind } else { &entry.text };
    paragraph(page, &first, indent, text);
    let more = entry.because.len().saturating_sub(REASONS_MAX);
    let more = (more > 0).then(|| format!("{more} more like this"));
    for because in entry.because.iter().take(REASONS_MAX).chain(&more) {
        let first = format!("{:indent$}{} ", "", paint(Paint::DIM, "because"));
        paragraph(page, &first, indent + 8, because);
    }
}
