//! Ways of responding, the one that lost the least first, each with how long outages lasted.
//!
//! A curve is the share of outages that are not over yet (Kaplan and Meier), with its 95 % interval; the
//! first policy, mostly that of doing nothing, is drawn behind all others. One panel a policy: curves
//! on top of each other hide what is equal, and colors alone do not tell seven of them apart.

use std::fmt::Write as _;

use serde::Serialize;

use super::Report;
use super::axis::{Tick, round};
use super::spell::{Bar, bar};
use crate::explore::humans::Standing;
use crate::explore::stats::Curve;
use crate::narrate::{duration, p_value};

const WIDTH: f64 = 1200.0;
const LEFT: f64 = 230.0;
const ROW: f64 = 64.0;
const TOP: f64 = 24.0;

/// The panels and the table.
#[derive(Serialize)]
pub struct Responses {
    pub width: f64,
    pub height: f64,
    pub ticks: Vec<Tick>,
    pub panels: Vec<Panel>,
    /// What the others are compared with.
    pub against: String,
    pub seeds: String,
    pub variants: Vec<Variant>,
    /// What was lost as people responded, divided by what doing nothing would have lost.
    pub escalation: Option<String>,
}

/// A policy.
#[derive(Serialize)]
pub struct Panel {
    pub name: String,
    pub doc: String,
    pub y: f64,
    pub base: f64,
    /// The share of outages that are not over, its interval, and the same of the first policy.
    pub curve: String,
    pub band: String,
    pub reference: String,
    pub lost: String,
    pub ratio: String,
    pub total: Bar,
    pub median: String,
    pub p: String,
    pub total_p: String,
    /// The command that plays it with the first seed.
    pub replay: String,
}

/// A step done otherwise.
#[derive(Serialize)]
pub struct Variant {
    pub factor: String,
    pub how: &'static str,
    pub what: String,
    pub same_as: Vec<String>,
    pub ratio: String,
    pub total: String,
}

/// The league, where there is one.
pub fn responses(report: &Report) -> Option<Responses> {
    let league = report.findings.league.as_ref()?;
    let longest = league.standings.iter().map(|one| one.watched).fold(60.0, f64::max);
    let x = |seconds: f64| round(LEFT + (WIDTH - 16.0 - LEFT) * (seconds / longest).min(1.0));
    let first = league.standings.iter().find(|one| one.policy.name == league.against);
    let panel = |(n, one): (usize, &Standing)| {
        let y = TOP + ROW * n as f64;
        let base = y + ROW - 10.0;
        let steps = |curve: &Curve, watched: f64| {
            let share = |share: f64| round(base - share * (ROW - 16.0));
            let (mut line, mut low) = (format!("M{} {}", x(0.0), share(1.0)), String::new());
            let mut high = format!("M{} {}", x(0.0), share(1.0));
            for step in &curve.steps {
                let at = x(step.time);
                let _ = write!(line, "H{at}V{}", share(step.waiting));
                let _ = write!(high, "H{at}V{}", share(step.high));
                low = format!("V{}H{at}{low}", share(step.low));
            }
            let end = x(watched);
            let _ = write!(line, "H{end}");
            let _ = write!(high, "H{end}{low}V{}Z", share(1.0));
            (line, high)
        };
        let (curve, band) = steps(&one.recovery, one.watched);
        let compared = one.policy.name != league.against;
        Panel {
            name: one.policy.name.clone(),
            doc: one.policy.doc.clone(),
            y,
            base,
            curve,
            band,
            reference: first.map_or(String::new(), |f| steps(&f.recovery, f.watched).0),
            lost: format!(
                "{} ({} to {})",
                duration(one.lost_seconds),
                duration(one.lost_range.0),
                duration(one.lost_range.1)
            ),
            ratio: one.escalation.map_or("–".to_owned(), |ratio| format!("{ratio:.2}")),
            total: bar(&one.total),
            median: one.median_told(duration),
            p: one.recovery_p.filter(|_| compared).map_or("–".to_owned(), p_value),
            total_p: if compared { p_value(one.total_p) } else { "–".to_owned() },
            replay: one.replay.clone(),
        }
    };
    let variant = |one: &crate::explore::humans::Unsafely| Variant {
        factor: one.factor.clone(),
        how: one.unsafely.name(),
        what: one.what.clone(),
        same_as: one.same_as.clone(),
        ratio: one.ratio.map_or("–".to_owned(), |ratio| format!("{ratio:.2}")),
        total: one.total.to_string(),
    };
    let minutes = [5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 360.0];
    let step = minutes.into_iter().find(|m| longest / 60.0 / m <= 12.0).unwrap_or(1440.0);
    let ticks = (0..)
        .map(|n| f64::from(n) * step * 60.0)
        .take_while(|at| *at <= longest)
        .map(|at| Tick { x: x(at), label: format!("{:.0} min", at / 60.0) });
    let as_it_was = league.standings.iter().find(|one| report.findings.is_real(report, one));
    Some(Responses {
        width: WIDTH,
        height: TOP + ROW * league.standings.len() as f64 + 4.0,
        ticks: ticks.collect(),
        panels: league.standings.iter().enumerate().map(panel).collect(),
        against: league.against.clone(),
        seeds: format!("{} seeds ({})", league.seeds.len(), league.chosen),
        variants: league.variants.iter().map(variant).collect(),
        escalation: as_it_was.and_then(|one| one.escalation).map(|ratio| format!("{ratio:.2}")),
    })
}
