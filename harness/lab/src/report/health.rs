//! Who was served, minute by minute, and what monitoring believed meanwhile.
//!
//! A row for each journey, and below them one for each service: the requests of the journeys that need
//! it. Two things are drawn over the colors. A bar along the foot: an alarm was up. Hatching: the
//! objective was missed and no alarm was up, so that the user saw a sick system and the detector a healthy
//! one ("differential observability", Huang et al., "Gray failure", HotOS 2017).

use std::collections::BTreeMap;

use serde::Serialize;

use super::Report;
use super::alarms::Alarms;
use super::axis::{Axis, Tick, round};
use super::impact::{self, Impact};
use crate::narrate::duration;
use crate::outcome::buckets::{Bucket, WIDTH as BUCKET};
use crate::outcome::{Event, JourneyOutcome};

const WIDTH: f64 = 1200.0;
const LEFT: f64 = 150.0;
const ROW: f64 = 26.0;
const TOP: f64 = 24.0;
/// Between the journeys and the services.
const GAP: f64 = 22.0;
/// Seconds of a cell.
const CELL: i64 = 60;

/// The drawing, over the main act.
#[derive(Serialize)]
pub struct Health {
    pub width: f64,
    pub height: f64,
    pub ticks: Vec<Tick>,
    pub strips: Vec<Strip>,
    /// Where the services begin, if there are any.
    pub services: Option<f64>,
    /// The numbers of the journeys.
    pub rows: Vec<Row>,
    /// Whether there is monitoring at all.
    pub watched: bool,
}

/// A journey or a service over time.
#[derive(Serialize)]
pub struct Strip {
    pub name: String,
    pub doc: String,
    pub y: f64,
    pub height: f64,
    pub cells: Vec<Cell>,
    /// While an alarm was up.
    pub alarms: Vec<Span>,
    /// While the objective was missed and none was.
    pub gaps: Vec<Span>,
    /// What the cluster itself said of a service.
    pub notes: Vec<Note>,
}

/// The numbers of a journey.
#[derive(Serialize)]
pub struct Row {
    pub name: String,
    pub doc: String,
    pub success: String,
    pub objective: String,
    /// The part that failed in the worst ten seconds.
    pub depth: String,
    /// The integral of what failed.
    pub lost: String,
    /// How long the objective was missed.
    pub missed: String,
    /// How much of that no alarm was up.
    pub unseen: String,
    /// From the first missed ten seconds to the first alarm.
    pub detected: Option<String>,
    /// How many times too fast the error budget went in the worst hour.
    pub burn: String,
    /// The part of a month's budget that is gone.
    pub budget: String,
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

/// A moment at which something was said.
#[derive(Serialize)]
pub struct Note {
    pub x: f64,
    pub text: String,
}

/// What a strip is made of.
struct Line<'a> {
    name: &'a str,
    doc: &'a str,
    objective: f64,
    buckets: Vec<Bucket>,
    journeys: Vec<&'a str>,
    service: bool,
}

/// Lays out the main act.
pub fn health(report: &Report) -> Health {
    let Report { scenario, outcome, events, .. } = report;
    let axis = Axis::of_main(scenario, outcome, LEFT, WIDTH - 8.0);
    let (from, to) = axis.pieces.first().map_or((0.0, 0.0), |main| (main.from, main.to));
    let alarms = Alarms::of(events, to);
    let watched = impact::is_watched(scenario);
    let journeys = journeys(report, from);
    let services = services(report, &journeys);
    let begin = TOP + ROW * journeys.len() as f64;
    let gap = if services.is_empty() { 0.0 } else { GAP };
    let strips: Vec<Strip> = journeys
        .iter()
        .chain(&services)
        .enumerate()
        .map(|(n, line)| {
            let y = TOP + ROW * n as f64 + if line.service { gap } else { 0.0 };
            Strip {
                name: line.name.to_owned(),
                doc: line.doc.to_owned(),
                y,
                height: ROW - 4.0,
                cells: cells(report, &axis, line),
                alarms: if line.service { Vec::new() } else { up(&axis, &alarms, line) },
                gaps: if watched { gaps(&axis, &alarms, line) } else { Vec::new() },
                notes: if line.service { notes(report, &axis, line) } else { Vec::new() },
            }
        })
        .collect();
    Health {
        width: WIDTH,
        height: TOP + ROW * strips.len() as f64 + gap + 6.0,
        ticks: axis.ticks(scenario),
        services: (!services.is_empty()).then_some(begin + GAP - 6.0),
        strips,
        rows: rows(report, &impact::impact(report)),
        watched,
    }
}

fn journeys<'a>(report: &Report<'a>, from: f64) -> Vec<Line<'a>> {
    let planned = &report.scenario.workload.journeys;
    let line = |journey: &'a JourneyOutcome| {
        let buckets = journey.buckets.iter().filter(|bucket| bucket.start as f64 >= from);
        let known = planned.iter().find(|known| known.name == journey.name);
        Line {
            name: journey.name.as_str(),
            doc: known.map_or("", |known| known.doc.as_str()),
            objective: known.map_or(1.0, |known| known.objective),
            buckets: buckets.copied().collect(),
            journeys: vec![journey.name.as_str()],
            service: false,
        }
    };
    report.outcome.journeys.iter().map(line).collect()
}

