//! The level at which a factor is absent.
//!
//! A scenario file lists the level of the real day first, and next to it the one that takes the
//! condition away: a release in which the bug is mended, a change that was not made. What people do is
//! taken away by `off`.

use crate::scenario::{Factor, Kind};
use crate::{Scenario, Settings};

/// The level that takes a factor away, or that brings it back where it is away already. None for a
/// factor that has one level only.
pub fn other_level<'a>(factor: &'a Factor, settings: &Settings) -> Option<&'a str> {
    let absent = absent_level(factor)?;
    if settings.level(&factor.name) == absent {
        Some(factor.default_level()).filter(|level| *level != absent)
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
