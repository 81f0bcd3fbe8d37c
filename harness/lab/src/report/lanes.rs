//! The timeline as swim lanes: people above, what they worked on below.
//!
//! A mark is one line of the timeline. Its lane follows from its kind. Marks of one lane that would
//! lie on each other are stacked. What lasts, a fault or a deed, is shaded from its mark until it is over. What
//! led to what ([`edges`]) is drawn as arrows from mark to mark.

use serde::Serialize;

use super::axis::{Axis, Piece, Tick, round};
use super::compare::{self, Mark as RealMark};
use super::edges::{self, Edge};
use super::{Report, bands};
use crate::narrate::duration;
use crate::outcome::Entry;

/// The drawing's width, and where the lanes begin.
pub const WIDTH: f64 = 1200.0;
const LEFT: f64 = 110.0;
const RIGHT: f64 = WIDTH - 16.0;
const TOP: f64 = 56.0;
/// The height of one row of marks, and how near two marks of a row may be.
const ROW: f64 = 16.0;
const NEAR: f64 = 13.0;
/// More rows than this are not made: marks then lie on each other.
const ROWS_MAX: usize = 6;
/// What lasts no longer than its mark is wide is a mark and nothing more.
const MARK: f64 = 8.0;
/// How far an arrow between neighbours bends out of its row.
const BEND: f64 = 22.0;

/// The lanes, from the top: name, and the beginnings of the kinds that belong to it.
const LANES: &[(&str, &[&str])] = &[
    ("people", &["step.", "mesh.restart", "service.deleted", "etcd.upgraded", "etcd.grown"]),
    ("monitoring", &["alarm."]),
    ("stand-in", &["standin.", "reconciled"]),
    ("mesh", &["mesh."]),
    ("nodes", &["pod.", "node."]),
    ("control plane", &["apiserver.", "endpoints.", "leader.", "etcd-client."]),
    ("etcd", &["etcd.", "raft."]),
    ("clients", &["journey."]),
    ("other", &[""]),
];

/// The drawing.
#[derive(Serialize)]
pub struct Lanes {
    pub width: f64,
    pub height: f64,
    pub pieces: Vec<Piece>,
    pub ticks: Vec<Tick>,
    /// Latent conditions and windows, above the lanes.
    pub bands: Vec<Placed>,
    pub lanes: Vec<Lane>,
    pub marks: Vec<Mark>,
    pub arrows: Vec<Arrow>,
    /// Faults and deeds that lasted.
    pub doing: Vec<Doing>,
    pub phases: Vec<Band>,
    pub real: Vec<RealMark>,
    pub real_x: Vec<f64>,
}

/// A lane.
#[derive(Serialize)]
pub struct Lane {
    pub name: &'static str,
    pub y: f64,
    pub height: f64,
}

/// One line of the timeline.
#[derive(Serialize)]
pub struct Mark {
    /// Its number in the timeline.
    pub id: usize,
    pub x: f64,
    pub y: f64,
    /// What sort of thing it is, for its shape and color: `act`, `bad`, `good`, `note`.
    pub class: &'static str,
    pub at: String,
    pub actor: String,
    pub kind: String,
    pub text: String,
    pub because: Vec<String>,
    /// Whether it is a link of the chain.
    pub link: bool,
    /// The lines that it follows from.
    pub after: Vec<String>,
}

/// From a line to one that follows from it.
#[derive(Serialize)]
pub struct Arrow {
    /// The line, as an SVG path.
    pub path: String,
    /// `led`, or `saw` where somebody acts on what is seen.
    pub class: &'static str,
    /// See [`Edge::necessary`].
    pub necessary: bool,
    /// The two lines.
    pub text: String,
}

/// From when until when something lasted.
#[derive(Serialize)]
pub struct Doing {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub text: String,
}

/// A band and where it is drawn.
#[derive(Serialize)]
pub struct Placed {
    pub y: f64,
    #[serde(flatten)]
    pub band: bands::Band,
}

/// A stretch of time in one state.
#[derive(Serialize)]
pub struct Band {
    pub name: String,
    pub x: f64,
    pub width: f64,
}

