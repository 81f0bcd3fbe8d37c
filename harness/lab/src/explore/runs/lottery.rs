//! Seeds with which chance has done its part.
//!
//! Where an incident needs a rare accident (a lost quota, one seed in seven), asking whether a set of
//! conditions leads to it would mostly answer "the accident did not happen". So seeds are chosen with
//! which it does: the scenario says which act decides and by what it is known
//! ([`Scenario::lottery`](crate::scenario::Scenario::lottery)), and only that much is played of each seed, from 0 upwards. What changes the
//! prehistory draws anew, so seeds are chosen for each prehistory. Where the accident happens with none
//! of many seeds it is taken to be impossible there, and the first seeds are as good as any.

use serde::{Deserialize, Serialize};

use super::player::Runs;
use super::question::{Ask, Question};
use super::row::Row;
use crate::Settings;
use crate::scenario::Lottery;

/// With how many seeds in a row it must not happen before it is taken to be impossible. Of what
/// happens with one seed in seven, so many in a row without it come about once in a hundred times.
pub const IN_VAIN: u64 = 30;
/// How many seeds are looked at in the end, where it does happen but rarely.
pub const AT_MOST: u64 = 120;

/// Seeds, and how they were found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seeds {
    /// The seeds.
    pub seeds: Vec<u64>,
    /// Whether the accident happens with each of them.
    pub fell: bool,
    /// How many seeds were looked at for them, from 0 upwards; 0 where nobody had to look.
    pub looked_at: u64,
}

impl Seeds {
    /// The first seeds, whatever happens with them.
    pub fn any(count: usize) -> Self {
        Seeds { seeds: (0..count as u64).collect(), fell: false, looked_at: 0 }
    }
}

/// Whether the accident happened in a run.
pub fn fell(lottery: &Lottery, row: &Row) -> bool {
    lottery.lost.iter().all(|resource| {
        row.lost.iter().any(|pool| pool.act == lottery.act && pool.resource == *resource)
    })
}

/// `count` seeds with which the accident happens under these settings: fewer where it is rare, any
/// where it is impossible. `likely` ones are looked at first: settings that leave the prehistory as it is
/// have the same seeds, and that takes a few runs to see.
///
/// # Errors
/// As [`Runs::answer`].
pub fn seeds(
    runs: &Runs,
    settings: &Settings,
    count: usize,
    likely: &[u64],
) -> Result<Seeds, String> {
    let Some(lottery) = runs.scenario().lottery.clone() else { return Ok(Seeds::any(count)) };
    let look = |seeds: &[u64]| -> Result<Vec<u64>, String> {
        let after = || Question::After(lottery.act.clone());
        let ask = |seed: &u64| Ask::new(settings.clone(), *seed, after());
        let rows = runs.answer("looking for seeds", &seeds.iter().map(ask).collect::<Vec<_>>())?;
        Ok(rows.iter().filter(|row| fell(&lottery, row)).map(|row| row.seed).collect())
    };
    // All of them, however many are wanted: the order of seeds does not depend on their number.
    let mut found = look(likely)?;
    if found.len() >= count {
        found.truncate(count);
        return Ok(Seeds { seeds: found, fell: true, looked_at: likely.len() as u64 });
    }
    let mut looked_at = 0;
    // As many at once as keep every job busy, and are not too many where the first ones do.
    let batch = (runs.jobs() as u64 * 2).max(4);
    while found.len() < count && looked_at < AT_MOST {
        if found.is_empty() && looked_at >= IN_VAIN {
            let any = Seeds::any(count);
            return Ok(Seeds { looked_at, ..any });
        }
        let most = if found.is_empty() { IN_VAIN } else { AT_MOST };
        let next: Vec<u64> = (looked_at..(looked_at + batch).min(most)).collect();
        looked_at += next.len() as u64;
        found.extend(look(&next)?.into_iter().filter(|seed| !likely.contains(seed)));
    }
    found.truncate(count);
    Ok(Seeds { seeds: found, fell: true, looked_at })
}
