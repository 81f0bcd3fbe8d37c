//! A failing set within a safe one: some factor of the difference protects.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::membership::Stopped;
use super::set::Set;
use super::view::Judge;
use crate::explore::stats::Verdict;

/// Two cells that cannot both be, were more harm never less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Witness {
    /// The cell that fails.
    pub fails: Set,
    /// The cell that does not.
    pub safe: Set,
    /// The only factor in which they differ; none where the cells between them cannot be told.
    pub factor: Option<usize>,
}

/// Looks for a witness among what was judged and narrows it down to one factor. Both cells are
/// looked at thoroughly first: one wrong verdict out of many is no barrier. Pairs that cannot be
/// narrowed down are added to `unclear` and passed over from then on.
///
/// # Errors
/// See [`Stopped`].
pub fn find(
    judge: &mut Judge,
    unclear: &mut BTreeSet<Witness>,
) -> Result<Option<Witness>, Stopped> {
    while let Some((low, high)) = closest(judge, unclear) {
        let (fails, safe) = (judge.view.cell(low), judge.view.cell(high));
        let stands = judge.memo.recheck(fails)? == Verdict::Fail
            && judge.memo.recheck(safe)? == Verdict::Safe;
        let difference = high - low;
        match (stands, difference.len()) {
            (false, _) => {}
            (true, 1) => {
                let factor = difference.iter().next();
                return Ok(Some(Witness { fails, safe, factor }));
            }
            // Whatever the cell in the middle turns out to be, it makes a closer pair with one of
            // these.
            (true, more) => {
                let half: Set = difference.iter().take(more / 2).collect();
                let middle = low | half;
                if judge.ask(middle, &[])? == Verdict::Undetermined
                    && judge.memo.recheck(judge.view.cell(middle))? == Verdict::Undetermined
                {
                    unclear.insert(Witness { fails, safe, factor: None });
                }
            }
        }
    }
    Ok(None)
}

/// The pair of a failing set and a safe one around it that differ the least.
fn closest(judge: &Judge, unclear: &BTreeSet<Witness>) -> Option<(Set, Set)> {
    let of = |wanted: Verdict| -> Vec<Set> {
        let judged = judge.judged().filter(|(_, verdict)| *verdict == wanted);
        judged.map(|(set, _)| set).collect()
    };
    let (failing, safe) = (of(Verdict::Fail), of(Verdict::Safe));
    let is_unclear = |low: Set, high: Set| {
        let (fails, safe) = (judge.view.cell(low), judge.view.cell(high));
        unclear.contains(&Witness { fails, safe, factor: None })
    };
    let above = |low: Set| safe.iter().filter(move |high| low.is_subset(**high));
    let pairs = failing.iter().flat_map(|low| above(*low).map(|high| (*low, *high)));
    pairs
        .filter(|(low, high)| !is_unclear(*low, *high))
        .min_by_key(|(low, high)| ((*high - *low).len(), *low, *high))
}
