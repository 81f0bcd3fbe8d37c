//! Which sets nothing is known about, and the largest of them.
//!
//! A set is explored if it holds a cut set or lies within a safe one. The largest sets that hold no
//! cut set are the complements of the cut sets' minimal hitting sets; the first of those that lies
//! within no safe set is where to look next. There is none exactly when everything is explored.

use std::collections::BTreeSet;

use super::set::Set;
use super::transversal::Transversals;
use crate::explore::stats::Verdict;

/// Sets over more elements are not counted: a million takes a tenth of a second.
const COUNTED_MAX: usize = 20;

/// The sets over some elements of which nothing is known.
pub struct Unexplored {
    all: Set,
    hitting: Transversals,
    cuts: Vec<Set>,
    safe: Vec<Set>,
    pending: BTreeSet<Set>,
}

impl Unexplored {
    /// Every set over `all`.
    pub fn over(all: Set) -> Self {
        let (cuts, safe, pending) = (Vec::new(), Vec::new(), BTreeSet::new());
        Unexplored { all, hitting: Transversals::default(), cuts, safe, pending }
    }

    /// A largest set that is not explored, and not pending.
    pub fn largest(&self) -> Option<Set> {
        let open = |set: &Set| self.is_open(*set) && !self.pending.contains(set);
        let tops = self.hitting.sets().iter().map(|hits| self.all - *hits);
        tops.clone().find(open).or_else(|| self.below_pending().into_iter().find(open))
    }

    /// `cut` and all that holds it are explored.
    pub fn block_up(&mut self, cut: Set) {
        self.hitting.add(cut, |_| true);
        self.cuts.push(cut);
    }

    /// `safe` and all that lies within it are explored.
    pub fn block_down(&mut self, safe: Set) {
        self.safe.push(safe);
    }

    /// `set` has this verdict, for [`Unexplored::count`]: it need not be on the boundary.
    pub fn learn(&mut self, set: Set, verdict: Verdict) {
        match verdict {
            Verdict::Fail => self.cuts.push(set),
            Verdict::Safe => self.safe.push(set),
            Verdict::Undetermined => {}
        }
    }

    /// `set` was looked at, and it cannot be told. It may still follow from others.
    pub fn set_aside(&mut self, set: Set) {
        self.pending.insert(set);
    }

    /// The sets that were looked at and about which still nothing is known.
    pub fn pending(&self) -> Vec<Set> {
        self.pending.iter().copied().filter(|set| self.is_open(*set)).collect()
    }

    /// How many sets nothing is known about; `None` where there are too many to count.
    pub fn count(&self) -> Option<u64> {
        let open = || self.all.subsets().filter(|set| self.is_open(*set)).count() as u64;
        (self.all.len() <= COUNTED_MAX).then(open)
    }

    fn is_open(&self, set: Set) -> bool {
        !self.safe.iter().any(|safe| set.is_subset(*safe))
            && !self.cuts.iter().any(|cut| cut.is_subset(set))
    }

    /// What is left to look at is below what is pending: one element less, the largest first.
    fn below_pending(&self) -> Vec<Set> {
        let less =
            |set: &Set| set.iter().map(move |element| set.without(element)).collect::<Vec<_>>();
        let mut sets: Vec<Set> = self.pending.iter().flat_map(less).collect();
        sets.sort_by_key(|set| (std::cmp::Reverse(set.len()), *set));
        sets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_unexplored_set_is_everything_until_something_is_known() {
        let mut map = Unexplored::over(Set::below(4));
        assert_eq!((map.largest(), map.count()), (Some(Set::below(4)), Some(16)));
        map.block_up(Set::from_bits(0b0011));
        assert_eq!((map.largest(), map.count()), (Some(Set::from_bits(0b1110)), Some(12)));
        map.block_down(Set::from_bits(0b1110));
        map.block_down(Set::from_bits(0b1101));
        assert_eq!((map.largest(), map.count()), (None, Some(0)));
    }

    #[test]
    fn below_a_set_that_cannot_be_told_the_search_goes_on() {
        let mut map = Unexplored::over(Set::below(2));
        map.set_aside(Set::below(2));
        assert_eq!(map.largest(), Some(Set::from_bits(0b01)));
        map.block_down(Set::from_bits(0b01));
        assert_eq!(map.largest(), Some(Set::from_bits(0b10)));
        map.block_down(Set::from_bits(0b10));
        assert_eq!((map.largest(), map.pending()), (None, vec![Set::below(2)]));
        map.block_up(Set::from_bits(0b11));
        assert_eq!(map.pending(), [], "it follows now");
    }

    #[test]
    fn where_nothing_at_all_is_needed_nothing_is_left() {
        let mut map = Unexplored::over(Set::below(3));
        map.block_up(Set::EMPTY);
        assert_eq!((map.largest(), map.count()), (None, Some(0)));
    }
}