/// Lays out the timeline.
pub fn lanes(report: &Report) -> Lanes {
    let Report { scenario, outcome, .. } = report;
    let axis = Axis::of(scenario, &outcome.acts, LEFT, RIGHT);
    let lane_of: Vec<usize> = outcome.timeline.iter().map(lane).collect();
    let mut lanes = Vec::new();
    let mut marks: Vec<Mark> = Vec::new();
    let bands = bands::bands(report, &axis);
    let rows = bands.iter().map(|band| band.row + 1).max().unwrap_or(0);
    let mut y = TOP + ROW * rows as f64 + if rows > 0 { ROW / 2.0 } else { 0.0 };
    let placed = bands.into_iter().map(|band| Placed { y: TOP + ROW * band.row as f64, band });
    for (number, (name, _)) in LANES.iter().enumerate() {
        let inside = lane_of.iter().enumerate().filter(|(_, lane)| **lane == number);
        let mut rows: Vec<f64> = Vec::new();
        for (id, _) in inside {
            let entry = &outcome.timeline[id];
            let x = round(axis.x(entry.at));
            let free = rows.iter().position(|last| x - last >= NEAR);
            let row = free.unwrap_or_else(|| {
                if rows.len() < ROWS_MAX {
                    rows.push(x);
                }
                rows.len() - 1
            });
            rows[row] = x;
            marks.push(Mark {
                id,
                x,
                y: y + ROW * (row as f64 + 0.75),
                class: class(&entry.kind),
                at: format!(
                    "{}, {}",
                    scenario.calendar.date(entry.at),
                    scenario.calendar.time(entry.at)
                ),
                actor: entry.actor.clone(),
                kind: entry.kind.clone(),
                text: if entry.text.is_empty() { entry.kind.clone() } else { entry.text.clone() },
                because: entry.because.clone(),
                link: false,
                after: Vec::new(),
            });
        }
        if !rows.is_empty() {
            let height = ROW * (rows.len() as f64 + 0.5);
            lanes.push(Lane { name, y, height });
            y += height;
        }
    }
    marks.sort_by_key(|mark| mark.id);
    for link in edges::links(outcome) {
        marks[link].link = true;
    }
    let edges = edges::edges(report);
    for edge in &edges {
        let told = format!(
            "{} {}: {}",
            marks[edge.from].at, marks[edge.from].actor, marks[edge.from].text
        );
        marks[edge.to].after.push(told);
    }
    let arrows: Vec<Arrow> = edges.iter().map(|edge| arrow(&marks, edge)).collect();
    let doing = outcome.steps.iter().filter(|step| step.taken).filter_map(|step| {
        let lasted = step.ended? - step.due;
        let mark = marks.get(edges::taken(outcome, step)?)?;
        let width = round(axis.x(step.due + lasted) - mark.x);
        let text = format!("{}, over after {}", mark.text, duration(lasted));
        (width > MARK).then_some(Doing { x: mark.x, y: mark.y, width, text })
    });
    let doing: Vec<Doing> = doing.collect();
    let real = compare::marks(report);
    let phases = outcome.phases.iter().map(|phase| {
        let (x, end) = (axis.x(phase.start as f64), axis.x(phase.end as f64));
        Band { name: phase.name.clone(), x: round(x), width: round(end - x) }
    });
    Lanes {
        width: WIDTH,
        height: y + 8.0,
        ticks: axis.ticks(scenario),
        bands: placed.collect(),
        lanes,
        arrows,
        doing,
        phases: phases.collect(),
        real_x: real.iter().map(|mark| round(axis.x(mark.at))).collect(),
        real,
        marks,
        pieces: axis.pieces,
    }
}

fn lane(entry: &Entry) -> usize {
    let belongs = |(_, kinds): &(&str, &[&str])| kinds.iter().any(|k| entry.kind.starts_with(k));
    LANES.iter().position(belongs).expect("the last lane takes everything")
}

fn class(kind: &str) -> &'static str {
    const BAD: &[&str] =
        &["raised", "failed", "lost", "frozen", "timeout", "crashed", "given-up", "standin.on"];
    const GOOD: &[&str] = &["cleared", "recovered", "ready", "reconciled", "standin.off"];
    let ends = |words: &[&str]| words.iter().any(|word| kind.ends_with(word));
    match () {
        () if kind.starts_with("step.") => "act",
        () if ends(BAD) => "bad",
        () if ends(GOOD) => "good",
        () => "note",
    }
}

/// An arrow from mark to mark. Between marks of a row it bends, or it would lie on those between.
fn arrow(marks: &[Mark], edge: &Edge) -> Arrow {
    let (from, to) = (&marks[edge.from], &marks[edge.to]);
    let (middle, level) = (f64::midpoint(from.x, to.x), f64::midpoint(from.y, to.y));
    let bent = if (from.y - to.y).abs() < ROW { level - BEND } else { level };
    let (x, y) = (round(middle), round(bent));
    Arrow {
        path: format!("M{} {}Q{x} {y} {} {}", from.x, from.y, to.x, to.y),
        class: if edge.seen { "saw" } else { "led" },
        necessary: edge.necessary,
        text: format!("{}: {} → {}: {}", from.at, from.text, to.at, to.text),
    }
}
