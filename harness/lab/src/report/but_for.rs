//! What would have changed this run, one factor at a time, and how necessary each was over many.

use serde::Serialize;

use super::Report;
use super::spell::{Bar, bar};
use crate::narrate::duration;

/// The tables.
#[derive(Serialize)]
pub struct Explained {
    /// The severity that is explained.
    pub target: &'static str,
    pub rows: Vec<Row>,
    /// Which seeds the shares were counted over.
    pub seeds: Option<String>,
    pub order: Vec<String>,
    pub windows: Vec<String>,
}

/// A factor at its other level.
#[derive(Serialize)]
pub struct Row {
    pub factor: String,
    pub kind: &'static str,
    pub from: String,
    pub to: String,
    pub severity: &'static str,
    pub averts: bool,
    pub lost: String,
    /// The first event that differs.
    pub first: String,
    /// What has to be said beside it.
    pub remarks: Vec<&'static str>,
    pub necessity: Option<Bar>,
    pub sufficiency: Option<Bar>,
    /// The command that plays it.
    pub replay: String,
}

/// The explanation, where there is one.
pub fn explained(report: &Report) -> Option<Explained> {
    let found = report.findings.explanation.as_ref()?;
    let calendar = &report.scenario.calendar;
    let rows = found.but_for.iter().map(|one| {
        let counted = found.necessity.iter().find(|n| n.factor == one.factor && n.to == one.to);
        let mut remarks = Vec::new();
        if one.is_mediated(found.reaches) {
            remarks.push("only because people then act otherwise");
        }
        if one.drawn_anew {
            remarks.push("the lot falls otherwise: the shares say more");
        }
        Row {
            factor: one.factor.clone(),
            kind: one.kind.name(),
            from: one.from.clone(),
            to: one.to.clone(),
            severity: one.severity.name(),
            averts: found.reaches && !one.reaches,
            lost: duration(one.lost_seconds),
            first: one.first.as_ref().map_or("the same run".to_owned(), |first| {
                format!("{} {}", calendar.date(first.at), calendar.time(first.at))
            }),
            remarks,
            necessity: counted.map(|counted| bar(&counted.necessity)),
            sufficiency: counted.map(|counted| bar(&counted.sufficiency)),
            replay: one.replay.clone(),
        }
    });
    let seeds = found.seeds.as_ref().map(|chosen| {
        let listed: Vec<_> = chosen.seeds.iter().map(u64::to_string).collect();
        format!("{} seeds: {}", listed.len(), listed.join(", "))
    });
    let order = found.order.iter().map(|swap| {
        let (first, second) = (&swap.second, &swap.first);
        let matters = if swap.matters() { ", so the order matters" } else { "" };
        format!("{first} before {second}: {}{matters}", swap.severity.name())
    });
    Some(Explained {
        target: found.target.name(),
        rows: rows.collect(),
        seeds,
        order: order.collect(),
        windows: found.windows.iter().map(|window| window.told(calendar)).collect(),
    })
}
