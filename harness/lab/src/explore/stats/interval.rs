//! How sure a share is that was counted over a few hundred runs.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Two-sided 95 % of the normal distribution.
pub(super) const Z: f64 = 1.959_963_985;

/// A share with the interval that holds the true one 19 times out of 20.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// How many.
    pub hits: u64,
    /// Out of how many.
    pub runs: u64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// Wilson's score interval, which unlike the textbook one is right for 0 out of 200.
pub fn wilson(hits: u64, runs: u64) -> Interval {
    if runs == 0 {
        return Interval { hits, runs, low: 0.0, high: 1.0 };
    }
    let n = runs as f64;
    let share = hits as f64 / n;
    let scale = 1.0 + Z * Z / n;
    let centre = (share + Z * Z / (2.0 * n)) / scale;
    let half = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt() / scale;
    let low = if hits == 0 { 0.0 } else { (centre - half).max(0.0) };
    let high = if hits == runs { 1.0 } else { (centre + half).min(1.0) };
    Interval { hits, runs, low, high }
}

impl Interval {
    /// The share itself, where there were runs.
    pub fn share(&self) -> Option<f64> {
        (self.runs > 0).then(|| self.hits as f64 / self.runs as f64)
    }
}

/// Never says that something never or always happens: nothing counted is "≤ 1.0 % (0/400)".
impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(share) = self.share() else { return write!(f, "no runs") };
        let (low, high) = (self.low * 100.0, self.high * 100.0);
        let count = format!("{}/{}", self.hits, self.runs);
        if self.hits == 0 {
            return write!(f, "≤ {} % ({count})", percent(high, f64::ceil));
        }
        if self.hits == self.runs {
            return write!(f, "≥ {} % ({count})", percent(low, f64::floor));
        }
        let share = percent(share * 100.0, f64::round);
        let (low, high) = (percent(low, f64::round), percent(high, f64::round));
        write!(f, "{share} % ({count}; {low} to {high} %)")
    }
}

/// With one decimal, or as many as it takes for `value` to be neither 0 nor 100. A bound is rounded
/// away from what it bounds.
fn percent(value: f64, round: fn(f64) -> f64) -> String {
    (1..9)
        .map(|decimals| {
            let unit = 10f64.powi(decimals);
            (decimals as usize, round(value * unit) / unit)
        })
        .find(|(_, rounded)| (0.0 < *rounded && *rounded < 100.0) || value <= 0.0)
        .map_or_else(|| format!("{value:.1}"), |(decimals, shown)| format!("{shown:.decimals$}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_and_always_are_bounds() {
        assert_eq!(wilson(0, 200).to_string(), "≤ 1.9 % (0/200)");
        assert_eq!(wilson(0, 400).to_string(), "≤ 1.0 % (0/400)");
        assert_eq!(wilson(200, 200).to_string(), "≥ 98.1 % (200/200)");
        assert_eq!(wilson(0, 0).to_string(), "no runs");
    }

    #[test]
    fn no_count_however_large_is_rounded_to_never_or_always() {
        assert_eq!(wilson(0, 100_000).to_string(), "≤ 0.1 % (0/100000)");
        assert_eq!(wilson(100_000, 100_000).to_string(), "≥ 99.9 % (100000/100000)");
        assert_eq!(wilson(2, 10_000).to_string(), "0.02 % (2/10000; 0.01 to 0.1 %)");
        assert_eq!(wilson(9_999, 10_000).to_string(), "99.99 % (9999/10000; 99.9 to 99.998 %)");
    }

    #[test]
    fn the_interval_holds_the_share() {
        for runs in 1..50 {
            for hits in 0..=runs {
                let interval = wilson(hits, runs);
                let share = hits as f64 / runs as f64;
                assert!(interval.low <= share && share <= interval.high, "{interval:?}");
            }
        }
        assert_eq!(wilson(10, 200).to_string(), "5.0 % (10/200; 2.7 to 9.0 %)");
    }

    /// R. G. Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in
    /// Medicine 17 (1998), table I, method 3.
    #[test]
    fn the_ends_are_those_of_newcombes_table() {
        for (hits, runs, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let got = wilson(hits, runs);
            assert!((got.low - low).abs() < 6e-5 && (got.high - high).abs() < 6e-5, "{got:?}");
        }
    }
}
