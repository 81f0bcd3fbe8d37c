//! What really happened, beside what happened in the run.

use std::fmt::Write as _;

use super::text::{Paint, heading, paint, paragraph};
use crate::outcome::Entry;
use crate::{Outcome, Scenario};

/// The column of the real clock, and that of the simulated one.
const CLOCK_WIDTH: usize = 10;

/// The table of phases and moments; nothing where there was no real day, or the
/// main act was not played.
pub(super) fn phases(scenario: &Scenario, outcome: &Outcome) -> String {
    let main = &scenario.main_act().name;
    let nothing = scenario.phases.is_empty() && scenario.references.is_empty();
    if nothing || !outcome.acts.iter().any(|act| act.name == *main) {
        return String::new();
    }
    let mut page = String::new();
    let calendar = &scenario.calendar;
    heading(&mut page, "The real day beside this run");
    let head = format!("  {:CLOCK_WIDTH$}{:CLOCK_WIDTH$}", "real", "run");
    let _ = writeln!(page, "{}", paint(Paint::DIM, head.trim_end()));
    for phase in &scenario.phases {
        let found = outcome.phases.iter().find(|found| found.name == phase.name);
        let simulated = found.map(|found| calendar.time(found.start as f64));
        let what = match phase.name.as_str() {
            "partial" => "a partial outage begins",
            "total" => "a total outage begins",
            _ => "the outage is over",
        };
        let real = calendar.time(calendar.offset_of(phase.starts));
        row(&mut page, &real, simulated.as_deref(), what, &phase.source);
    }
    let _ = writeln!(page);
    for reference in &scenario.references {
        let real = calendar.offset_of(reference.at);
        let answers = |entry: &&Entry| Some(&entry.kind) == reference.kind.as_ref();
        let main_act = outcome.acts.iter().find(|act| act.name == *main);
        let since = main_act.map_or(0.0, |act| act.start);
        let found = outcome.timeline.iter().filter(|entry| entry.at >= since).find(answers);
        let simulated = found.map(|entry| calendar.time(entry.at));
        row(
            &mut page,
            &calendar.time(real),
            simulated.as_deref(),
            &reference.text,
            &reference.source,
        );
    }
    page
}

fn row(page: &mut String, real: &str, simulated: Option<&str>, text: &str, source: &str) {
    let simulated = simulated.unwrap_or("–");
    let first = format!("  {real:CLOCK_WIDTH$}{simulated:CLOCK_WIDTH$}");
    paragraph(page, &first, 2 + 2 * CLOCK_WIDTH, &format!("{text} [{source}]"));
}
