//! The real day beside the simulated one.

use serde::Serialize;

use super::Report;
use crate::outcome::Entry;

/// One thing that is known of the real day.
#[derive(Clone, Debug, Serialize)]
pub struct Mark {
    /// Its number on the drawing.
    pub number: usize,
    /// Seconds from the scenario's zero.
    pub at: f64,
    /// The real clock.
    pub real: String,
    /// The clock at which the run did the same, if it did.
    pub simulated: Option<String>,
    /// By how much the run was late (negative: early).
    pub late: Option<String>,
    /// What happened.
    pub text: String,
    /// Who says so.
    pub source: String,
}

/// Everything that is known of the real day, if the run got to it.
pub fn marks(report: &Report) -> Vec<Mark> {
    let Report { scenario, outcome, .. } = report;
    let main = &scenario.main_act().name;
    let Some(act) = outcome.acts.iter().find(|act| act.name == *main) else { return Vec::new() };
    let clock = |at: f64| scenario.calendar.time(at);
    let mut marks = Vec::new();
    for (n, reference) in scenario.references.iter().enumerate() {
        let at = scenario.calendar.offset_of(reference.at);
        let answers = |entry: &&Entry| Some(&entry.kind) == reference.kind.as_ref();
        let found = outcome.timeline.iter().filter(|entry| entry.at >= act.start).find(answers);
        marks.push(Mark {
            number: n + 1,
            at,
            real: clock(at),
            simulated: found.map(|entry| clock(entry.at)),
            late: found.map(|entry| format!("{:+.0} s", entry.at - at)),
            text: reference.text.clone(),
            source: reference.source.clone(),
        });
    }
    marks
}
