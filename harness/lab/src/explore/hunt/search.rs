//! One seed after the other: drawn, played, shrunk.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::schedule::{Schedule, Trouble};
use crate::explore::cuts::Stopped;
use crate::explore::runs::{Ask, Question, Row, Runs};
use crate::explore::shrink::{Faults, shrink};
use crate::explore::stats::Verdict;
use crate::outcome::Severity;
use crate::scenario::Source;
use crate::{Scenario, Settings};

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
    /// How many runs it asked for, played now or before.
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

/// Opens the runs of a changed scenario, where those with this seed are kept.
pub type Open<'o, 'm> = &'o (dyn Fn(&Arc<Scenario>, u64) -> Result<Runs<'m>, String> + Sync);

/// Whether and how a run is broken.
fn broken(row: &Row, target: Severity) -> Option<Broken> {
    if !row.violations.is_empty() {
        let names = row.violations.iter().map(|violation| violation.oracle.to_string());
        return Some(Broken::Oracles(names.collect()));
    }
    row.reaches(target).then_some(Broken::Severity(target))
}

/// Whether a run is broken in the way that is looked for: as bad, or by one of the same oracles.
fn alike(broken: &Broken, wanted: &Broken) -> bool {
    match (broken, wanted) {
        (Broken::Oracles(these), Broken::Oracles(those)) => !these.is_disjoint(those),
        _ => broken == wanted,
    }
}

/// What came of one scenario.
fn played(plan: &Plan, runs: &Runs, seed: u64) -> Result<Arc<Row>, String> {
    let question = match plan.target {
        // Data is only known to be lost at the end.
        Severity::DataLoss => Question::Whole,
        target => Question::Reaches(target),
    };
    let ask = Ask::new(plan.settings.clone(), seed, question);
    let mut rows = runs.answer("hunting", &[ask])?;
    Ok(rows.remove(0))
}

/// Draws what a seed has in store for the scenario, and shrinks it if it breaks. The runs that `open`
/// opens must be of hunts for the same target: a run that stopped sooner has seen less.
///
/// # Errors
/// As [`Runs::answer`]; a schedule that the scenario has no room for.
pub fn hunt(plan: &Plan, seed: u64, open: Open<'_, '_>) -> Result<Search, String> {
    let Plan { source, scenario, target, budget, .. } = plan;
    let schedule = Schedule::draw(scenario, seed);
    let mut runs = 0;
    let mut judge = |faults: &Faults| -> Result<Option<Broken>, String> {
        let some = schedule.only(faults.iter().copied());
        let (_, changed) = some.onto(source, scenario)?;
        runs += 1;
        let row = played(plan, &open(&Arc::new(changed), seed)?, seed)?;
        Ok(broken(&row, *target))
    };
    let all: Faults = (0..schedule.troubles.len()).collect();
    let found = match judge(&all)? {
        None => None,
        Some(wanted) => {
            let mut trouble = None;
            let shrunk = shrink(all.len(), *budget, |faults| {
                // That all together break it is known.
                if *faults == all {
                    return Ok(Verdict::Fail);
                }
                let judged = judge(faults).map_err(|why| {
                    trouble = Some(why);
                    Stopped::Interrupted
                })?;
                let is = judged.is_some_and(|broken| alike(&broken, &wanted));
                Ok(if is { Verdict::Fail } else { Verdict::Safe })
            });
            if let Some(why) = trouble {
                return Err(why);
            }
            // Without a budget nothing is left out.
            let (least, minimal) = match shrunk {
                Ok(Some(shrunk)) => (shrunk.faults, shrunk.minimal),
                Ok(None) | Err(_) => (all, false),
            };
            let least = schedule.only(least);
            let (source, _) = least.onto(source, scenario)?;
            let (troubles, text) = (least.troubles, source.text);
            Some(Found { broken: wanted, troubles, minimal, text })
        }
    };
    Ok(Search { seed, drawn: schedule.troubles.len(), found, runs })
}

/// Plays the scenario with nothing drawn: it must be healthy, or every find would be its own fault.
///
/// # Errors
/// How it is broken; or why it could not be played.
pub fn healthy(plan: &Plan, seed: u64, runs: &Runs) -> Result<(), String> {
    let row = played(plan, runs, seed)?;
    match broken(&row, plan.target) {
        None => Ok(()),
        Some(Broken::Severity(severity)) => Err(format!("by itself it is {}", severity.name())),
        Some(Broken::Oracles(oracles)) => {
            let named: Vec<String> = oracles.into_iter().collect();
            Err(format!("by itself it violates {}", named.join(", ")))
        }
    }
}
