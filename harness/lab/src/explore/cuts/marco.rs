//! All minimal cut sets and all maximal safe sets of one view.
//!
//! MARCO (Liffiton, Previti, Malik and Marques-Silva, "Fast, flexible MUS enumeration", Constraints
//! 21, 2016): take a largest set of which nothing is known. If it fails, shrink it to a cut set,
//! and all that holds that one is known; if it is safe, all within it is known. Until nothing is
//! unknown. Whatever it has found when it is stopped holds.

use super::membership::Stopped;
use super::set::{Set, minimal};
use super::shrink::{grow, shrink};
use super::unexplored::Unexplored;
use super::view::Judge;
use crate::explore::stats::Verdict;

/// What is known of a view.
pub struct Boundary {
    /// The cut sets: they fail, and of none can an element be seen to be superfluous.
    pub cuts: Vec<Set>,
    /// The maximal safe sets.
    pub safe: Vec<Set>,
    /// Sets that cannot be told, and do not follow from others.
    pub pending: Vec<Set>,
    /// How many sets nothing is known of (the pending ones among them); `None` where there are too
    /// many to count.
    pub open: Option<u64>,
}

/// Goes through all sets of the view. The boundary is as far as it came.
pub fn enumerate(judge: &mut Judge) -> (Boundary, Result<(), Stopped>) {
    let all = judge.view.free;
    let (mut map, mut cuts, mut safe) = (Unexplored::over(all), Vec::new(), Vec::new());
    let ended = explore(judge, &mut map, &mut cuts, &mut safe);
    let complement = |set: &Set| all - *set;
    let safe = minimal(safe.iter().map(complement)).iter().map(complement).collect();
    let cuts = minimal(cuts);
    let pending = map.pending();
    let open = if ended.is_ok() && pending.is_empty() {
        Some(0)
    } else {
        judge.judged().for_each(|(set, verdict)| map.learn(set, verdict));
        map.count()
    };
    (Boundary { cuts, safe, pending, open }, ended)
}

fn explore(
    judge: &mut Judge,
    map: &mut Unexplored,
    cuts: &mut Vec<Set>,
    safe: &mut Vec<Set>,
) -> Result<(), Stopped> {
    let all = judge.view.free;
    while let Some(seed) = map.largest() {
        match judge.verdict(seed, &[])? {
            Verdict::Fail => {
                let cut = shrink(judge, seed)?;
                map.block_up(cut);
                cuts.push(cut);
            }
            Verdict::Safe => {
                let largest = grow(judge, seed, all)?;
                map.block_down(largest);
                safe.push(largest);
            }
            Verdict::Undetermined
                if judge.memo.recheck(judge.view.cell(seed))? == Verdict::Undetermined =>
            {
                map.set_aside(seed);
            }
            // Now it is known: the next turn takes it up.
            Verdict::Undetermined => {}
        }
    }
    Ok(())
}
