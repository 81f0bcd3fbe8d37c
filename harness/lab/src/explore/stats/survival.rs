//! Times to recovery, of which some were not awaited.
//!
//! A run that had not recovered when it ended says "longer than this". Leaving it out, or counting
//! it as recovered, flatters; a mean cannot hold it at all. Kaplan and Meier's curve can, and the
//! log-rank test compares two of them.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ChiSquared, ContinuousCDF};

use super::interval::Z;

/// How long one run took, or was watched without it happening.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// Seconds (or any unit, the same for all).
    pub time: f64,
    /// Whether it happened then; if not, watching ended.
    pub happened: bool,
}

/// The curve falls at one time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// When.
    pub time: f64,
    /// How many were still waiting just before.
    pub at_risk: u64,
    /// For how many it happened then.
    pub events: u64,
    /// The share that waits longer.
    pub waiting: f64,
    /// Greenwood's standard error of that share.
    pub error: f64,
    /// The lower end of the share's 95 % interval, by log(−log): it stays between 0 and 1.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// Kaplan and Meier's estimate (1958): the share that still waits, as a falling staircase.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// The times at which it falls, ascending. Before the first it is 1.
    pub steps: Vec<Step>,
}

impl Curve {
    /// The curve of some runs.
    pub fn of(observations: &[Observation]) -> Self {
        let (mut waiting, mut greenwood) = (1.0, 0.0);
        let steps = event_times(observations).into_iter().map(|time| {
            let (at_risk, events) = at(observations, time);
            let (n, d) = (at_risk as f64, events as f64);
            waiting *= 1.0 - d / n;
            greenwood += d / (n * (n - d));
            let (low, high) = log_log(waiting, greenwood);
            let error = if waiting > 0.0 { waiting * f64::sqrt(greenwood) } else { 0.0 };
            Step { time, at_risk, events, waiting, error, low, high }
        });
        Curve { steps: steps.collect() }
    }

    /// When half of the runs have stopped waiting; none where the curve ends above one half.
    pub fn median(&self) -> Option<f64> {
        self.steps.iter().find(|step| step.waiting <= 0.5).map(|step| step.time)
    }
}

/// The ends of the interval of a share, from its Greenwood sum (Kalbfleisch and Prentice 1980).
/// Where nobody is left, it tells nothing.
fn log_log(waiting: f64, greenwood: f64) -> (f64, f64) {
    if waiting <= 0.0 {
        return (0.0, 0.0);
    }
    let half = Z * greenwood.sqrt() / waiting.ln().abs();
    (waiting.powf(half.exp()), waiting.powf((-half).exp()))
}

/// When something happened, ascending, each time once.
fn event_times(observations: &[Observation]) -> Vec<f64> {
    let happened = observations.iter().filter(|one| one.happened);
    let mut times: Vec<f64> = happened.map(|one| one.time).collect();
    times.sort_by(f64::total_cmp);
    times.dedup();
    times
}

/// How many still wait just before `time`, and for how many it happens then. Who is watched until
/// the very moment counts as waiting.
fn at(observations: &[Observation], time: f64) -> (u64, u64) {
    let at_risk = observations.iter().filter(|one| one.time >= time);
    let events = at_risk.clone().filter(|one| one.time == time && one.happened);
    (at_risk.count() as u64, events.count() as u64)
}

/// Whether two groups differ in their times.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogRank {
    /// How often it happened in the first group.
    pub observed: u64,
    /// How often it would have happened there, were there no difference. Fewer observed than
    /// expected: the first group waits longer.
    pub expected: f64,
    /// The test statistic, of χ² with one degree of freedom.
    pub chi_square: f64,
    /// How often no difference would look like this.
    pub p_value: f64,
}

