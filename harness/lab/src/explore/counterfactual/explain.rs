//! One run, explained.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::runs::row::Impact;
use super::super::runs::{Ask, Question, Row, Runs, Seeds, Tally};
use super::armed::{Armed, armed};
use super::but_for::{ButFor, but_for};
use super::order::{Swap, order};
use super::pairs::{Necessity, necessity};
use super::windows::{Window, windows};
use crate::Settings;
use crate::outcome::Severity;

/// What is to be explained, and how thoroughly.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The settings of the run.
    pub settings: Settings,
    /// Its seed.
    pub seed: u64,
    /// The severity whose coming about is explained; the run's own where none is given.
    pub target: Option<Severity>,
    /// Over how many seeds necessity and sufficiency are counted; 0: not at all.
    pub pairs: usize,
    /// Whether it is asked when steps could have been taken.
    pub timing: bool,
}

/// Why a run went as it did. Times are seconds from the scenario's zero.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Explanation {
    /// The scenario's name.
    pub scenario: String,
    /// A hash of its text.
    pub text: String,
    /// A hash of the program that played the runs.
    pub build: String,
    /// The seed.
    pub seed: u64,
    /// Every setting.
    pub settings: Settings,
    /// How bad it got.
    pub severity: Severity,
    /// The severity that is explained.
    pub target: Severity,
    /// Whether the run is as bad as that.
    pub reaches: bool,
    /// When it first was.
    pub since: Option<i64>,
    /// The run's digest.
    pub digest: String,
    /// The command that plays it.
    pub replay: String,
    /// What each journey lost.
    pub impact: Vec<Impact>,
    /// The latent conditions.
    pub armed: Vec<Armed>,
    /// Each factor by itself at its other level.
    pub but_for: Vec<ButFor>,
    /// Steps in each other's place.
    pub order: Vec<Swap>,
    /// When steps could have been taken.
    pub windows: Vec<Window>,
    /// The seeds of `necessity`.
    pub seeds: Option<Seeds>,
    /// Necessity and sufficiency of each factor.
    pub necessity: Vec<Necessity>,
    /// What was not asked because the scenario forbids it, each with what is forbidden.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// What it took.
    pub tally: Tally,
}

/// Explains a run.
///
/// # Errors
/// As [`Runs::answer`].
pub fn explain(runs: &Runs, plan: &Plan) -> Result<Explanation, String> {
    let ask = Ask::new(plan.settings.clone(), plan.seed, Question::Whole);
    let base: Arc<Row> = runs.reference("the run itself", &ask)?;
    let target = plan.target.unwrap_or(base.severity.max(Severity::Degraded));
    let but_for = but_for(runs, &base, target)?;
    let reaches = base.reaches(target);
    // Moving steps asks what keeps it from happening: there must be something to keep.
    let order = if reaches { order(runs, &base, target)? } else { Vec::new() };
    let windows = match plan.timing && reaches {
        true => windows(runs, &base, target)?,
        false => Vec::new(),
    };
    let (seeds, necessity) = match plan.pairs {
        0 => (None, Vec::new()),
        count => necessity(runs, &base, target, count).map(|(s, n)| (Some(s), n))?,
    };
    Ok(Explanation {
        scenario: runs.scenario().name.clone(),
        text: runs.scenario().text(),
        build: runs.build(),
        seed: plan.seed,
        settings: plan.settings.clone(),
        severity: base.severity,
        target,
        reaches,
        since: base.since(target),
        digest: base.digest.clone(),
        replay: base.replay.clone(),
        impact: base.impact.clone(),
        armed: armed(runs.scenario(), &base.marks, &base.steps, base.ended()),
        but_for,
        order,
        windows,
        seeds,
        necessity,
        left_out: runs.left_out(),
        tally: runs.tally(),
    })
}
