//! Steps at another time: `mesh-restart=forced@14:40`.
//!
//! What stands behind the `@` of a level is when the first step of that factor begins; later steps of
//! the same factor keep their distance to it. It is part of the setting, so that everything that names
//! settings (keys of stored runs, lines that replay) names the time as well.

use std::time::Duration;

use super::{Act, End, Scenario, Settings, Step, clock};

/// A level and the time behind it.
pub(super) fn split(level: &str) -> (&str, Option<&str>) {
    match level.split_once('@') {
        Some((level, time)) => (level, Some(time)),
        None => (level, None),
    }
}

/// When the first step of a factor is, counted from its act's beginning.
fn first<'a>(act: &'a Act, factor: &str) -> Option<&'a Step> {
    act.steps.iter().find(|step| step.factor.as_deref() == Some(factor))
}

/// A time as a scenario's steps have it, counted from the act's beginning.
pub(super) fn offset(scenario: &Scenario, act: &Act, time: &str) -> Option<Duration> {
    match time.strip_prefix('+') {
        Some(offset) => clock::duration(offset),
        None => clock::time(time)
            .and_then(|time| scenario.calendar.on_day_of(act.starts, time))
            .filter(|wall| *wall >= act.starts)
            .map(|wall| wall.since(act.starts)),
    }
}

/// Whether the steps of a factor can begin at a time; what is wrong and what is allowed if not.
pub(super) fn check(scenario: &Scenario, factor: &str, time: &str) -> Result<(), (String, String)> {
    let mut acts = scenario.acts.iter().filter(|act| first(act, factor).is_some());
    let (Some(act), None) = (acts.next(), acts.next()) else {
        let message = format!("`{factor}` has no steps of one act that could be at another time");
        return Err((message, "leave out the `@` and what is behind it".to_owned()));
    };
    let help = "a clock time like 14:40 or 14:40:30 on the day of the act, or an offset like +2m \
                from its beginning, is expected";
    let Some(at) = offset(scenario, act, time) else {
        return Err((format!("`{time}` is no time of the act {}", act.name), help.to_owned()));
    };
    let lasts = match act.end {
        End::At(end) => end.since(act.starts),
        End::Settled { limit, .. } => limit,
    };
    if at > lasts {
        let message = format!("at {time} the act {} is over", act.name);
        return Err((message, help.to_owned()));
    }
    Ok(())
}

impl Scenario {
    /// When a step of `act` is taken with these settings, counted from the act's beginning.
    pub fn at(&self, act: &Act, step: &Step, settings: &Settings) -> Duration {
        let moved = step.factor.as_deref().and_then(|factor| {
            let to = offset(self, act, settings.moved(factor)?)?;
            Some(to + step.at.saturating_sub(first(act, factor)?.at))
        });
        moved.unwrap_or(step.at)
    }
}

#[cfg(test)]
mod tests {
    use super::super::find;
    use super::*;

    fn set(given: &str) -> Result<(Scenario, Settings), String> {
        let scenario = find("monzo-2017").expect("the built-in scenario is right");
        let mut settings = scenario.defaults();
        settings.set(&scenario, given).map_err(|error| error.to_string())?;
        Ok((scenario, settings))
    }

    fn times(given: &str, act: &str, factor: &str) -> Vec<u64> {
        let (scenario, settings) = set(given).expect(given);
        let act = scenario.act(act).expect("an act");
        let steps = act.steps.iter().filter(|step| step.factor.as_deref() == Some(factor));
        steps.map(|step| scenario.at(act, step, &settings).as_secs()).collect()
    }

    #[test]
    fn a_step_is_moved_by_the_time_behind_its_level() {
        assert_eq!(times("mesh-restart=forced", "outage", "mesh-restart"), [19 * 60]);
        assert_eq!(times("mesh-restart=forced@14:40", "outage", "mesh-restart"), [33 * 60]);
        assert_eq!(times("mesh-restart=forced@+2m", "outage", "mesh-restart"), [120]);
    }

    #[test]
    fn later_steps_of_a_factor_keep_their_distance_to_its_first() {
        assert_eq!(times("etcd-restart=on", "morning", "etcd-restart"), [60, 97, 97, 97]);
        assert_eq!(times("etcd-restart=on@09:02", "morning", "etcd-restart"), [120, 157, 157, 157]);
    }

    #[test]
    fn the_level_is_what_stands_before_the_time() {
        let (_, settings) = set("mesh-restart=forced@14:40:30").expect("a time");
        assert_eq!(settings.level("mesh-restart"), "forced");
        assert_eq!(settings.moved("mesh-restart"), Some("14:40:30"));
        assert_eq!(settings.moved("ledger-deploy"), None);
    }

    #[test]
    fn a_time_that_cannot_be_is_told_with_what_can() {
        for (given, message) in [
            ("mesh-restart=forced@quarter past", "`quarter past` is no time of the act outage"),
            ("mesh-restart=forced@", "`` is no time of the act outage"),
            ("mesh-restart=forced@13:00", "`13:00` is no time of the act outage"),
            ("mesh-restart=forced@16:00", "at 16:00 the act outage is over"),
            ("linkerd=0.9.1@14:40", "`linkerd` has no steps"),
            ("mesh-restart=sometimes@14:40", "`mesh-restart` has no level `sometimes`"),
        ] {
            let error = set(given).expect_err(given);
            assert!(error.contains(message), "{error}");
        }
    }
}
