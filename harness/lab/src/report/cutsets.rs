//! Which conditions together lead to it, as a matrix: a row for each factor, a column for each cut set,
//! with what was counted above it (UpSet: Lex et al., InfoVis 2014). Behind them the other side of the
//! boundary: a column for each maximal safe set, with what it lacks.
//!
//! A lattice of more than six factors that matter cannot be drawn whole ([`super::hasse`]); its boundary
//! says the same, because with every cut set known each cell follows.

use serde::Serialize;

use super::Report;
use super::axis::round;
use super::hasse::{Hasse, hasse, matter};
use super::spectrum::{Spectrum, spectrum};
use super::spell::{Bar, bar};
use crate::explore::counterfactual::order::Swap;
use crate::explore::lattice::Family;
use crate::explore::lattice::condition::{self, Condition};
use crate::explore::lattice::family::CutSet;
use crate::explore::stats::wilson;
use crate::scenario::Calendar;

const LEFT: f64 = 190.0;
const COLUMN: f64 = 34.0;
const ROW: f64 = 24.0;
const BARS: f64 = 70.0;
const GAP: f64 = 30.0;
const SHAPLEY: f64 = 120.0;

/// One search, drawn.
#[derive(Serialize)]
pub struct Matrix {
    pub id: String,
    pub name: String,
    /// What all its cells have in common.
    pub background: Vec<String>,
    pub conditioned: bool,
    pub width: f64,
    pub height: f64,
    pub top: f64,
    pub bottom: f64,
    pub rows: Vec<Row>,
    pub columns: Vec<Column>,
    /// Where the maximal safe sets begin.
    pub boundary: Option<f64>,
    pub shapley: f64,
    /// How many factors are in any cut set, and their lattice where they are few enough.
    pub matter: usize,
    pub hasse: Option<Hasse>,
    pub cuts: Vec<Told>,
    pub safe: Vec<(String, String, String)>,
    pub spectrum: Spectrum,
    pub fixes: Vec<Fix>,
    pub judged: String,
}

/// A factor.
#[derive(Serialize)]
pub struct Row {
    pub y: f64,
    pub name: String,
    /// Whether it is an assumption.
    pub assumed: bool,
    pub kind: &'static str,
    pub present: String,
    pub absent: String,
    /// Shapley's value, and its bar.
    pub share: String,
    pub bar: f64,
}

/// A cut set, or a maximal safe set.
#[derive(Serialize)]
pub struct Column {
    pub x: f64,
    pub label: String,
    pub text: String,
    pub safe: bool,
    /// The mark of each row: `on`, `off` or nothing.
    pub marks: Vec<Mark>,
    /// From where to where the marks are joined.
    pub joined: Option<(f64, f64)>,
    pub bar: Option<Upright>,
}

/// A share as an upright bar with its interval.
#[derive(Serialize)]
pub struct Upright {
    pub y: f64,
    pub height: f64,
    pub low: f64,
    pub high: f64,
}

/// A mark in the matrix.
#[derive(Serialize)]
pub struct Mark {
    pub y: f64,
    pub class: &'static str,
}

/// A cut set in words.
#[derive(Serialize)]
pub struct Told {
    pub label: String,
    pub conditions: String,
    pub order: usize,
    pub seen: String,
    pub fresh: Bar,
    pub since: Option<String>,
    /// What it may do without, if anything.
    pub unproven: String,
    /// Steps whose order matters, and when steps lead to it.
    pub timing: Vec<String>,
    pub replay: String,
}

/// A set of changes, and which cut sets it breaks.
#[derive(Serialize)]
pub struct Fix {
    pub changes: String,
    pub cost: u64,
    pub breaks: Vec<bool>,
    pub fresh: Option<Bar>,
}

/// The searches of all lattices, drawn.
pub fn matrices(report: &Report) -> Vec<Matrix> {
    let lattices = &report.findings.lattices;
    let families = lattices.iter().flat_map(|lattice| {
        lattice.families.iter().map(move |family| {
            // Several lattices are told apart by what was looked for.
            let name = match lattices.len() {
                1 => family.name.clone(),
                _ => format!("{}: {}", lattice.target.name(), family.name),
            };
            (name, family)
        })
    });
    let numbered = ('A'..).zip(families);
    numbered.map(|(letter, (name, family))| matrix(report, letter, name, family)).collect()
}

