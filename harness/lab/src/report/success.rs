//! The part of requests that succeeded, minute by minute: all journeys together, and each critical one.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::Report;
use super::axis::{Axis, round};
use crate::outcome::JourneyOutcome;

const MINUTE: i64 = 60;

/// A line over time.
#[derive(Serialize)]
pub struct Line {
    pub name: String,
    pub y: f64,
    /// The line, as an SVG path: a step a minute.
    pub path: String,
    /// Where all succeed, and where none does.
    pub top: f64,
    pub base: f64,
    /// Where the objective is.
    pub objective: Option<f64>,
    pub text: String,
}

/// The lines from `top` on, each `row` high.
pub fn lines(report: &Report, axis: &Axis, top: f64, row: f64) -> Vec<Line> {
    let Report { scenario, outcome, .. } = report;
    let planned = &scenario.workload.journeys;
    let all: Vec<&JourneyOutcome> = outcome.journeys.iter().collect();
    let mut drawn = vec![("all requests", None, all)];
    for journey in &outcome.journeys {
        let known = planned.iter().find(|known| known.name == journey.name);
        if let Some(known) = known.filter(|known| known.critical) {
            drawn.push((journey.name.as_str(), Some(known.objective), vec![journey]));
        }
    }
    let counted =
        drawn.into_iter().map(|(name, objective, of)| (name, objective, minutes(axis, &of)));
    let asked = counted.filter(|(_, _, minutes)| !minutes.is_empty());
    let line = |(n, (name, objective, minutes)): (usize, (&str, Option<f64>, Minutes))| {
        let y = top + row * n as f64;
        let (top, base) = (y + 6.0, y + row - 8.0);
        let height = |share: f64| round(base - share * (base - top));
        let share = |(_, (ok, all)): (&i64, &(u64, u64))| *ok as f64 / *all as f64;
        let least = minutes.iter().map(share).fold(1.0, f64::min);
        let mut path = String::new();
        let mut before = None;
        for (minute, (ok, all)) in &minutes {
            let (x, end) = (axis.x(*minute as f64), axis.x((*minute + MINUTE) as f64));
            let y = height(*ok as f64 / *all as f64);
            let _ = match before {
                Some(before) if before == *minute => write!(path, "V{y}H{}", round(end)),
                _ => write!(path, "M{} {y}H{}", round(x), round(end)),
            };
            before = Some(*minute + MINUTE);
        }
        let objective = objective.map(height);
        let text = format!("success, {:.1} % at the least", least * 100.0);
        Line { name: name.to_owned(), y, path, top, base, objective, text }
    };
    asked.enumerate().map(line).collect()
}

/// By minute: how many succeeded, of how many.
type Minutes = BTreeMap<i64, (u64, u64)>;

fn minutes(axis: &Axis, journeys: &[&JourneyOutcome]) -> Minutes {
    let from = axis.pieces.first().map_or(0.0, |main| main.from);
    let mut minutes = Minutes::new();
    for bucket in journeys.iter().flat_map(|journey| &journey.buckets) {
        if bucket.start as f64 >= from && bucket.requests > 0 {
            let minute = minutes.entry(bucket.start.div_euclid(MINUTE) * MINUTE).or_default();
            minute.0 += bucket.ok;
            minute.1 += bucket.requests;
        }
    }
    minutes
}
