//! How necessary a factor is, and how sufficient: seeds in pairs.
//!
//! Each seed is played as the run was set, and with the factor at its other level. Where the first goes
//! bad, the share that the change averts is the probability of necessity; where the second stays good,
//! the share that goes bad as the run was set is the probability of sufficiency beside the other
//! conditions (Pearl). Both arms are seen, so both are counted and need no bounds. Seeds are those with
//! which chance has done its part ([`super::super::runs::lottery`]) under the settings of the run.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::runs::{Ask, Question, Row, Runs, Seeds, lottery};
use super::super::stats::{Interval, Pairs, wilson};
use super::flip;
use crate::outcome::Severity;

/// What pairs of runs say of one factor.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Necessity {
    /// The factor.
    pub factor: String,
    /// The other level.
    pub to: String,
    /// Before: as the run was set. After: at the other level.
    pub pairs: Pairs,
    /// Of the seeds that go bad, the share that stays good at the other level.
    pub necessity: Interval,
    /// Of the seeds that stay good at the other level, the share that goes bad as the run was set.
    pub sufficiency: Interval,
    /// With how many of the seeds chance does its part at the other level too.
    pub fell_too: Option<u64>,
}

/// Every factor over `count` seeds.
///
/// # Errors
/// As [`Runs::answer`].
pub fn necessity(
    runs: &Runs,
    base: &Arc<Row>,
    target: Severity,
    count: usize,
) -> Result<(Seeds, Vec<Necessity>), String> {
    let scenario = runs.scenario().clone();
    let settings = &base.key.settings;
    let seeds = lottery::seeds(runs, settings, count, &[])?;
    let question = Question::Reaches(target);
    let ask_all = |settings: &crate::Settings| -> Vec<Ask> {
        seeds.seeds.iter().map(|s| Ask::new(settings.clone(), *s, question.clone())).collect()
    };
    let before = runs.answer("the same with other seeds", &ask_all(settings))?;
    let flips = flip::each(runs, settings);
    let asks: Vec<Ask> = flips
        .iter()
        .flat_map(|(factor, level)| ask_all(&flip::with(&scenario, settings, &factor.name, level)))
        .collect();
    let after = runs.answer("each factor with other seeds", &asks)?;
    let told = flips.iter().zip(after.chunks(seeds.seeds.len().max(1))).map(|(flip, after)| {
        let mut pairs = Pairs::default();
        for (before, after) in before.iter().zip(after) {
            pairs.add(before.reaches(target), after.reaches(target));
        }
        let lottery = scenario.lottery.as_ref().filter(|_| seeds.fell);
        let fell = |lottery| after.iter().filter(|row| lottery::fell(lottery, row)).count() as u64;
        Necessity {
            factor: flip.0.name.clone(),
            to: flip.1.to_owned(),
            pairs,
            necessity: pairs.averted(),
            sufficiency: wilson(pairs.before_only, pairs.before_only + pairs.neither),
            fell_too: lottery.map(fell),
        }
    });
    let told = told.collect();
    Ok((seeds, told))
}
