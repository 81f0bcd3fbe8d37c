//! Would it have happened without it?
//!
//! Each factor by itself is taken to the level at which it is absent, and the same seed is played
//! again. The two runs are the same up to the first event that differs, which is told: an effect cannot
//! be earlier than that.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::runs::row::Difference;
use super::super::runs::{Ask, Question, Row, Runs, lottery};
use super::{flip, pin};
use crate::Scenario;
use crate::outcome::Severity;
use crate::scenario::Kind;

/// One factor at its other level.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ButFor {
    /// The factor.
    pub factor: String,
    /// What sort of condition it is.
    pub kind: Kind,
    /// Its level in the run.
    pub from: String,
    /// The level that it is taken to.
    pub to: String,
    /// How bad it gets then.
    pub severity: Severity,
    /// Whether it then gets as bad as was asked.
    pub reaches: bool,
    /// What all journeys then lose together, in seconds.
    pub lost_seconds: f64,
    /// The first event that differs; none where the run is the same.
    pub first: Option<Difference>,
    /// Sorts of events of the story that are gone, and that are new.
    pub gone: Vec<String>,
    /// See `gone`.
    pub new: Vec<String>,
    /// Whether what chance decides before the main act was decided otherwise: the factor changes the
    /// prehistory, so the lot was drawn anew, and this one run says little. Seeds in pairs say more.
    pub drawn_anew: bool,
    /// Whether it reaches the severity where people are held to what they did. None where they cannot
    /// be, or the scenario forbids it.
    pub held: Option<bool>,
    /// The command that plays it.
    pub replay: String,
}

impl ButFor {
    /// Whether the run is the same: the factor made no difference.
    pub fn is_the_same(&self) -> bool {
        self.first.is_none()
    }

    /// Whether what it does to the severity goes through what people do.
    pub fn is_mediated(&self, base_reaches: bool) -> bool {
        self.reaches != base_reaches && self.held == Some(base_reaches)
    }
}

/// Every factor that can be at another level, one by one.
///
/// # Errors
/// As [`Runs::answer`].
pub fn but_for(runs: &Runs, base: &Arc<Row>, target: Severity) -> Result<Vec<ButFor>, String> {
    let scenario = runs.scenario().clone();
    let settings = &base.key.settings;
    let flips = flip::each(runs, settings);
    let ask = |(factor, level): &(&crate::scenario::Factor, &str)| Ask {
        against: Some(base.digest.clone()),
        ..Ask::new(flip::with(&scenario, settings, &factor.name, level), base.seed, Question::Whole)
    };
    let asks: Vec<Ask> = flips.iter().map(ask).collect();
    let rows = runs.answer("but for each factor", &asks)?;

    let hold = |n: usize| {
        let (factor, level) = flips[n];
        let held = pin::pinned(&scenario, base, &asks[n].settings, Some(&factor.name))?;
        let what = format!("{}={level} with people held to what they did", factor.name);
        runs.allows(&what, &held).then_some(held)
    };
    let held: Vec<(usize, Ask)> = (0..flips.len())
        .filter_map(|n| Some((n, Ask::new(hold(n)?, base.seed, Question::Reaches(target)))))
        .collect();
    let held_asks: Vec<Ask> = held.iter().map(|(_, ask)| ask.clone()).collect();
    let held_rows = runs.answer("with people held to what they did", &held_asks)?;

    let told = flips.iter().zip(&rows).enumerate().map(|(n, ((factor, level), row))| {
        let (gone, new) = changed(base, row);
        let held = held.iter().position(|(of, _)| *of == n).map(|at| &held_rows[at]);
        ButFor {
            factor: factor.name.clone(),
            kind: factor.kind,
            from: settings.level(&factor.name).to_owned(),
            to: (*level).to_owned(),
            severity: row.severity,
            reaches: row.reaches(target),
            lost_seconds: row.lost_seconds(),
            first: row.parts_from(&base.digest).cloned(),
            gone,
            new,
            drawn_anew: drawn_anew(&scenario, base, row),
            held: held.map(|row| row.reaches(target)),
            replay: row.replay.clone(),
        }
    });
    Ok(told.collect())
}

/// Whether chance decided otherwise before the main act.
fn drawn_anew(scenario: &Scenario, base: &Row, other: &Row) -> bool {
    let lottery = scenario.lottery.as_ref();
    lottery.is_some_and(|lottery| lottery::fell(lottery, base) != lottery::fell(lottery, other))
}

/// The sorts of marks that are in one story and not in the other.
fn changed(base: &Row, other: &Row) -> (Vec<String>, Vec<String>) {
    let kinds = |row: &Row| -> BTreeSet<String> {
        row.marks.iter().map(|mark| mark.kind.clone()).collect()
    };
    let (was, is) = (kinds(base), kinds(other));
    (was.difference(&is).cloned().collect(), is.difference(&was).cloned().collect())
}
