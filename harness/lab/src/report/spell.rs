//! Shares as a reader sees them: in words, and as a bar with its interval.

use serde::Serialize;

use super::axis::round;
use crate::explore::stats::Interval;

/// The width of a whole bar.
const WIDTH: f64 = 160.0;

/// A share.
#[derive(Serialize)]
pub struct Bar {
    /// `≥ 56.5 % (5/5)`.
    pub text: String,
    /// How much of the bar is filled; nothing where there were no runs.
    pub filled: Option<f64>,
    /// The ends of the interval.
    pub low: f64,
    pub high: f64,
    /// The width of a whole bar.
    pub whole: f64,
}

/// A share as a bar.
pub fn bar(interval: &Interval) -> Bar {
    Bar {
        text: interval.to_string(),
        filled: interval.share().map(|share| round(share * WIDTH)),
        low: round(interval.low * WIDTH),
        high: round(interval.high * WIDTH),
        whole: WIDTH,
    }
}
