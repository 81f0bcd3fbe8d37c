//! The level at which a factor is absent.
//!
//! A scenario file lists the level of the real day first, and next to it the one that takes the
//! condition away: a release in which the bug is mended, a change that was not made. What people do is
//! taken away by `off`.

use super::super::runs::Runs;
use crate::scenario::{Factor, Kind};
use crate::{Scenario, Settings};

/// The level that takes a factor away, or that brings it back where it is away already: the scenario's
/// own or, where that is to be without it, the first other one. None for a factor that has one level only.
pub fn other_level<'a>(factor: &'a Factor, settings: &Settings) -> Option<&'a str> {
    let absent = absent_level(factor)?;
    if settings.level(&factor.name) == absent {
        factor.levels.iter().map(String::as_str).find(|level| *level != absent)
    } else {
        Some(absent)
    }
}

/// The level at which a factor is absent.
pub fn absent_level(factor: &Factor) -> Option<&str> {
    let off = factor.levels.iter().find(|level| *level == "off");
    let absent = match factor.kind {
        Kind::Human => off.or(factor.levels.get(1)),
        _ => factor.levels.get(1),
    };
    absent.map(String::as_str)
}

/// Every factor that can be at its other level while all else stays, with that level; what the scenario
/// forbids is left out.
pub fn each<'r>(runs: &'r Runs<'_>, settings: &Settings) -> Vec<(&'r Factor, &'r str)> {
    let scenario = runs.scenario();
    let flip = |factor: &'r Factor| {
        let level = other_level(factor, settings)?;
        let flipped = with(scenario, settings, &factor.name, level);
        runs.allows(&format!("{}={level}", factor.name), &flipped).then_some((factor, level))
    };
    scenario.factors.iter().filter_map(flip).collect()
}

/// The settings with one factor at another level.
///
/// # Panics
/// If the scenario has no such factor or level.
pub fn with(scenario: &Scenario, settings: &Settings, factor: &str, level: &str) -> Settings {
    let mut settings = settings.clone();
    let given = format!("{factor}={level}");
    settings.set(scenario, &given).unwrap_or_else(|error| panic!("{error}"));
    settings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::find;

    #[test]
    fn what_is_away_is_brought_back_whether_or_not_the_scenario_has_it() {
        let other = |scenario: &str, given: &str| {
            let scenario = find(scenario).expect("it is built in");
            let (name, level) = given.split_once('=').expect("a level");
            let factor = scenario.factors.iter().find(|f| f.name == name).expect("a factor");
            let settings = with(&scenario, &scenario.defaults(), name, level);
            other_level(factor, &settings).map(str::to_owned)
        };
        assert_eq!(other("monzo-2017", "mesh-restart=reactive").as_deref(), Some("off"));
        assert_eq!(other("monzo-2017", "mesh-restart=off").as_deref(), Some("reactive"));
        // Nobody does it unless they are told to.
        assert_eq!(other("zone-loss-9", "remove-silent=off").as_deref(), Some("reactive"));
        assert_eq!(other("zone-loss-9", "remove-silent=reactive").as_deref(), Some("off"));
        assert_eq!(other("disk-full", "second-disk=off").as_deref(), Some("on"));
    }
}
