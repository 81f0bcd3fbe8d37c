//! From the time of a run to a place on the page.
//!
//! A scenario has a prehistory: acts of minutes, days apart. Each is drawn as a narrow strip, and the
//! act that the scenario is about gets the rest of the width, to scale. Between two strips the clock
//! jumps, and so does the axis.

use serde::Serialize;

use crate::outcome::ActSpan;
use crate::{Outcome, Scenario};

/// The width of an act of the prehistory, and of the gap behind it.
const STRIP: f64 = 56.0;
const GAP: f64 = 10.0;

/// Roughly how far two ticks of the clock are apart.
const BETWEEN_TICKS: f64 = 90.0;

/// A piecewise linear axis: one piece an act.
pub struct Axis {
    /// The acts, in order of time.
    pub pieces: Vec<Piece>,
}

/// An act on the axis.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Piece {
    /// The act's name.
    pub name: String,
    /// Its day: `Fri 27 Oct 2017`.
    pub date: String,
    /// From where to where it is drawn.
    pub x: f64,
    /// How wide.
    pub width: f64,
    /// Seconds from the scenario's zero.
    #[serde(skip)]
    pub from: f64,
    /// Seconds from the scenario's zero, after `from`.
    #[serde(skip)]
    pub to: f64,
    /// Whether it is the one that the width is for.
    pub main: bool,
}

/// A tick of the clock.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tick {
    /// Where.
    pub x: f64,
    /// `14:10`.
    pub label: String,
}

impl Axis {
    /// The acts that were played, between `left` and `right`. The last one is the main one.
    pub fn of(scenario: &Scenario, acts: &[ActSpan], left: f64, right: f64) -> Self {
        let strips = acts.len().saturating_sub(1) as f64;
        let strip = STRIP.min((right - left) / 2.0 / strips.max(1.0));
        let mut x = left;
        let mut pieces = Vec::new();
        for (n, act) in acts.iter().enumerate() {
            let main = n + 1 == acts.len();
            let width = if main { right - x } else { strip - GAP };
            pieces.push(Piece {
                name: act.name.clone(),
                date: scenario.calendar.date(act.start),
                x,
                width,
                from: act.start,
                to: act.end.max(act.start + 1.0),
                main,
            });
            x += width + GAP;
        }
        Axis { pieces }
    }

    /// The axis of the main act alone.
    pub fn of_main(scenario: &Scenario, outcome: &Outcome, left: f64, right: f64) -> Self {
        let main = outcome.acts.last().map_or(&[][..], std::slice::from_ref);
        Axis::of(scenario, main, left, right)
    }

    /// Where a moment is drawn: what lies between two acts, at the end of the earlier one.
    pub fn x(&self, at: f64) -> f64 {
        let piece = self.pieces.iter().rev().find(|piece| piece.from <= at);
        let Some(piece) = piece.or(self.pieces.first()) else { return 0.0 };
        let share = ((at - piece.from) / (piece.to - piece.from)).clamp(0.0, 1.0);
        piece.x + share * piece.width
    }

    /// Ticks of the clock in the main act, at full minutes.
    pub fn ticks(&self, scenario: &Scenario) -> Vec<Tick> {
        let Some(main) = self.pieces.iter().find(|piece| piece.main) else { return Vec::new() };
        let seconds = (main.to - main.from) * BETWEEN_TICKS / main.width.max(1.0);
        let steps = [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 360.0, 720.0, 1440.0];
        let minutes = steps.into_iter().find(|step| step * 60.0 >= seconds).unwrap_or(2880.0);
        let step = minutes * 60.0;
        let mut at = (main.from / step).ceil() * step;
        let mut ticks = Vec::new();
        while at <= main.to {
            ticks.push(Tick { x: round(self.x(at)), label: scenario.calendar.minute(at) });
            at += step;
        }
        ticks
    }
}

/// A coordinate to a tenth: what a drawing needs, and no more text than that.
pub fn round(x: f64) -> f64 {
    (x * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::sample;

    fn axis() -> Axis {
        let span = |name: &str, start: f64, end: f64| ActSpan { name: name.into(), start, end };
        let acts = [span("before", -90_000.0, -89_000.0), span("day", -300.0, 5700.0)];
        Axis::of(&sample::request().scenario, &acts, 100.0, 1000.0)
    }

    #[test]
    fn the_main_act_is_to_scale_and_the_prehistory_a_strip() {
        let axis = axis();
        assert_eq!(axis.x(-90_000.0), 100.0);
        assert!(axis.x(-89_000.0) < 160.0);
        let (from, to) = (axis.x(-300.0), axis.x(5700.0));
        assert!(from < 170.0 && to == 1000.0);
        assert!((axis.x(2700.0) - f64::midpoint(from, to)).abs() < 1e-6);
    }

    #[test]
    fn a_later_moment_is_never_further_left() {
        let axis = axis();
        let places: Vec<f64> = (-95_000..6000).step_by(50).map(|s| axis.x(f64::from(s))).collect();
        assert!(places.is_sorted());
    }

    #[test]
    fn ticks_are_full_minutes_of_the_clock() {
        let labels: Vec<_> =
            axis().ticks(&sample::request().scenario).into_iter().map(|t| t.label).collect();
        assert_eq!(labels.first().map(String::as_str), Some("14:10"));
        assert!(
            labels.len() > 5 && labels.iter().all(|label| label.ends_with(['0', '5'])),
            "{labels:?}"
        );
    }

    #[test]
    fn nothing_played_is_an_empty_axis() {
        let axis = Axis::of(&sample::request().scenario, &[], 0.0, 100.0);
        assert_eq!(axis.x(5.0), 0.0);
        assert!(axis.ticks(&sample::request().scenario).is_empty());
    }
}
