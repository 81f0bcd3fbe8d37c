//! The lattice as the search sees it: more is worse.
//!
//! The search for cut sets needs a function that never gets better when an element is added. A
//! factor that protects breaks this, so it is turned over: its element stands for its absence. A
//! factor that harms in some company and protects in other is no element at all but fixed at one of
//! its levels, and each combination of such levels is a view of its own.

use super::literal::Literals;
use super::membership::{Memo, Stopped};
use super::set::Set;
use crate::explore::stats::Verdict;

/// Which cell a set of elements stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// The factors that are elements.
    pub free: Set,
    /// Those of them whose element stands for their absence.
    pub turned: Set,
    /// The factors that are no elements and present.
    pub fixed: Set,
}

impl View {
    /// The cell in which just the elements of `set` do their harm.
    pub fn cell(&self, set: Set) -> Set {
        (set ^ self.turned) | self.fixed
    }

    /// The elements that do their harm in `cell`; `None` where the cell is not of this view.
    pub fn set(&self, cell: Set) -> Option<Set> {
        (cell - self.free == self.fixed).then_some((cell & self.free) ^ self.turned)
    }

    /// The literals of the elements of `set`.
    pub fn literals(&self, set: Set) -> Literals {
        Literals::of(set - self.turned, set & self.turned)
    }
}

/// Answers for the sets of one view: from what was judged, from what follows from it, or by asking.
pub struct Judge<'a, 'm> {
    /// Which sets.
    pub view: View,
    /// What was judged.
    pub memo: &'a mut Memo<'m>,
}

impl Judge<'_, '_> {
    /// What is known of `set` without asking: what is within a safe set is safe, what holds a
    /// failing set fails.
    pub fn known(&self, set: Set) -> Option<Verdict> {
        if let Some(finding) = self.memo.finding(self.view.cell(set)) {
            return Some(finding.verdict);
        }
        self.judged().find_map(|(other, verdict)| match verdict {
            Verdict::Fail if other.is_subset(set) => Some(Verdict::Fail),
            Verdict::Safe if set.is_subset(other) => Some(Verdict::Safe),
            _ => None,
        })
    }

    /// The verdict on `set`, asked for only where it does not follow from what is known.
    ///
    /// # Errors
    /// See [`Stopped`].
    pub fn verdict(&mut self, set: Set, likely_next: &[Set]) -> Result<Verdict, Stopped> {
        match self.known(set) {
            Some(verdict) => Ok(verdict),
            None => self.ask(set, likely_next),
        }
    }

    /// The verdict on `set` itself, whatever follows from others.
    ///
    /// # Errors
    /// See [`Stopped`].
    pub fn ask(&mut self, set: Set, likely_next: &[Set]) -> Result<Verdict, Stopped> {
        let next: Vec<Set> = likely_next.iter().map(|set| self.view.cell(*set)).collect();
        self.memo.ask(self.view.cell(set), &next)
    }

    /// Asks about every one of `sets`, each with those after it as likely next.
    ///
    /// # Errors
    /// See [`Stopped`].
    pub fn ask_all(&mut self, sets: &[Set]) -> Result<(), Stopped> {
        (0..sets.len()).try_for_each(|n| self.ask(sets[n], &sets[n + 1..]).map(drop))
    }

    /// Every set of this view that was judged.
    pub fn judged(&self) -> impl Iterator<Item = (Set, Verdict)> {
        self.memo
            .verdicts()
            .filter_map(|(cell, verdict)| self.view.set(cell).map(|set| (set, verdict)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_barrier_does_its_harm_by_being_absent() {
        let free = Set::from_bits(0b0111);
        let view = View { free, turned: Set::one(2), fixed: Set::one(3) };
        let worst = view.cell(free);
        assert_eq!(worst, Set::from_bits(0b1011), "the barrier 2 is gone, 3 is fixed");
        for bits in 0..8 {
            let set = Set::from_bits(bits);
            assert_eq!(view.set(view.cell(set)), Some(set));
        }
        assert_eq!(view.set(Set::from_bits(0b0011)), None, "3 is not there");
        let cut = Literals::of(Set::one(0), Set::one(2));
        assert_eq!(view.literals(Set::from_bits(0b0101)), cut);
    }
}
