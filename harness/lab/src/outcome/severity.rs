//! How bad it got.
//!
//! Each ten seconds are looked at by themselves first; what counts is what lasts a minute. A bucket
//! without requests says nothing: it neither ends a bad minute nor adds to one.

use serde::{Deserialize, Serialize};

use super::buckets::{MINUTE, Table, WIDTH};
use crate::scenario::{Calendar, Journey, World};

/// How bad a run got, from harmless to the worst.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Every objective was met.
    #[default]
    Ok,
    /// An objective was missed.
    Degraded,
    /// A critical journey was below half for a minute.
    Partial,
    /// All journeys through the mesh (of etcd alone: that need a quorum) were below 5 % for a minute.
    Total,
    /// An acknowledged write or payment is gone or doubled.
    DataLoss,
}

impl Severity {
    /// All of them, from harmless to the worst.
    pub const ALL: [Severity; 5] =
        [Severity::Ok, Severity::Degraded, Severity::Partial, Severity::Total, Severity::DataLoss];

    /// Its name in output.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Ok => "ok",
            Severity::Degraded => "degraded",
            Severity::Partial => "partial",
            Severity::Total => "total",
            Severity::DataLoss => "data-loss",
        }
    }
}

/// When a severity first began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// The severity.
    pub severity: Severity,
    /// The beginning of the first ten seconds that count towards it, from the scenario's zero; none
    /// for what only the books can tell.
    pub at: Option<i64>,
}

/// How bad the requests that these samples are of make it: `ok`, `partial` or `total`.
pub fn reached(journeys: &[Journey], samples: &[super::Sample]) -> Severity {
    let levels = levels(&Table::of(journeys, samples), journeys);
    levels.into_iter().map(|(_, level)| level).max().unwrap_or_default()
}

/// When each severity above `ok` first began.
pub(super) fn first_reached(
    table: &Table,
    journeys: &[Journey],
    levels: &[Level],
    lost: bool,
) -> Vec<Reached> {
    let missed = |n: &usize| {
        journeys.iter().zip(&table.journeys).any(|(journey, buckets)| {
            buckets[*n].ratio().is_some_and(|ratio| ratio < journey.objective)
        })
    };
    let degraded = (0..table.starts.len()).find(missed).map(|n| table.starts[n]);
    let since = |severity: Severity| {
        levels.iter().find(|(_, level)| *level >= severity).map(|(start, _)| *start)
    };
    let times = [
        (Severity::Degraded, degraded),
        (Severity::Partial, since(Severity::Partial)),
        (Severity::Total, since(Severity::Total)),
    ];
    let timed = times.into_iter().filter(|(_, at)| at.is_some());
    let mut reached: Vec<_> = timed.map(|(severity, at)| Reached { severity, at }).collect();
    if lost {
        reached.push(Reached { severity: Severity::DataLoss, at: None });
    }
    reached
}

/// How bad it was in the ten seconds from `.0`: `Ok`, `Partial` or `Total`.
pub(super) type Level = (i64, Severity);

/// How bad it was in every bucket, where only what lasts a minute counts.
pub(super) fn levels(table: &Table, journeys: &[Journey]) -> Vec<Level> {
    let half = |ratio: f64| ratio < 0.5;
    let critical: Vec<Vec<bool>> = journeys
        .iter()
        .zip(&table.journeys)
        .filter(|(journey, _)| journey.critical)
        .map(|(_, buckets)| {
            let bad = buckets.iter().map(|bucket| bucket.ratio().map(half));
            lasting(&table.starts, &bad.collect::<Vec<_>>())
        })
        .collect();
    let total = lasting(&table.starts, &all_down(table, journeys));
    let level = |n: usize| match () {
        () if total[n] => Severity::Total,
        () if critical.iter().any(|bad| bad[n]) => Severity::Partial,
        () => Severity::Ok,
    };
    table.starts.iter().enumerate().map(|(n, start)| (*start, level(n))).collect()
}

/// Per bucket, whether every journey through the mesh was below 5 %; nothing where none asked.
fn all_down(table: &Table, journeys: &[Journey]) -> Vec<Option<bool>> {
    let mesh: Vec<_> =
        journeys.iter().zip(&table.journeys).filter(|(journey, _)| journey.mesh).collect();
    let down = |n: usize| {
        let ratios: Vec<f64> = mesh.iter().filter_map(|(_, buckets)| buckets[n].ratio()).collect();
        (!ratios.is_empty()).then(|| ratios.iter().all(|ratio| *ratio < 0.05))
    };
    (0..table.starts.len()).map(down).collect()
}

/// Which buckets belong to a stretch of at least a minute in which every bucket that says anything
/// says yes.
fn lasting(starts: &[i64], bad: &[Option<bool>]) -> Vec<bool> {
    let mut result = vec![false; bad.len()];
    let mut stretch: Vec<usize> = Vec::new();
    let mut close = |stretch: &mut Vec<usize>| {
        if stretch.len() >= MINUTE {
            let (first, last) = (stretch[0], stretch[stretch.len() - 1]);
            result[first..=last].fill(true);
        }
        stretch.clear();
    };
    for n in 0..bad.len() {
        // Between acts nobody asks: what is bad on both sides is not one stretch.
        if n > 0 && starts[n] - starts[n - 1] > MINUTE as i64 * WIDTH {
            close(&mut stretch);
        }
        match bad[n] {
            Some(true) => stretch.push(n),
            Some(false) => close(&mut stretch),
            None => {}
        }
    }
    close(&mut stretch);
    result
}

