//! How sure a share is that was counted over a few hundred runs.

use std::fmt;

/// Two-sided 95 % of the normal distribution.
const Z: f64 = 1.96;

/// A share with the interval that holds the true one 19 times out of 20.
#[derive(Clone, Copy, Debug, PartialEq)]
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

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (low, high) = (self.low * 100.0, self.high * 100.0);
        let count = format!("{}/{}", self.hits, self.runs);
        if self.runs == 0 {
            return write!(f, "no runs");
        }
        if self.hits == 0 {
            return write!(f, "≤ {high:.1} % ({count})");
        }
        if self.hits == self.runs {
            return write!(f, "≥ {low:.1} % ({count})");
        }
        let share = self.hits as f64 / self.runs as f64 * 100.0;
        write!(f, "{share:.1} % ({count}; {low:.1} to {high:.1} %)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_and_always_are_bounds() {
        assert_eq!(wilson(0, 200).to_string(), "≤ 1.9 % (0/200)");
        assert_eq!(wilson(200, 200).to_string(), "≥ 98.1 % (200/200)");
        assert_eq!(wilson(0, 0).to_string(), "no runs");
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
}
