//! How each journey fared over time: one character for a minute or two.

use std::fmt::Write as _;

use super::WIDTH;
use super::text::{Paint, heading, paint, thousands};
use crate::outcome::{ActSpan, JourneyOutcome};
use crate::{Outcome, Scenario};

/// From nothing succeeds to everything does.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The columns behind a strip: ` 82.0 % of 24,000`.
const SUMMARY_WIDTH: usize = 20;

/// A strip for every journey, over the act that the scenario is about (or the last that was
/// played), with the clock under it.
pub(super) fn strips(scenario: &Scenario, outcome: &Outcome) -> String {
    let main = &scenario.main_act().name;
    let Some(act) = outcome.acts.iter().find(|act| act.name == *main).or(outcome.acts.last())
    else {
        return String::new();
    };
    let names = outcome.journeys.iter().map(|journey| journey.name.chars().count());
    let name_width = names.max().unwrap_or(0);
    let room = WIDTH.saturating_sub(2 + name_width + 1 + SUMMARY_WIDTH).max(10);
    let minutes = ((act.end - act.start) / 60.0).ceil().max(1.0) as usize;
    let step = minutes.div_ceil(room);
    let columns = minutes.div_ceil(step);

    let mut page = String::new();
    let each = if step == 1 { "a minute".to_owned() } else { format!("{step} minutes") };
    heading(&mut page, &format!("How the journeys fared, {each} a character"));
    for journey in &outcome.journeys {
        let strip: String = (0..columns).map(|n| cell(journey, act, n, step)).collect();
        let share = format!("{:5.1} %", journey.success_ratio * 100.0);
        let of = format!("of {}", thousands(journey.requests));
        let share = paint(Paint::DIM, &format!("{share} {of}"));
        let _ = writeln!(page, "  {:name_width$} {strip} {share}", journey.name);
    }
    let _ = writeln!(page, "  {:name_width$} {}", "", axis(scenario, act, columns, step));
    page
}

fn cell(journey: &JourneyOutcome, act: &ActSpan, n: usize, step: usize) -> String {
    let from = act.start + (n * step * 60) as f64;
    let to = from + (step * 60) as f64;
    let inside = journey.buckets.iter().filter(|bucket| {
        let start = bucket.start as f64;
        start >= from && start < to
    });
    let (ok, all) = inside.fold((0, 0), |(ok, all), b| (ok + b.ok, all + b.requests));
    if all == 0 {
        return " ".to_owned();
    }
    let ratio = ok as f64 / all as f64;
    let style = match ratio {
        r if r >= 0.95 => Paint::GOOD,
        r if r >= 0.5 => Paint::WARN,
        _ => Paint::BAD,
    };
    let block = BLOCKS[((ratio * 7.999) as usize).min(7)];
    paint(style, &block.to_string())
}

/// Clock times under a strip, each beginning under its minute.
fn axis(scenario: &Scenario, act: &ActSpan, columns: usize, step: usize) -> String {
    let mut axis = String::new();
    let mut width = 0;
    for column in (0..columns).step_by(15) {
        let clock = scenario.calendar.minute(act.start + (column * step * 60) as f64);
        let tick = format!("╵{clock}");
        axis.push_str(&" ".repeat(column - width));
        axis.push_str(&tick);
        width = column + tick.chars().count();
    }
    paint(Paint::DIM, &axis)
}
