//! One seed after the other: drawn, played, shrunk.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::schedule::{Schedule, Trouble};
use crate::explore::shrink::{Faults, shrink};
use crate::explore::stats::Verdict;
use crate::outcome::Severity;
use crate::scenario::Source;
use crate::sweep::pool;
use crate::{Outcome, Request, Runner, Scenario, Settings};

/// What is hunted, and how hard.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The text of the healthy scenario.
    pub source: Source,
    /// The scenario.
    pub scenario: Arc<Scenario>,
    /// Its settings.
    pub settings: Settings,
    /// A run that gets this bad is broken; so is one that violates an oracle.
    pub target: Severity,
    /// How many runs one schedule may be shrunk with.
    pub budget: usize,
}

/// How a run is broken.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Broken {
    /// These oracles are violated.
    Oracles(BTreeSet<String>),
    /// It gets as bad as it must not.
    Severity(Severity),
}

/// What a seed came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Search {
    /// The seed.
    pub seed: u64,
    /// How many troubles it drew.
    pub drawn: usize,
    /// What broke, if anything did.
    pub found: Option<Found>,
    /// How many runs it took.
    pub runs: usize,
}

/// Trouble that breaks the scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// How.
    pub broken: Broken,
    /// The fewest troubles that were found to do it.
    pub troubles: Vec<Trouble>,
    /// Whether with any one of them less it does not break.
    pub minimal: bool,
    /// The text of the scenario that has them.
    pub text: String,
}

/// A search and the file that what it found was written to.
#[derive(Serialize)]
pub struct Told<'s> {
    /// The search.
    #[serde(flatten)]
    pub search: &'s Search,
    /// The scenario file, where something was found.
    pub file: Option<PathBuf>,
    /// The command that plays it.
    pub replay: Option<String>,
}

impl Found {
    /// The kinds of its troubles: what makes two finds the same to a reader.
    pub fn kinds(&self) -> Vec<&str> {
        let mut kinds: Vec<&str> = self.troubles.iter().map(|one| one.kind.as_str()).collect();
        kinds.sort_unstable();
        kinds
    }
}

/// Whether and how a run is broken.
fn broken(outcome: &Outcome, target: Severity) -> Option<Broken> {
    if !outcome.violations.is_empty() {
        let names = outcome.violations.iter().map(|violation| violation.oracle.to_string());
        return Some(Broken::Oracles(names.collect()));
    }
    (outcome.severity >= target).then_some(Broken::Severity(target))
}

/// Whether a run is broken in the way that is looked for: as bad, or by one of the same oracles.
fn alike(broken: &Broken, wanted: &Broken) -> bool {
    match (broken, wanted) {
        (Broken::Oracles(these), Broken::Oracles(those)) => !these.is_disjoint(those),
        _ => broken == wanted,
    }
}

/// Plays one scenario.
fn played(
    plan: &Plan,
    scenario: Arc<Scenario>,
    seed: u64,
    runner: Runner,
) -> Result<Outcome, String> {
    let mut request = Request::new(scenario, plan.settings.clone(), seed);
    // Data is only known to be lost at the end.
    request.goal = Some(plan.target).filter(|target| *target < Severity::DataLoss);
    pool::play(runner, request)
}

/// Draws what a seed has in store for the scenario, and shrinks it if it breaks.
///
/// # Errors
/// A run that could not be played; a schedule that the scenario has no room for.
pub fn hunt(plan: &Plan, seed: u64, runner: Runner) -> Result<Search, String> {
    let Plan { source, scenario, target, budget, .. } = plan;
    let schedule = Schedule::draw(scenario, seed);
    let mut runs = 0;
    let mut trouble = None;
    let mut judge = |faults: &Faults| -> Option<Broken> {
        let some = schedule.only(faults.iter().copied());
        runs += 1;
        let outcome = some
            .onto(source, scenario)
            .and_then(|(_, changed)| played(plan, Arc::new(changed), seed, runner));
        match outcome {
            Ok(outcome) => broken(&outcome, *target),
            Err(why) => {
                trouble.get_or_insert(why);
                None
            }
        }
    };
    let all: Faults = (0..schedule.troubles.len()).collect();
    let wanted = judge(&all);
    let shrunk = wanted.as_ref().and_then(|wanted| {
        let judged = shrink(all.len(), *budget, |faults| {
            // That all together break it is known.
            let is = faults == &all || judge(faults).is_some_and(|broken| alike(&broken, wanted));
            Ok(if is { Verdict::Fail } else { Verdict::Safe })
        });
        judged.ok().flatten()
    });
    if let Some(why) = trouble {
        return Err(why);
    }
    let found = match wanted.zip(shrunk) {
        None => None,
        Some((broken, shrunk)) => {
            let least = schedule.only(shrunk.faults.iter().copied());
            let (source, _) = least.onto(source, scenario)?;
            let (minimal, text) = (shrunk.minimal, source.text);
            Some(Found { broken, troubles: least.troubles, minimal, text })
        }
    };
    Ok(Search { seed, drawn: schedule.troubles.len(), found, runs })
}

/// Plays the scenario with nothing drawn: it must be healthy, or every find would be its own fault.
///
/// # Errors
/// How it is broken; or why it could not be played.
pub fn healthy(plan: &Plan, seed: u64, runner: Runner) -> Result<(), String> {
    let outcome = played(plan, plan.scenario.clone(), seed, runner)?;
    match broken(&outcome, plan.target) {
        None => Ok(()),
        Some(Broken::Severity(severity)) => Err(format!("by itself it is {}", severity.name())),
        Some(Broken::Oracles(oracles)) => {
            let named: Vec<String> = oracles.into_iter().collect();
            Err(format!("by itself it violates {}", named.join(", ")))
        }
    }
}
