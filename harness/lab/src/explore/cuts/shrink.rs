//! From a set that fails to a smallest one within it, and from a safe set to a largest one around
//! it.
//!
//! Up to ten elements are taken out one by one (each costs an evaluation at the most), up to 16 in
//! pairs; beyond, QuickXplain (Junker 2004) halves, which is cheaper where few of many elements
//! matter. Pairs save a tenth where most elements do not matter, and cost where half of them do: once
//! two more were needed than were not, they come one by one. What is not determined is never taken
//! out and never put in.

use super::membership::Stopped;
use super::set::Set;
use super::view::Judge;
use crate::explore::stats::Verdict;

/// Up to so many elements, one by one is cheapest.
const SINGLE_MAX: usize = 10;

/// Up to so many, deletion is cheaper than halving.
const DELETION_MAX: usize = 16;

/// A set within `failing` that fails and of which no element can be seen to be superfluous.
///
/// # Errors
/// See [`Stopped`].
pub fn shrink(judge: &mut Judge, failing: Set) -> Result<Set, Stopped> {
    let safe_without =
        |element: &usize| judge.known(failing.without(*element)) == Some(Verdict::Safe);
    let needed: Set = failing.iter().filter(safe_without).collect();
    let doubtful = failing - needed;
    if doubtful.len() <= DELETION_MAX {
        by_deletion(judge, failing, doubtful)
    } else {
        Ok(needed | quick_xplain(judge, needed, !needed.is_empty(), doubtful)?)
    }
}

/// The largest set around `safe` within `all` that is safe and to which no element can be seen to
/// be harmless.
///
/// # Errors
/// See [`Stopped`].
pub fn grow(judge: &mut Judge, safe: Set, all: Set) -> Result<Set, Stopped> {
    let mut largest = safe;
    for element in (all - safe).iter() {
        if judge.verdict(largest.with(element), &[])? == Verdict::Safe {
            largest = largest.with(element);
        }
    }
    Ok(largest)
}

fn fails(judge: &mut Judge, set: Set, likely_next: &[Set]) -> Result<bool, Stopped> {
    Ok(judge.verdict(set, likely_next)? == Verdict::Fail)
}

fn by_deletion(judge: &mut Judge, failing: Set, doubtful: Set) -> Result<Set, Stopped> {
    let order: Vec<usize> = doubtful.iter().collect();
    let in_pairs = failing.len() > SINGLE_MAX;
    let (mut smallest, mut open) = (failing, &order[..]);
    while !open.is_empty() {
        let seen = order.len() - open.len();
        let superfluous = failing.len() - smallest.len();
        let mostly_needed = seen - superfluous >= superfluous + 2;
        let at_once = if in_pairs && !mostly_needed { 2.min(open.len()) } else { 1 };
        let (group, rest) = open.split_at(at_once);
        open = rest;
        let less = smallest - group.iter().copied().collect();
        let single = smallest.without(group[0]);
        if group.len() > 1 && fails(judge, less, &[single])? {
            smallest = less;
            continue;
        }
        for element in group {
            let less = smallest.without(*element);
            // The next questions, whichever way this one goes.
            let after = order.iter().find(|later| *later > element);
            let next: Vec<Set> =
                after.map_or(vec![], |later| vec![less.without(*later), smallest.without(*later)]);
            if fails(judge, less, &next)? {
                smallest = less;
            }
        }
    }
    Ok(smallest)
}

/// What of `open` must be added to `base` for it to fail; `base` with all of `open` fails. `grown`
/// says whether `base` has grown since it was last seen not to.
fn quick_xplain(judge: &mut Judge, base: Set, grown: bool, open: Set) -> Result<Set, Stopped> {
    let half: Set = open.iter().take(open.len() / 2).collect();
    if grown && fails(judge, base, &[base | half])? {
        return Ok(Set::EMPTY);
    }
    if open.len() <= 1 {
        return Ok(open);
    }
    let upper = quick_xplain(judge, base | half, !half.is_empty(), open - half)?;
    let lower = quick_xplain(judge, base | upper, !upper.is_empty(), half)?;
    Ok(upper | lower)
}
