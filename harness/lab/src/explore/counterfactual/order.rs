//! Does it matter which of two steps came first?
//!
//! Steps of the main act that were taken, one after the other, change places: each is taken at the
//! other's time, whatever is then seen. The order matters where it gets as bad as was asked in one order
//! and not in the other.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::runs::{Ask, Question, Row, Runs};
use super::pin::{Done, done};
use crate::outcome::Severity;
use crate::scenario::Factor;
use crate::{Scenario, Settings};

/// Two steps in each other's place.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Swap {
    /// The factor whose step came first.
    pub first: String,
    /// The factor whose step came next.
    pub second: String,
    /// How bad it gets if they change places.
    pub severity: Severity,
    /// Whether it then gets as bad as was asked.
    pub reaches: bool,
    /// The command that plays it.
    pub replay: String,
}

impl Swap {
    /// Whether the order matters: only of a run that gets as bad as was asked is it asked at all.
    pub fn matters(&self) -> bool {
        !self.reaches
    }

    /// What it comes to for a cut set whose steps they are.
    pub fn told(&self) -> String {
        let so = if self.matters() { "not if" } else { "just as well if" };
        format!("{so} {} comes before {}", self.second, self.first)
    }
}

/// A step of the main act that can be taken at any time: its factor, and when it was taken, counted from
/// the scenario's zero.
#[derive(Clone, Debug)]
pub(super) struct Timed<'a> {
    pub factor: &'a Factor,
    pub due: f64,
}

/// The steps of the main act that were taken and can be moved, in the order in which they were. A level
/// moves all that its factor governs, so what was done only in part is left out, and so is what was done
/// in a manner that no step at a time of its own has.
pub(super) fn timed<'a>(scenario: &'a Scenario, row: &Row) -> Vec<Timed<'a>> {
    let (main, settings) = (&scenario.main_act().name, &row.key.settings);
    let mut found: Vec<Timed<'a>> = Vec::new();
    for step in row.steps.iter().filter(|step| step.act == *main && step.taken) {
        let factor = scenario.factors.iter().find(|f| Some(&f.name) == step.factor.as_ref());
        let can_be_moved = |factor: &&Factor| {
            done(scenario, row, &factor.name) == Done::All
                && moved(scenario, settings, factor, step.due).is_some()
        };
        let Some(factor) = factor.filter(can_be_moved) else { continue };
        if found.iter().all(|other| other.factor.name != factor.name) {
            found.push(Timed { factor, due: step.decided() });
        }
    }
    found.sort_by(|a, b| a.due.total_cmp(&b.due));
    found
}

/// The level at which the steps of a factor are taken at their time, whatever is seen. Of a canary there
/// is none.
fn at_will<'a>(factor: &'a Factor, settings: &Settings) -> Option<&'a str> {
    let known = |level: &&str| factor.levels.iter().any(|known| known == level);
    let as_played = settings.level(&factor.name) != "canary";
    ["forced", "on"].into_iter().find(known).filter(|_| as_played)
}

/// The settings with the first step of a factor taken at `at`, counted from the scenario's zero; none
/// where that cannot be said, or where the act is over by then.
pub(super) fn moved(
    scenario: &Scenario,
    settings: &Settings,
    factor: &Factor,
    at: f64,
) -> Option<Settings> {
    let mut settings = settings.clone();
    let level = at_will(factor, &settings)?;
    let time = scenario.calendar.time(at);
    settings.set(scenario, &format!("{}={level}@{time}", factor.name)).ok()?;
    Some(settings)
}

/// Every step of a run that reaches the target with the one after it; those that are due at the same
/// moment have no order, and what the scenario forbids is left out.
///
/// # Errors
/// As [`Runs::answer`].
pub fn order(runs: &Runs, base: &Arc<Row>, target: Severity) -> Result<Vec<Swap>, String> {
    let scenario = runs.scenario().clone();
    let steps = timed(&scenario, base);
    let ordered = steps.windows(2).filter(|two| two[0].due < two[1].due);
    let swapped = ordered.filter_map(|two| {
        let (first, second) = (&two[0], &two[1]);
        let once = moved(&scenario, &base.key.settings, first.factor, second.due)?;
        let settings = moved(&scenario, &once, second.factor, first.due)?;
        let what = format!("{} before {}", second.factor.name, first.factor.name);
        runs.allows(&what, &settings).then_some((two, settings))
    });
    let swapped: Vec<_> = swapped.collect();
    let question = Question::Reaches(target);
    let asks: Vec<Ask> = swapped
        .iter()
        .map(|(_, settings)| Ask::new(settings.clone(), base.seed, question.clone()))
        .collect();
    let rows = runs.answer("steps in each other's place", &asks)?;
    let told = swapped.iter().zip(rows).map(|((two, _), row)| Swap {
        first: two[0].factor.name.clone(),
        second: two[1].factor.name.clone(),
        severity: row.severity,
        reaches: row.reaches(target),
        replay: row.replay.clone(),
    });
    Ok(told.collect())
}
