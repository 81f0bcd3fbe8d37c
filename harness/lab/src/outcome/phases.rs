//! Healthy, partial, total, recovered: from when to when.
//!
//! A phase lasts at least a minute. What is shorter (one good bucket while proxies come back) belongs
//! to the phase before it; only the last phase may be short, since the run ended in it.

use serde::{Deserialize, Serialize};

use super::buckets::{MINUTE, WIDTH};
use super::severity::{Level, Severity};

/// A stretch of the run in one state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phase {
    /// `healthy`, `partial`, `total` or `recovered`.
    pub name: String,
    /// Its beginning: seconds from the scenario's zero, to ten seconds.
    pub start: i64,
    /// Its end.
    pub end: i64,
}

/// The phases of a run.
pub(super) fn phases(levels: &[Level]) -> Vec<Phase> {
    let mut runs: Vec<(Severity, i64, i64, usize)> = Vec::new();
    for (start, level) in levels {
        match runs.last_mut() {
            Some(last) if last.0 == *level => {
                last.2 = start + WIDTH;
                last.3 += 1;
            }
            _ => runs.push((*level, *start, start + WIDTH, 1)),
        }
    }
    let mut merged: Vec<(Severity, i64, i64)> = Vec::new();
    let count = runs.len();
    for (n, (level, start, end, buckets)) in runs.into_iter().enumerate() {
        let short = buckets < MINUTE && n + 1 < count;
        match merged.last_mut() {
            Some(last) if short || last.0 == level => last.2 = end,
            _ => merged.push((level, start, end)),
        }
    }
    let mut outage = false;
    let name = |(level, start, end): (Severity, i64, i64)| {
        outage |= level > Severity::Ok;
        let name = match level {
            Severity::Total => "total",
            Severity::Partial => "partial",
            _ if outage => "recovered",
            _ => "healthy",
        };
        Phase { name: name.to_owned(), start, end }
    };
    merged.into_iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Levels from text, one letter a bucket: `.` fine, `p` partial, `t` total.
    fn told(buckets: &str) -> Vec<(String, i64, i64)> {
        let level = |(n, c): (usize, char)| {
            let level = match c {
                'p' => Severity::Partial,
                't' => Severity::Total,
                _ => Severity::Ok,
            };
            (n as i64 * WIDTH, level)
        };
        let levels: Vec<Level> = buckets.chars().enumerate().map(level).collect();
        phases(&levels).into_iter().map(|phase| (phase.name, phase.start, phase.end)).collect()
    }

    fn phase(name: &str, start: i64, end: i64) -> (String, i64, i64) {
        (name.to_owned(), start, end)
    }

    #[test]
    fn an_outage_has_a_beginning_a_worst_part_and_an_end() {
        assert_eq!(
            told("......pppppppttttttt......"),
            [
                phase("healthy", 0, 60),
                phase("partial", 60, 130),
                phase("total", 130, 200),
                phase("recovered", 200, 260),
            ]
        );
    }

    #[test]
    fn a_good_moment_within_an_outage_is_part_of_it() {
        assert_eq!(
            told("......pppppp..pppppp......"),
            [phase("healthy", 0, 60), phase("partial", 60, 200), phase("recovered", 200, 260)]
        );
    }

    #[test]
    fn the_last_phase_may_be_short() {
        assert_eq!(
            told("......tttttt."),
            [phase("healthy", 0, 60), phase("total", 60, 120), phase("recovered", 120, 130)]
        );
    }

    #[test]
    fn nothing_that_happened_is_one_healthy_phase() {
        assert_eq!(told("........"), [phase("healthy", 0, 80)]);
        assert_eq!(told(""), []);
    }
}
