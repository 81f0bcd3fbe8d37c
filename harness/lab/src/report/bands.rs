//! What lay in wait, and when steps could do harm: bands over the lanes.

use serde::Serialize;

use super::Report;
use super::axis::{Axis, round};
use crate::explore::counterfactual::armed::armed;
use crate::narrate::duration;

/// A stretch of time in a row of its own.
#[derive(Serialize)]
pub struct Band {
    /// `latent`: armed, and not yet showing. `showing`: from then on. `window`: a step taken then leads
    /// to it.
    pub class: &'static str,
    pub row: usize,
    pub x: f64,
    pub width: f64,
    pub text: String,
    /// What is written into the row, at the band's beginning.
    pub label: String,
}

/// More latent conditions than this are not drawn: the first ones are those that lay in wait.
const ROWS_MAX: usize = 6;
/// Characters of a label; the title has all of it.
const LABEL_MAX: usize = 110;

/// The bands of a run, row by row.
pub fn bands(report: &Report, axis: &Axis) -> Vec<Band> {
    let outcome = report.outcome;
    let calendar = &report.scenario.calendar;
    let end = outcome.acts.last().map_or(0.0, |act| act.end);
    let mut bands = Vec::new();
    let mut row = 0;
    let mut band = |row: usize, class, from: f64, to: f64, text: String, label: String| {
        let (x, end) = (axis.x(from), axis.x(to));
        bands.push(Band { class, row, x: round(x), width: round((end - x).max(2.0)), text, label });
    };
    let latent = armed(report.scenario, &outcome.timeline, &outcome.steps, end);
    for one in latent.into_iter().take(ROWS_MAX) {
        let when = |at: f64| format!("{} {}", calendar.date(at), calendar.time(at));
        let end = one.ended.as_ref().map_or(end, |(at, _)| *at);
        let until = one.showed.as_ref().map_or(end, |(at, _)| *at);
        let what = format!("{}: {}", one.on, one.what);
        let noticed = one.noticed.as_ref();
        let noticed =
            noticed.map_or(String::new(), |(at, who)| format!("; noticed {}: {who}", when(*at)));
        let before = if one.showed.is_none() { noticed.as_str() } else { "" };
        let age = duration(until - one.armed);
        let text = format!("latent from {} for {age}: {what}{before}", when(one.armed));
        let label: String = what.chars().take(LABEL_MAX).collect();
        band(row, "latent", one.armed, until, text, label);
        if let Some((at, showed)) = &one.showed {
            let text = format!("showed {}: {showed}{noticed}", when(*at));
            band(row, "showing", *at, end, text, String::new());
        }
        row += 1;
    }
    let found = report.findings.explanation.iter().filter(|_| report.is_explained());
    for window in found.flat_map(|explanation| &explanation.windows) {
        let text = window.told(calendar);
        let label = format!("{}: when it leads to this", window.factor);
        band(row, "window", window.earliest as f64, window.latest as f64, text, label);
        row += 1;
    }
    bands
}
