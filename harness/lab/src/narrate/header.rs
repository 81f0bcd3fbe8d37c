//! What is played: enough to play it again.

use std::fmt::Write as _;

use super::text::{Paint, paint, paragraph};
use crate::{Outcome, Scenario};

/// The scenario, the seed, what was set, what is assumed.
pub(super) fn header(scenario: &Scenario, outcome: &Outcome) -> String {
    let mut page = String::new();
    paragraph(&mut page, "", 0, &scenario.title);
    page = paint(Paint::HEAD, page.trim_end()) + "\n";
    let _ = writeln!(page, "{} · seed {}", outcome.scenario, outcome.seed);
    let overrides = outcome.settings.overrides(scenario);
    let defaults = scenario.defaults();
    let set: Vec<String> = overrides
        .map(|(name, setting)| {
            let default = defaults.iter().find(|(known, _)| *known == name);
            let default = default.map_or(String::new(), |(_, to)| format!(" (default {to})"));
            format!("{name}={setting}{default}")
        })
        .collect();
    let set = if set.is_empty() { "everything at its default".to_owned() } else { set.join(", ") };
    paragraph(&mut page, "settings  ", 10, &set);
    if !outcome.assumptions.is_empty() {
        let assumed = format!("{}: the record is silent here", outcome.assumptions.join(", "));
        paragraph(&mut page, &paint(Paint::WARN, "assumed   "), 10, &assumed);
    }
    page
}
