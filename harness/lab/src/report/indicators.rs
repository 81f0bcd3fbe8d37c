//! What moved, minute by minute: the part of requests that succeeded, how often each kind of trouble came,
//! how many proxies route by what is no longer so, who led etcd.
//!
//! Which kinds of trouble there are is not decided here: they are the kinds of event that the run itself
//! repeated, the most frequent ones. Programs that try again and again say so once a minute, with how
//! often ([`TIMES`]): that is counted, so the rows are attempts and retries and not lines of a log.
//! Latencies and the lengths of queues are not in the record of a run.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Report;
use super::axis::{Axis, Tick, round};
use super::success::{self, Line};
use super::views::{self, Views};
use crate::outcome::Event;

const WIDTH: f64 = 1200.0;
const LEFT: f64 = 190.0;
const ROW: f64 = 40.0;
const TOP: f64 = 24.0;
const MINUTE: f64 = 60.0;
/// A kind that was reported less often is no indicator.
const TIMES_MIN: usize = 5;
const ROWS_MAX: usize = 10;
/// The fields in which an event says for how many it stands.
const TIMES: &[&str] = &["times", "since", "count"];

/// The drawing, over the main act.
#[derive(Serialize)]
pub struct Indicators {
    pub width: f64,
    pub height: f64,
    pub ticks: Vec<Tick>,
    pub success: Vec<Line>,
    pub rows: Vec<Row>,
    pub views: Option<Views>,
    /// Who led etcd: from, width, name and term.
    pub leaders: Vec<Leader>,
    pub leaders_y: f64,
}

/// How often something happened.
#[derive(Serialize)]
pub struct Row {
    pub kind: String,
    pub y: f64,
    /// The outline of the area, as an SVG path.
    pub path: String,
    pub total: usize,
    pub peak: usize,
    pub peak_at: String,
}

/// A leader's time.
#[derive(Serialize)]
pub struct Leader {
    pub x: f64,
    pub width: f64,
    pub member: String,
    pub term: String,
}

/// Lays out the main act.
pub fn indicators(report: &Report) -> Indicators {
    let Report { scenario, outcome, events, .. } = report;
    let axis = Axis::of_main(scenario, outcome, LEFT, WIDTH - 8.0);
    let (from, to) = axis.pieces.first().map_or((0.0, 0.0), |main| (main.from, main.to));
    let mut kinds: BTreeMap<&str, BTreeMap<i64, usize>> = BTreeMap::new();
    for event in events.iter().filter(|event| event.at >= from && !event.kind.is_empty()) {
        let minute = (event.at / MINUTE).floor() as i64;
        *kinds.entry(&event.kind).or_default().entry(minute).or_default() += times(event);
    }
    let total = |minutes: &BTreeMap<i64, usize>| minutes.values().sum::<usize>();
    let mut often: Vec<_> = kinds.into_iter().filter(|(_, m)| total(m) >= TIMES_MIN).collect();
    often.sort_by_key(|(kind, minutes)| (std::cmp::Reverse(total(minutes)), *kind));
    often.truncate(ROWS_MAX);
    let success = success::lines(report, &axis, TOP, ROW);
    let top = TOP + ROW * success.len() as f64;
    let rows: Vec<Row> = often
        .into_iter()
        .enumerate()
        .map(|(n, (kind, minutes))| {
            let (minute, peak) = minutes
                .iter()
                .max_by_key(|(minute, count)| (**count, std::cmp::Reverse(**minute)))
                .map_or((0, 0), |(minute, count)| (*minute, *count));
            Row {
                kind: kind.to_owned(),
                y: top + ROW * n as f64,
                path: area(&axis, &minutes, peak, top + ROW * (n as f64 + 1.0) - 8.0),
                total: total(&minutes),
                peak,
                peak_at: scenario.calendar.minute(minute as f64 * MINUTE),
            }
        })
        .collect();
    let below = top + ROW * rows.len() as f64;
    let views = views::views(report, &axis, below, ROW);
    let leaders_y = below + if views.is_some() { ROW } else { 0.0 };
    let leaders = leaders(report, &axis, from, to);
    let strip = if leaders.is_empty() { 0.0 } else { ROW };
    Indicators {
        width: WIDTH,
        height: leaders_y + strip + 4.0,
        ticks: axis.ticks(scenario),
        success,
        rows,
        views,
        leaders,
        leaders_y,
    }
}

/// For how many an event stands.
fn times(event: &Event) -> usize {
    let said = TIMES.iter().find_map(|name| event.fields.get(*name)?.parse().ok());
    said.unwrap_or(1)
}

/// One step a minute, over the line at `base`.
fn area(axis: &Axis, minutes: &BTreeMap<i64, usize>, peak: usize, base: f64) -> String {
    use std::fmt::Write as _;
    let mut path = String::new();
    for (minute, count) in minutes {
        let start = *minute as f64 * MINUTE;
        let (x, end) = (round(axis.x(start)), round(axis.x(start + MINUTE)));
        let top = round(base - (ROW - 14.0) * *count as f64 / peak.max(1) as f64);
        let _ = write!(path, "M{x} {base}V{top}H{end}V{base}Z");
    }
    path
}

fn leaders(report: &Report, axis: &Axis, from: f64, to: f64) -> Vec<Leader> {
    let elected: Vec<_> = report.events.iter().filter(|e| e.kind == "etcd.leader").collect();
    let mut leaders = Vec::new();
    for (n, event) in elected.iter().enumerate() {
        let until = elected.get(n + 1).map_or(to, |next| next.at);
        if until <= from {
            continue;
        }
        let (x, end) = (axis.x(event.at.max(from)), axis.x(until));
        let field = |name: &str| event.fields.get(name).cloned().unwrap_or_default();
        leaders.push(Leader {
            x: round(x),
            width: round((end - x).max(1.0)),
            member: field("member"),
            term: field("term"),
        });
    }
    leaders
}