/// The severity of a run, and why.
pub(super) fn judge(
    table: &Table,
    journeys: &[Journey],
    levels: &[Level],
    lost: bool,
    world: World,
    calendar: &Calendar,
) -> (Severity, Vec<String>) {
    let mut reasons = Vec::new();
    let mut severity = Severity::Ok;
    if lost {
        severity = Severity::DataLoss;
        reasons.push("an acknowledged write or payment is gone or doubled".to_owned());
    }
    let all_down = format!("every journey {} below 5 %", world.backbone());
    for (level, what) in
        [(Severity::Total, all_down.as_str()), (Severity::Partial, "a critical journey below half")]
    {
        let bad: Vec<i64> = levels.iter().filter(|(_, l)| *l == level).map(|(s, _)| *s).collect();
        let (Some(first), Some(last)) = (bad.first(), bad.last()) else { continue };
        severity = severity.max(level);
        let clock = |at: i64| calendar.time(at as f64);
        let minutes = (bad.len() as i64 * WIDTH) as f64 / 60.0;
        let when = format!("from {} to {}", clock(*first), clock(last + WIDTH));
        reasons.push(format!("{what} for {minutes:.0} min {when}"));
    }
    let mut missed = Vec::new();
    for (journey, buckets) in journeys.iter().zip(&table.journeys) {
        let ratios = buckets.iter().filter_map(super::buckets::Bucket::ratio);
        let below = ratios.filter(|ratio| *ratio < journey.objective).count();
        if below > 0 {
            severity = severity.max(Severity::Degraded);
            missed.push(format!("{} ({below}×)", journey.name));
        }
    }
    if !missed.is_empty() {
        reasons.push(format!("ten-second objectives missed: {}", missed.join(", ")));
    }
    (severity, reasons)
}

#[cfg(test)]
mod tests {
    use super::super::sample::{history, journeys};
    use super::*;

    fn judged(samples: &[super::super::Sample], lost: bool) -> Severity {
        let journeys = journeys();
        let table = Table::of(&journeys, samples);
        let levels = levels(&table, &journeys);
        let zero = "2017-10-27T14:10:00+01:00".parse().expect("a date");
        let calendar = Calendar::new(&zero).expect("a calendar");
        judge(&table, &journeys, &levels, lost, World::Bank, &calendar).0
    }

    #[test]
    fn a_run_without_a_failure_is_ok() {
        assert_eq!(judged(&history(0..300, |_, _| true), false), Severity::Ok);
        assert_eq!(judged(&[], false), Severity::Ok);
    }

    #[test]
    fn a_single_failure_misses_an_objective() {
        let samples = history(0..300, |journey, at| !(journey == "feed" && at == 100));
        assert_eq!(judged(&samples, false), Severity::Degraded);
    }

    #[test]
    fn a_critical_journey_must_fail_for_a_whole_minute_to_be_a_partial_outage() {
        let down = |until: i64| {
            history(0..300, move |journey, at| journey != "pay" || !(100..until).contains(&at))
        };
        assert_eq!(judged(&down(150), false), Severity::Degraded);
        assert_eq!(judged(&down(160), false), Severity::Partial);
    }

    #[test]
    fn a_journey_that_is_not_critical_makes_no_outage() {
        let samples = history(0..300, |journey, _| journey != "feed");
        assert_eq!(judged(&samples, false), Severity::Degraded);
    }

    #[test]
    fn a_total_outage_is_all_journeys_through_the_mesh_and_no_other() {
        let mesh_down = history(0..300, |journey, at| journey == "card" || at < 100);
        assert_eq!(judged(&mesh_down, false), Severity::Total);
        let one_up = history(0..300, |journey, at| journey == "feed" || at < 100);
        assert_eq!(judged(&one_up, false), Severity::Partial);
    }

    #[test]
    fn lost_data_is_worse_than_anything() {
        assert_eq!(judged(&history(0..300, |_, _| true), true), Severity::DataLoss);
        assert!(Severity::ALL.is_sorted());
    }

    #[test]
    fn a_bucket_without_requests_neither_ends_nor_makes_a_minute() {
        let quiet = |at: &i64| !(120..130).contains(at);
        let samples = history((0..300).filter(quiet), |journey, at| {
            journey != "pay" || !(100..170).contains(&at)
        });
        assert_eq!(judged(&samples, false), Severity::Partial);
        let samples = history((0..300).filter(quiet), |journey, at| {
            journey != "pay" || !(100..160).contains(&at)
        });
        assert_eq!(judged(&samples, false), Severity::Degraded);
    }

    #[test]
    fn each_severity_has_the_moment_that_it_began() {
        let samples = history(0..600, |journey, at| match journey {
            "feed" => at < 300,
            "pay" => at != 40 && at < 150,
            _ => true,
        });
        let journeys = journeys();
        let table = Table::of(&journeys, &samples);
        let found = first_reached(&table, &journeys, &levels(&table, &journeys), true);
        let found: Vec<_> = found.into_iter().map(|one| (one.severity, one.at)).collect();
        let expected = [
            (Severity::Degraded, Some(40)),
            (Severity::Partial, Some(150)),
            (Severity::Total, Some(300)),
            (Severity::DataLoss, None),
        ];
        assert_eq!(found, expected);
        assert_eq!(reached(&journeys, &samples), Severity::Total);
    }

    #[test]
    fn the_gap_between_two_acts_ends_a_bad_stretch() {
        let samples = history((0..30).chain(5000..5030), |journey, _| journey != "pay");
        assert_eq!(judged(&samples, false), Severity::Degraded);
    }
}
