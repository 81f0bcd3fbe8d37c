//! Whether a run has got as bad as somebody waits for.
//!
//! It is looked at when a request ends, so that a run with a goal is the same run as one without, up
//! to the moment at which it stops: nothing of the world wakes for it. Only ten seconds whose last
//! request must have ended count, and what lasts a minute of those stays true whatever comes: a run
//! that is stopped here would have been judged at least as bad at its end.

use std::sync::Arc;
use std::time::Duration;

use harness_env::Wall;

use crate::Scenario;
use crate::outcome::{Sample, Severity, reached};
use crate::scenario::Journey;

/// How often it is looked at, and the width of what severity counts in.
const BUCKET: Duration = Duration::from_secs(10);
/// How far back it looks: many times the minute that counts.
const WINDOW: Duration = Duration::from_secs(600);
/// A request ends at the latest this long after its user's patience.
const SLACK: Duration = Duration::from_secs(1);

/// A request: the journey, when it began, whether it succeeded.
pub type Lived = (Arc<str>, Wall, bool);

/// A severity that is waited for.
pub struct Goal {
    severity: Severity,
    journeys: Vec<Journey>,
    zero: Wall,
    /// The first act's beginning: what is before it is no part of the story.
    begins: Wall,
    settles: Duration,
    next: Wall,
    /// How many of the requests are too old to look at.
    old: usize,
}

impl Goal {
    /// Waits for `severity`.
    pub fn new(scenario: &Scenario, severity: Severity) -> Self {
        let zero = scenario.calendar.zero();
        let begins = scenario.acts.first().map_or(zero, |act| act.starts);
        Goal {
            severity,
            journeys: scenario.workload.journeys.clone(),
            zero,
            begins,
            settles: scenario.workload.patience + SLACK,
            next: begins,
            old: 0,
        }
    }

    /// Whether it is reached, by what ended up to `now`.
    pub fn look(&mut self, now: Wall, lived: &[Lived]) -> bool {
        if now < self.next {
            return false;
        }
        self.next = now.after(BUCKET);
        let settled = Wall(now.0 - self.settles.as_nanos() as i64);
        // The beginning of the ten seconds that `settled` is in: those are not over.
        let width = BUCKET.as_nanos() as i64;
        let end = Wall(self.zero.0 + (settled.0 - self.zero.0).div_euclid(width) * width);
        let start = Wall((now.0 - WINDOW.as_nanos() as i64).max(self.begins.0));
        self.old += lived[self.old..].iter().take_while(|(_, began, _)| *began < start).count();
        let recent = lived[self.old..].iter();
        let samples: Vec<Sample> = recent
            .filter(|(_, began, _)| *began >= start && *began < end)
            .map(|(journey, began, ok)| Sample {
                journey: journey.clone(),
                at: (began.0 - self.zero.0) as f64 / 1e9,
                ok: *ok,
            })
            .collect();
        reached(&self.journeys, &samples) >= self.severity
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario;

    /// The second, from the scenario's zero, at which the goal is reached, where every request takes
    /// `takes` seconds and `ok` says whether it succeeds.
    fn reached_at(severity: Severity, takes: i64, ok: impl Fn(&str, i64) -> bool) -> Option<i64> {
        let scenario = scenario::find("monzo-2017").expect("it is built in");
        let mut goal = Goal::new(&scenario, severity);
        let zero = scenario.calendar.zero().0;
        let mut lived: Vec<Lived> = Vec::new();
        for second in 0..600 {
            let began = Wall(zero + (second - takes) * 1_000_000_000);
            for journey in &scenario.workload.journeys {
                let ok = ok(&journey.name, second - takes);
                lived.push((Arc::from(journey.name.as_str()), began, ok));
                if goal.look(Wall(zero + second * 1_000_000_000), &lived) {
                    return Some(second);
                }
            }
        }
        None
    }

    #[test]
    fn a_goal_is_reached_when_a_bad_minute_is_over_and_its_last_request_has_ended() {
        let fails = |journey: &str, at: i64| journey != "current-payment" || at < 100;
        let at = reached_at(Severity::Partial, 15, fails).expect("a partial outage");
        assert!((176..=190).contains(&at), "{at}");
        assert_eq!(reached_at(Severity::Total, 15, fails), None);
    }

    #[test]
    fn what_is_bad_for_less_than_a_minute_is_no_goal() {
        let short = |_: &str, at: i64| !(100..150).contains(&at);
        assert_eq!(reached_at(Severity::Partial, 2, short), None);
    }

    #[test]
    fn a_total_outage_is_one_of_every_journey_through_the_mesh() {
        let down = |journey: &str, at: i64| journey == "card-payment" || at < 100;
        assert!(reached_at(Severity::Total, 1, down).is_some());
        let one_up = |journey: &str, at: i64| journey == "app-feed" || at < 100;
        assert_eq!(reached_at(Severity::Total, 1, one_up), None);
    }
}
