//! People held to what they did.
//!
//! Taking a condition away changes what people see, and so what they do. To tell the two apart, the
//! steps that were taken are taken again at their time whatever is seen, and those that were not are
//! left out (Halpern and Pearl's contingency at actual values). What the condition then still does is
//! its direct effect; what it did with people free to act is the total one; the difference went through
//! their hands.

use super::super::runs::Row;
use crate::scenario::Kind;
use crate::{Scenario, Settings};

/// `settings` with every human factor, `but` one, held to what was done in the run of `row`. None where
/// somebody cannot be held to it: a factor has no level `forced`.
pub fn pinned(
    scenario: &Scenario,
    row: &Row,
    settings: &Settings,
    but: Option<&str>,
) -> Option<Settings> {
    let mut held = settings.clone();
    let human = scenario.factors.iter().filter(|factor| factor.kind == Kind::Human);
    for factor in human.filter(|factor| Some(factor.name.as_str()) != but) {
        let mut steps = row.steps.iter().filter(|s| s.factor.as_ref() == Some(&factor.name));
        let level = match (steps.clone().any(|s| s.taken), steps.all(|s| s.taken)) {
            // Whose time did not come is free.
            (false, true) => continue,
            (false, false) => "off".to_owned(),
            // A canary is held to its manner, which `forced` has not.
            (true, _) if row.key.settings.level(&factor.name) == "canary" => return None,
            (true, _) => match row.key.settings.moved(&factor.name) {
                Some(time) => format!("forced@{time}"),
                None => "forced".to_owned(),
            },
        };
        held.set(scenario, &format!("{}={level}", factor.name)).ok()?;
    }
    Some(held)
}
