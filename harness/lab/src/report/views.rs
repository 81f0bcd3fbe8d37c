//! How many proxies of the mesh route by what is no longer so: their view of a namespace is frozen, or
//! they cannot read it at all.
//!
//! Which addresses a frozen view has wrong is not in the record of a run. That it is frozen is: from the
//! proxy's exception until its pod stops.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::Report;
use super::axis::{Axis, round};

/// Proxies over time.
#[derive(Serialize)]
pub struct Views {
    pub y: f64,
    /// The areas, one upon the other, as SVG paths.
    pub frozen: String,
    pub blind: String,
    /// How many at the worst.
    pub text: String,
}

/// What a proxy sees of the service discovery.
#[derive(Clone, Copy, PartialEq, Eq)]
enum View {
    Follows,
    Frozen,
    Blind,
}

/// From when on how many are frozen and blind, of how many.
#[derive(Clone, Copy)]
struct Step {
    at: f64,
    frozen: usize,
    blind: usize,
    proxies: usize,
}

/// The areas between `y` and `y + row`; nothing where every proxy follows all the time.
pub fn views(report: &Report, axis: &Axis, y: f64, row: f64) -> Option<Views> {
    let main = axis.pieces.first()?;
    let steps = steps(report);
    let ends = steps.iter().skip(1).map(|step| step.at).chain([main.to]);
    let seen: Vec<(Step, f64)> = steps
        .iter()
        .copied()
        .zip(ends)
        .filter(|(step, end)| *end > step.at.max(main.from))
        .collect();
    let behind = |step: &Step| step.frozen + step.blind;
    let (worst, _) = seen.iter().rev().max_by_key(|(step, _)| behind(step))?;
    let most = seen.iter().map(|(step, _)| step.proxies).max().unwrap_or(0);
    if behind(worst) == 0 {
        return None;
    }
    let base = y + row - 8.0;
    let up = |count: usize| round((row - 14.0) * count as f64 / most.max(1) as f64);
    let (mut frozen, mut blind) = (String::new(), String::new());
    for (step, end) in &seen {
        let (x, end) = (round(axis.x(step.at.max(main.from))), round(axis.x(*end)));
        let middle = round(base - up(step.frozen));
        let top = round(middle - up(step.blind));
        if step.frozen > 0 {
            let _ = write!(frozen, "M{x} {base}V{middle}H{end}V{base}Z");
        }
        if step.blind > 0 {
            let _ = write!(blind, "M{x} {middle}V{top}H{end}V{middle}Z");
        }
    }
    let text = format!(
        "at the worst {} frozen, {} blind, of {}",
        worst.frozen, worst.blind, worst.proxies
    );
    Some(Views { y, frozen, blind, text })
}

fn steps(report: &Report) -> Vec<Step> {
    let mut proxies: BTreeMap<&str, View> = BTreeMap::new();
    let mut steps: Vec<Step> = Vec::new();
    for event in report.events {
        let view = match event.kind.as_str() {
            "mesh.namer.ready" => Some(View::Follows),
            "mesh.namer.frozen" => Some(View::Frozen),
            "mesh.namer.failed" => Some(View::Blind),
            _ => None,
        };
        match (view, event.kind.as_str()) {
            (Some(view), _) => {
                proxies.insert(&event.process, view);
            }
            (None, "pod.stopped") => {
                let pod = event.fields.get("pod").and_then(|pod| pod.rsplit('/').next());
                if proxies.remove(pod.unwrap_or_default()).is_none() {
                    continue;
                }
            }
            _ => continue,
        }
        let count = |wanted: View| proxies.values().filter(|view| **view == wanted).count();
        let (frozen, blind) = (count(View::Frozen), count(View::Blind));
        steps.push(Step { at: event.at, frozen, blind, proxies: proxies.len() });
    }
    steps
}
