//! Who was served, minute by minute, and what monitoring believed meanwhile.
//!
//! The second is drawn over the first: where a journey missed its objective and no alarm was up, the
//! detector saw a healthy system and the user a sick one ("differential observability", Huang et
//! al., "Gray failure", HotOS 2017).

use std::collections::BTreeMap;

use serde::Serialize;

use super::Report;
use super::axis::{Axis, Tick, round};
use crate::narrate::duration;
use crate::outcome::buckets::WIDTH as BUCKET;
use crate::outcome::{Event, JourneyOutcome};

const WIDTH: f64 = 1200.0;
const LEFT: f64 = 150.0;
const ROW: f64 = 26.0;
const TOP: f64 = 24.0;
/// Seconds of a cell.
const CELL: i64 = 60;

/// The drawing, over the main act.
#[derive(Serialize)]
pub struct Health {
    pub width: f64,
    pub height: f64,
    pub ticks: Vec<Tick>,
    pub rows: Vec<Row>,
}

/// A journey.
#[derive(Serialize)]
pub struct Row {
    pub name: String,
    pub doc: String,
    pub y: f64,
    pub height: f64,
    pub cells: Vec<Cell>,
    /// While an alarm was up.
    pub alarms: Vec<Span>,
    pub success: String,
    pub objective: String,
    /// How long the objective was missed.
    pub missed: String,
    /// How much of that no alarm was up.
    pub unseen: String,
    /// From the first missed ten seconds to the first alarm.
    pub detected: Option<String>,
}

/// A minute of a journey.
#[derive(Serialize)]
pub struct Cell {
    pub x: f64,
    pub width: f64,
    /// `s0` (nothing succeeds) to `s4` (the objective is met).
    pub class: &'static str,
    pub text: String,
}

/// A stretch of the axis.
#[derive(Serialize)]
pub struct Span {
    pub x: f64,
    pub width: f64,
}

/// Lays out the main act.
pub fn health(report: &Report) -> Health {
    let Report { scenario, outcome, events, .. } = report;
    let axis = Axis::of_main(scenario, outcome, LEFT, WIDTH - 8.0);
    let (from, to) = axis.pieces.first().map_or((0.0, 0.0), |main| (main.from, main.to));
    let alarms = alarms(events, to);
    let mut rows = Vec::new();
    for (n, journey) in outcome.journeys.iter().enumerate() {
        let known = scenario.workload.journeys.iter().find(|known| known.name == journey.name);
        let objective = known.map_or(1.0, |known| known.objective);
        let raised = alarms.get(journey.name.as_str()).map_or(&[][..], Vec::as_slice);
        let up = |at: f64| raised.iter().any(|(since, until)| *since <= at && at < *until);
        let inside = || journey.buckets.iter().filter(|b| b.start as f64 >= from);
        let missed: Vec<i64> = inside()
            .filter(|bucket| bucket.ratio().is_some_and(|ratio| ratio < objective))
            .map(|bucket| bucket.start)
            .collect();
        let unseen = missed.iter().filter(|start| !up(**start as f64)).count();
        let first = missed.first().map(|start| *start as f64);
        let heard = first.and_then(|first| raised.iter().find(|(since, _)| *since >= first));
        let seconds = |buckets: usize| duration(buckets as f64 * BUCKET as f64);
        rows.push(Row {
            name: journey.name.clone(),
            doc: known.map_or(String::new(), |known| known.doc.clone()),
            y: TOP + ROW * n as f64,
            height: ROW - 4.0,
            cells: cells(report, &axis, journey, objective),
            alarms: raised
                .iter()
                .map(|(since, until)| {
                    let x = axis.x(*since);
                    Span { x: round(x), width: round(axis.x(*until) - x) }
                })
                .collect(),
            success: format!("{:.1} %", journey.success_ratio * 100.0),
            objective: format!("{:.1} %", objective * 100.0),
            missed: seconds(missed.len()),
            unseen: seconds(unseen),
            detected: first.zip(heard).map(|(first, (since, _))| duration(since - first)),
        });
    }
    let height = TOP + ROW * rows.len() as f64 + 6.0;
    Health { width: WIDTH, height, ticks: axis.ticks(scenario), rows }
}

fn cells(report: &Report, axis: &Axis, journey: &JourneyOutcome, objective: f64) -> Vec<Cell> {
    let Some(main) = axis.pieces.first() else { return Vec::new() };
    let mut minutes: BTreeMap<i64, (u64, u64)> = BTreeMap::new();
    for bucket in journey.buckets.iter().filter(|bucket| bucket.start as f64 >= main.from) {
        let minute = minutes.entry(bucket.start.div_euclid(CELL) * CELL).or_default();
        minute.0 += bucket.ok;
        minute.1 += bucket.requests;
    }
    let cell = |(start, (ok, all)): (i64, (u64, u64))| {
        let ratio = ok as f64 / all as f64;
        let class = match ratio {
            r if r >= objective => "s4",
            r if r >= 0.9 => "s3",
            r if r >= 0.5 => "s2",
            r if r >= 0.05 => "s1",
            _ => "s0",
        };
        let (x, end) = (axis.x(start as f64), axis.x((start + CELL) as f64));
        let clock = report.scenario.calendar.minute(start as f64);
        let text = format!("{clock} {}: {ok} of {all}", journey.name);
        Cell { x: round(x), width: round((end - x).max(0.5)), class, text }
    };
    minutes.into_iter().map(cell).collect()
}

/// While which journey's alarm was up: from, until.
fn alarms(events: &[Event], end: f64) -> BTreeMap<&str, Vec<(f64, f64)>> {
    let mut alarms: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
    for event in events {
        let Some(journey) = event.fields.get("journey") else { continue };
        let spans = alarms.entry(journey).or_default();
        match event.kind.as_str() {
            "alarm.raised" => spans.push((event.at, end)),
            "alarm.cleared" => {
                if let Some(last) = spans.last_mut() {
                    last.1 = event.at;
                }
            }
            _ => {}
        }
    }
    alarms
}
