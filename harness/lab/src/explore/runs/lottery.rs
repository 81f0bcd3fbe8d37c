//! Seeds with which chance has done its part.
//!
//! Where an incident needs a rare accident (a lost quota, one seed in seven), asking whether a set of
//! conditions leads to it would mostly answer "the accident did not happen". So seeds are chosen with
//! which it does: the scenario says which act decides and by what it is known
//! ([`Scenario::lottery`](crate::scenario::Scenario::lottery)), and only that much is played of each seed, from 0 upwards. What changes the
//! prehistory draws anew, so seeds are chosen for each prehistory. Where the accident happens with none
//! of many seeds it is taken to be impossible there, and the first seeds are as good as any.

use serde::Serialize;

use super::player::Runs;
use super::question::{Ask, Question};
use super::row::Row;
use crate::Settings;
use crate::scenario::Lottery;

/// With how many seeds in a row it must not happen before it is taken to be impossible. Of what
/// happens with one seed in seven, so many without it come about once in 476 times.
pub const IN_VAIN: u64 = 40;
/// How many seeds are looked at in the end, where it does happen but rarely.
pub const AT_MOST: u64 = 200;

/// Seeds, and how they were found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
/// where it is impossible.
///
/// # Errors
/// As [`Runs::answer`].
pub fn seeds(runs: &Runs, settings: &Settings, count: usize) -> Result<Seeds, String> {
    let Some(lottery) = runs.scenario().lottery.clone() else { return Ok(Seeds::any(count)) };
    let mut found = Vec::new();
    let mut looked_at = 0;
    // As many at once as keep every job busy, and are not too many where the first ones do.
    let batch = (runs.jobs() as u64 * 2).max(4);
    while found.len() < count && looked_at < AT_MOST {
        if found.is_empty() && looked_at >= IN_VAIN {
            let any = Seeds::any(count);
            return Ok(Seeds { looked_at, ..any });
        }
        let next: Vec<u64> = (looked_at..(looked_at + batch).min(AT_MOST)).collect();
        let asks: Vec<Ask> = next
            .iter()
            .map(|seed| Ask::new(settings.clone(), *seed, Question::After(lottery.act.clone())))
            .collect();
        let rows = runs.answer("looking for seeds", &asks)?;
        looked_at += next.len() as u64;
        found.extend(rows.iter().filter(|row| fell(&lottery, row)).map(|row| row.seed));
    }
    found.truncate(count);
    Ok(Seeds { seeds: found, fell: true, looked_at })
}