/// The services that journeys pass, in the order in which they do. Each is asked for as much as the least
/// demanding of them.
fn services<'a>(report: &Report<'a>, journeys: &[Line<'a>]) -> Vec<Line<'a>> {
    let scenario = report.scenario;
    let passed = scenario.workload.journeys.iter().flat_map(|journey| &journey.path);
    let mut names: Vec<&str> = Vec::new();
    for name in passed {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let service = |name: &'a str| {
        let needs = |line: &&Line| {
            let known = scenario.workload.journeys.iter().find(|j| j.name == line.name);
            known.is_some_and(|known| known.path.iter().any(|passed| passed == name))
        };
        let mut sums: BTreeMap<i64, Bucket> = BTreeMap::new();
        for bucket in journeys.iter().filter(needs).flat_map(|line| &line.buckets) {
            let sum = sums.entry(bucket.start).or_default();
            sum.start = bucket.start;
            sum.requests += bucket.requests;
            sum.ok += bucket.ok;
        }
        Line {
            name,
            doc: "",
            objective: journeys.iter().filter(needs).map(|l| l.objective).fold(1.0, f64::min),
            buckets: sums.into_values().collect(),
            journeys: journeys.iter().filter(needs).map(|line| line.name).collect(),
            service: true,
        }
    };
    names.into_iter().map(service).filter(|line| !line.buckets.is_empty()).collect()
}

fn rows(report: &Report, impact: &Impact) -> Vec<Row> {
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    let row = |one: &impact::JourneyImpact| {
        let known = report.scenario.workload.journeys.iter().find(|known| known.name == one.name);
        Row {
            name: one.name.clone(),
            doc: known.map_or(String::new(), |known| known.doc.clone()),
            success: percent(one.success),
            objective: percent(one.objective),
            depth: percent(one.depth),
            lost: duration(one.lost),
            missed: duration(one.missed),
            unseen: one.unseen.map_or("–".to_owned(), duration),
            detected: one.detected_after.map(duration),
            burn: one.burn.map_or("–".to_owned(), |burn| format!("{burn:.1}×")),
            budget: one.budget.map_or("–".to_owned(), percent),
        }
    };
    impact.journeys.iter().map(row).collect()
}

fn cells(report: &Report, axis: &Axis, line: &Line) -> Vec<Cell> {
    let mut minutes: BTreeMap<i64, (u64, u64)> = BTreeMap::new();
    for bucket in &line.buckets {
        let minute = minutes.entry(bucket.start.div_euclid(CELL) * CELL).or_default();
        minute.0 += bucket.ok;
        minute.1 += bucket.requests;
    }
    let cell = |(start, (ok, all)): (i64, (u64, u64))| {
        let ratio = ok as f64 / all as f64;
        let class = match ratio {
            r if r >= line.objective => "s4",
            r if r >= 0.9 => "s3",
            r if r >= 0.5 => "s2",
            r if r >= 0.05 => "s1",
            _ => "s0",
        };
        let (x, end) = (axis.x(start as f64), axis.x((start + CELL) as f64));
        let clock = report.scenario.calendar.minute(start as f64);
        let text = format!("{clock} {}: {ok} of {all}", line.name);
        Cell { x: round(x), width: round((end - x).max(0.5)), class, text }
    };
    minutes.into_iter().map(cell).collect()
}

fn span(axis: &Axis, from: f64, to: f64) -> Span {
    let x = axis.x(from);
    Span { x: round(x), width: round(axis.x(to) - x) }
}

fn up(axis: &Axis, alarms: &Alarms, line: &Line) -> Vec<Span> {
    let spans = alarms.of_journey(line.name).iter();
    spans.map(|(since, until)| span(axis, *since, *until)).collect()
}

/// Where the objective is missed and no alarm of any journey through it is up.
fn gaps(axis: &Axis, alarms: &Alarms, line: &Line) -> Vec<Span> {
    let mut gaps: Vec<(i64, i64)> = Vec::new();
    for bucket in &line.buckets {
        let missed = bucket.ratio().is_some_and(|ratio| ratio < line.objective);
        if !missed || alarms.are_up(&line.journeys, bucket.start as f64) {
            continue;
        }
        match gaps.last_mut() {
            Some(last) if last.1 == bucket.start => last.1 += BUCKET,
            _ => gaps.push((bucket.start, bucket.start + BUCKET)),
        }
    }
    gaps.into_iter().map(|(since, until)| span(axis, since as f64, until as f64)).collect()
}

/// When the cluster said that it could not tell others of a service, or start a pod of it.
fn notes(report: &Report, axis: &Axis, line: &Line) -> Vec<Note> {
    let from = axis.pieces.first().map_or(0.0, |main| main.from);
    let calendar = &report.scenario.calendar;
    let later = report.events.iter().filter(|event| event.at >= from);
    let told = later.filter(|event| about(event) == Some(line.name));
    let note = |event: &Event| {
        let text = format!("{} {}", calendar.time(event.at), event.text);
        Note { x: round(axis.x(event.at)), text }
    };
    told.map(note).collect()
}

/// The service that such an event is about. A pod has its service's name and two words of its own.
fn about(event: &Event) -> Option<&str> {
    let field = |name: &str| event.fields.get(name)?.rsplit('/').next();
    match event.kind.as_str() {
        "endpoints.update-failed" => field("service"),
        "pod.mount-failed" => field("pod")?.rsplitn(3, '-').nth(2),
        _ => None,
    }
}