fn matrix(report: &Report, letter: char, name: String, family: &Family) -> Matrix {
    let calendar = &report.scenario.calendar;
    let top = BARS + 26.0;
    let most = family.shapley.iter().copied().map(f64::abs).fold(0.0, f64::max).max(1e-9);
    let assumed = |name: &str| {
        report.scenario.factors.iter().any(|factor| factor.name == name && factor.assumption)
    };
    let rows: Vec<Row> = family
        .factors
        .iter()
        .enumerate()
        .map(|(n, axis)| {
            // Never "-0.00".
            let share = family.shapley.get(n).copied().unwrap_or_default() + 0.0;
            Row {
                y: top + ROW * n as f64,
                name: axis.name.clone(),
                assumed: assumed(&axis.name),
                kind: axis.kind.name(),
                present: axis.present.clone(),
                absent: axis.absent.clone(),
                share: format!("{share:+.2}"),
                bar: round(share.abs() / most * SHAPLEY),
            }
        })
        .collect();
    let bottom = top + ROW * rows.len() as f64;
    let mut x = LEFT;
    let mut columns = Vec::new();
    for (n, cut) in family.cuts.iter().enumerate() {
        let interval = cut.fresh;
        let up = |share: f64| round(BARS + 10.0 - share * BARS);
        let bar = interval.share().map(|share| Upright {
            y: up(share),
            height: round(share * BARS),
            low: up(interval.low),
            high: up(interval.high),
        });
        let text = format!("{}: {interval}", condition::all(&cut.conditions));
        let label = format!("{letter}{}", n + 1);
        columns.push(column(x, label, text, false, &rows, &cut.conditions, bar));
        x += COLUMN;
    }
    let boundary = (!family.safe.is_empty()).then_some(x + GAP / 2.0);
    x += GAP;
    for (n, safe) in family.safe.iter().enumerate() {
        let text = format!("safe {}", condition::undone(&safe.without));
        let label = format!("{letter}s{}", n + 1);
        columns.push(column(x, label, text, true, &rows, &safe.without, None));
        x += COLUMN;
    }
    let shapley = x + 10.0;
    Matrix {
        id: format!("cuts-{letter}"),
        name,
        background: family.background.clone(),
        conditioned: family.conditioned,
        width: (shapley + SHAPLEY + 60.0).max(700.0),
        height: bottom + 8.0,
        top,
        bottom,
        cuts: told(calendar, letter, family),
        safe: safe(letter, family),
        spectrum: spectrum(&family.dividends),
        fixes: fixes(family),
        judged: judged(family),
        rows,
        columns,
        boundary,
        shapley,
        matter: matter(&family.answer).len(),
        hasse: hasse(letter, &family.factors, &family.answer),
    }
}

fn column(
    x: f64,
    label: String,
    text: String,
    safe: bool,
    rows: &[Row],
    conditions: &[Condition],
    bar: Option<Upright>,
) -> Column {
    let mark = |row: &Row| {
        // A safe set lacks what is named: the mark is hollow.
        let filled = condition::of(conditions, &row.name)? != safe;
        Some(Mark { y: row.y, class: if filled { "on" } else { "off" } })
    };
    let marks: Vec<Mark> = rows.iter().filter_map(mark).collect();
    let joined = marks.first().zip(marks.last()).map(|(first, last)| (first.y, last.y));
    Column { x: x + COLUMN / 2.0, label, text, safe, marks, joined, bar }
}

fn told(calendar: &Calendar, letter: char, family: &Family) -> Vec<Told> {
    let one = |(n, cut): (usize, &CutSet)| Told {
        label: format!("{letter}{}", n + 1),
        conditions: condition::all(&cut.conditions),
        order: cut.order,
        seen: cut.seen.to_string(),
        fresh: bar(&cut.fresh),
        since: cut.since.map(|at| calendar.time(at as f64)),
        unproven: condition::undone(&cut.unproven),
        timing: timing(calendar, cut),
        replay: cut.replay.clone(),
    };
    family.cuts.iter().enumerate().map(one).collect()
}

fn timing(calendar: &Calendar, cut: &CutSet) -> Vec<String> {
    let orders = cut.swaps.iter().map(Swap::told);
    orders.chain(cut.windows.iter().map(|window| window.told(calendar))).collect()
}

fn safe(letter: char, family: &Family) -> Vec<(String, String, String)> {
    let one = |(n, safe): (usize, &crate::explore::lattice::family::Safe)| {
        let mut seen = safe.seen.map_or("follows from others".to_owned(), |seen| seen.to_string());
        if let Some(seeds) = safe.in_vain {
            seen += &format!("; the lot did not fall: {}", wilson(0, seeds));
        }
        (format!("{letter}s{}", n + 1), condition::undone(&safe.without), seen)
    };
    family.safe.iter().enumerate().map(one).collect()
}

fn fixes(family: &Family) -> Vec<Fix> {
    let one = |fix: &crate::explore::lattice::family::Fix| {
        let breaks =
            |cut: &CutSet| cut.conditions.iter().any(|condition| fix.changes.contains(condition));
        Fix {
            changes: condition::undone(&fix.changes),
            cost: fix.cost,
            breaks: family.cuts.iter().map(breaks).collect(),
            fresh: fix.fresh.as_ref().map(bar),
        }
    };
    family.fixes.iter().map(one).collect()
}

fn judged(family: &Family) -> String {
    let answer = &family.answer;
    let open = match answer.open {
        Some(0) => "every other cell follows from them".to_owned(),
        Some(open) => format!("{open} others are unknown"),
        None => "an unknown number of others is unknown".to_owned(),
    };
    format!(
        "{} cells judged: {} lead to it, {} do not, {} undetermined; {open}.",
        answer.evaluations, answer.judged.fail, answer.judged.safe, answer.judged.undetermined
    )
}