/// The log-rank test of Mantel (1966): at every time, the events of the first group against its
/// part of those that still wait. `None` where nothing can be compared (no event while both groups
/// wait).
pub fn log_rank(first: &[Observation], second: &[Observation]) -> Option<LogRank> {
    let all: Vec<Observation> = first.iter().chain(second).copied().collect();
    let (mut observed, mut expected, mut variance) = (0, 0.0, 0.0);
    for time in event_times(&all) {
        let (ours, our_events) = at(first, time);
        let (everyone, events) = at(&all, time);
        let (n, d, share) = (everyone as f64, events as f64, ours as f64 / everyone as f64);
        observed += our_events;
        expected += d * share;
        if everyone > 1 {
            variance += d * share * (1.0 - share) * (n - d) / (n - 1.0);
        }
    }
    if variance <= 0.0 {
        return None;
    }
    let chi_square = (observed as f64 - expected).powi(2) / variance;
    let p_value = ChiSquared::new(1.0).expect("one degree of freedom").sf(chi_square);
    Some(LogRank { observed, expected, chi_square, p_value })
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn after(time: u32) -> Observation {
        Observation { time: time as f64, happened: true }
    }

    const fn longer_than(time: u32) -> Observation {
        Observation { time: time as f64, happened: false }
    }

    /// E. J. Freireich et al., "The effect of 6-mercaptopurine on the duration of steroid-induced
    /// remissions in acute leukemia", Blood 21 (1963): weeks of remission, treated.
    fn treated() -> Vec<Observation> {
        let relapsed = [6, 6, 6, 7, 10, 13, 16, 22, 23].map(after);
        let censored = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35].map(longer_than);
        [relapsed.as_slice(), &censored].concat()
    }

    /// The same study's patients on placebo.
    fn placebo() -> Vec<Observation> {
        [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23].map(after).to_vec()
    }

    /// Time, share, error and interval as in any textbook that uses the data (for the interval:
    /// Stata's `sts list`).
    #[test]
    fn the_curve_of_the_leukaemia_study_is_the_published_one() {
        let published = [
            (6.0, 21, 3, 0.8571, 0.0764, 0.6197, 0.9516),
            (7.0, 17, 1, 0.8067, 0.0869, 0.5631, 0.9228),
            (10.0, 15, 1, 0.7529, 0.0963, 0.5032, 0.8894),
            (13.0, 12, 1, 0.6902, 0.1068, 0.4316, 0.8491),
            (16.0, 11, 1, 0.6275, 0.1141, 0.3675, 0.8049),
            (22.0, 7, 1, 0.5378, 0.1282, 0.2678, 0.7468),
            (23.0, 6, 1, 0.4482, 0.1346, 0.1881, 0.6801),
        ];
        let curve = Curve::of(&treated());
        assert_eq!(curve.steps.len(), published.len());
        for (step, (time, at_risk, events, waiting, error, low, high)) in
            curve.steps.iter().zip(published)
        {
            assert_eq!((step.time, step.at_risk, step.events), (time, at_risk, events));
            let near = |got: f64, wanted: f64| (got - wanted).abs() < 6e-5;
            assert!(near(step.waiting, waiting) && near(step.error, error), "{step:?}");
            assert!(near(step.low, low) && near(step.high, high), "{step:?}");
        }
        assert_eq!((curve.median(), Curve::of(&placebo()).median()), (Some(23.0), Some(8.0)));
    }

    #[test]
    fn the_log_rank_test_of_the_leukaemia_study_is_the_published_one() {
        let test = log_rank(&treated(), &placebo()).unwrap();
        assert_eq!(test.observed, 9);
        assert!((test.expected - 19.25).abs() < 0.01, "{test:?}");
        assert!((test.chi_square - 16.79).abs() < 0.01, "{test:?}");
        assert!((test.p_value - 4.17e-5).abs() < 1e-6, "{test:?}");
    }

    #[test]
    fn without_censoring_the_curve_is_the_share_that_waits() {
        let curve = Curve::of(&placebo());
        for step in &curve.steps {
            let longer = placebo().iter().filter(|other| other.time > step.time).count();
            assert!((step.waiting - longer as f64 / 21.0).abs() < 1e-12);
        }
        assert_eq!(curve.steps.last().map(|step| step.waiting), Some(0.0));
    }

    #[test]
    fn what_never_happens_has_no_median_and_no_test() {
        let never = [longer_than(9); 4];
        assert_eq!(Curve::of(&never), Curve::default());
        assert_eq!(Curve::of(&never).median(), None);
        assert_eq!(log_rank(&never, &never), None);
        assert_eq!(log_rank(&[], &placebo()), None);
    }

    #[test]
    fn a_group_is_no_different_from_itself() {
        let test = log_rank(&treated(), &treated()).unwrap();
        assert!(test.chi_square < 1e-12 && test.p_value > 0.999, "{test:?}");
    }
}
