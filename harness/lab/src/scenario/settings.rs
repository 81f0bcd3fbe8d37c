//! The level of every factor and the value of every number in one run.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Scenario, moved, suggest, vocabulary};

/// One setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Setting {
    /// A whole number.
    Whole(i64),
    /// Any other number.
    Real(f64),
    /// A factor's level.
    Level(String),
}

impl Setting {
    /// The value of a number; 0 for a level.
    pub fn value(&self) -> f64 {
        match self {
            Setting::Whole(n) => *n as f64,
            Setting::Real(x) => *x,
            Setting::Level(_) => 0.0,
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Setting::Whole(n) => n.fmt(f),
            Setting::Real(x) => x.fmt(f),
            Setting::Level(level) => level.fmt(f),
        }
    }
}

/// Every setting of a run, by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Settings(BTreeMap<String, Setting>);

/// What is wrong with an override.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("--set {given}: {message}; {help}")]
pub struct SettingsError {
    /// What was given.
    pub given: String,
    /// What is wrong with it.
    pub message: String,
    /// What is allowed.
    pub help: String,
}

impl Settings {
    pub(super) fn defaults(scenario: &Scenario) -> Self {
        let factors = scenario.factors.iter();
        let levels =
            factors.map(|f| (f.name.clone(), Setting::Level(f.default_level().to_owned())));
        let numbers = scenario.numbers.iter().map(|n| (n.name.clone(), n.default.clone()));
        Settings(levels.chain(numbers).collect())
    }

    /// The level of `factor`; the usual one where the scenario has no such factor.
    pub fn level(&self, factor: &str) -> &str {
        match self.0.get(factor) {
            Some(Setting::Level(level)) => moved::split(level).0,
            _ => vocabulary::levels(factor).map_or("on", |levels| levels[0]),
        }
    }

    /// When the steps of `factor` begin in place of the scenario's time: what stands behind the `@`
    /// of its level.
    pub fn moved(&self, factor: &str) -> Option<&str> {
        match self.0.get(factor) {
            Some(Setting::Level(level)) => moved::split(level).1,
            _ => None,
        }
    }

    /// The number `name`; the usual one where the scenario has no such number.
    pub fn number(&self, name: &str) -> f64 {
        match self.0.get(name) {
            Some(setting) => setting.value(),
            None => vocabulary::number(name).unwrap_or(0.0),
        }
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Setting)> {
        self.0.iter().map(|(name, setting)| (name.as_str(), setting))
    }

    /// Those that differ from the scenario's defaults.
    pub fn overrides<'a>(
        &'a self,
        scenario: &'a Scenario,
    ) -> impl Iterator<Item = (&'a str, &'a Setting)> {
        let defaults = scenario.defaults();
        self.iter().filter(move |(name, setting)| defaults.0.get(*name) != Some(*setting))
    }

    /// What of it the command line has to say, each with a space before it: ` --set linkerd=1.0.0`.
    pub fn options(&self, scenario: &Scenario) -> String {
        self.overrides(scenario).map(|(name, to)| format!(" --set {name}={to}")).collect()
    }

    /// Overrides one setting by `name=value`, as `--set` gives it.
    ///
    /// # Errors
    /// A name that the scenario does not have, or a value that the name does not take.
    pub fn set(&mut self, scenario: &Scenario, given: &str) -> Result<(), SettingsError> {
        let wrong = |message: String, help: String| SettingsError {
            given: given.to_owned(),
            message,
            help,
        };
        let Some((name, value)) = given.split_once('=') else {
            let help = "for example --set linkerd=1.0.0".to_owned();
            return Err(wrong("a factor, `=` and its level are expected".to_owned(), help));
        };
        let (name, value) = (name.trim(), value.trim());
        let setting = if let Some(factor) = scenario.factors.iter().find(|f| f.name == name) {
            let (level, time) = moved::split(value);
            if !factor.levels.iter().any(|known| known == level) {
                let help = suggest::allowed(level, factor.levels.iter().map(String::as_str));
                return Err(wrong(format!("`{name}` has no level `{level}`"), help));
            }
            if let Some(time) = time {
                let problem = moved::check(scenario, name, time).err();
                if let Some((message, help)) = problem {
                    return Err(wrong(message, help));
                }
            }
            Setting::Level(value.to_owned())
        } else if let Some(number) = scenario.numbers.iter().find(|n| n.name == name) {
            let parsed = if number.whole() {
                value.parse().ok().map(Setting::Whole)
            } else {
                value.parse().ok().map(Setting::Real)
            };
            let inside = |s: &Setting| (number.min..=number.max).contains(&s.value());
            let Some(setting) = parsed.filter(inside) else {
                let sort = if number.whole() { "a whole number" } else { "a number" };
                let help = format!("{sort} from {} to {} is expected", number.min, number.max);
                return Err(wrong(format!("`{name}` cannot be `{value}`"), help));
            };
            setting
        } else {
            let factors = scenario.factors.iter().map(|f| f.name.as_str());
            let names = factors.chain(scenario.numbers.iter().map(|n| n.name.as_str()));
            let message = format!("`{}` has no factor `{name}`", scenario.name);
            return Err(wrong(message, suggest::allowed(name, names)));
        };
        self.0.insert(name.to_owned(), setting);
        Ok(())
    }
}
