//! Who judges a cell, and what was judged already.
//!
//! The search asks one question over and over: does the scenario fail with just these factors at
//! their harmful level? An answer costs many runs, so it is kept ([`Memo`]), asked for only within
//! a budget, and may be "not known". The one who answers ([`Membership`]) is told with every
//! question which cells will probably be asked about next: it may use cores that would idle to run
//! those ahead. What the search asks, and so its result, does not depend on how many cores there
//! are.

use std::collections::{BTreeMap, BTreeSet};

use super::set::Set;
use crate::explore::stats::{Finding, Verdict};

/// How hard to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// As for any of the many cells of a search.
    Usual,
    /// With some four times the seeds: much depends on this one.
    Thorough,
    /// With seeds that no search has seen: to confirm what a search has found, which has picked the
    /// cells that looked interesting.
    Fresh,
}

/// Why there will be no more answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    /// As many cells were judged as were allowed.
    #[error("the budget of evaluations is spent")]
    OutOfBudget,
    /// The one who judges does not go on: interrupted, or a run could not be made.
    #[error("the evaluation was interrupted")]
    Interrupted,
}

/// Judges cells. A cell names the factors that are at their harmful level; all others are not.
pub trait Membership {
    /// Judges `cell`. The same question must get the same answer. `likely_next` are cells that will
    /// probably be asked about soon, the most probable first; they need not be looked at.
    ///
    /// # Errors
    /// [`Stopped::Interrupted`] where there is no answer and will be none.
    fn test(&mut self, cell: Set, effort: Effort, likely_next: &[Set]) -> Result<Finding, Stopped>;
}

/// What was judged already, and how much more may be.
pub struct Memo<'m> {
    membership: &'m mut dyn Membership,
    found: BTreeMap<Set, Finding>,
    rechecked: BTreeSet<Set>,
    evaluations: usize,
    budget: usize,
}

impl<'m> Memo<'m> {
    /// Nothing judged yet, and at most `budget` evaluations.
    pub fn new(membership: &'m mut dyn Membership, budget: usize) -> Self {
        let (found, rechecked) = (BTreeMap::new(), BTreeSet::new());
        Memo { membership, found, rechecked, evaluations: 0, budget }
    }

    /// The verdict on `cell`, judged now if it was not before.
    ///
    /// # Errors
    /// See [`Stopped`]. What was judged stays.
    pub fn ask(&mut self, cell: Set, likely_next: &[Set]) -> Result<Verdict, Stopped> {
        if let Some(finding) = self.found.get(&cell) {
            return Ok(finding.verdict);
        }
        let unknown = |next: &Set| *next != cell && !self.found.contains_key(next);
        let likely_next: Vec<Set> = likely_next.iter().copied().filter(unknown).collect();
        let finding = self.evaluate(cell, Effort::Usual, &likely_next)?;
        self.found.insert(cell, finding);
        Ok(finding.verdict)
    }

    /// Judges `cell` once more and thoroughly, unless that was done; the new verdict counts.
    ///
    /// # Errors
    /// See [`Stopped`].
    pub fn recheck(&mut self, cell: Set) -> Result<Verdict, Stopped> {
        if !self.rechecked.contains(&cell) {
            let finding = self.evaluate(cell, Effort::Thorough, &[])?;
            self.found.insert(cell, finding);
            self.rechecked.insert(cell);
        }
        Ok(self.found[&cell].verdict)
    }

    /// Judges `cell` on fresh seeds, apart from everything else.
    ///
    /// # Errors
    /// See [`Stopped`].
    pub fn confirm(&mut self, cell: Set) -> Result<Finding, Stopped> {
        self.evaluate(cell, Effort::Fresh, &[])
    }

    /// From now on, only what was judged already is answered.
    pub fn close(&mut self) {
        self.budget = self.evaluations;
    }

    /// What was found about `cell`, if it was judged.
    pub fn finding(&self, cell: Set) -> Option<Finding> {
        self.found.get(&cell).copied()
    }

    /// Every cell that was judged, and its verdict.
    pub fn verdicts(&self) -> impl Iterator<Item = (Set, Verdict)> {
        self.found.iter().map(|(cell, finding)| (*cell, finding.verdict))
    }

    /// How often somebody had to judge.
    pub fn evaluations(&self) -> usize {
        self.evaluations
    }

    fn evaluate(&mut self, cell: Set, effort: Effort, next: &[Set]) -> Result<Finding, Stopped> {
        if self.evaluations == self.budget {
            return Err(Stopped::OutOfBudget);
        }
        let finding = self.membership.test(cell, effort, next)?;
        self.evaluations += 1;
        Ok(finding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails where factor 0 is present; notes every question.
    #[derive(Default)]
    struct First(Vec<(Set, Effort, Vec<Set>)>);

    impl Membership for First {
        fn test(&mut self, cell: Set, effort: Effort, next: &[Set]) -> Result<Finding, Stopped> {
            self.0.push((cell, effort, next.to_vec()));
            let fails = cell.contains(0);
            let verdict = if fails { Verdict::Fail } else { Verdict::Safe };
            Ok(Finding { verdict, hits: u64::from(fails), runs: 1 })
        }
    }

    #[test]
    fn nothing_is_judged_twice() {
        let mut first = First::default();
        let mut memo = Memo::new(&mut first, 9);
        let (a, b) = (Set::one(0), Set::one(1));
        assert_eq!((memo.ask(a, &[]), memo.ask(a, &[b])), (Ok(Verdict::Fail), Ok(Verdict::Fail)));
        assert_eq!(memo.ask(b, &[a, b, a | b]), Ok(Verdict::Safe));
        assert_eq!((memo.recheck(a), memo.recheck(a)), (Ok(Verdict::Fail), Ok(Verdict::Fail)));
        assert_eq!(memo.evaluations(), 3);
        let asked: Vec<_> = first.0.into_iter().collect();
        let [usual, thorough] = [Effort::Usual, Effort::Thorough];
        assert_eq!(asked, [(a, usual, vec![]), (b, usual, vec![a | b]), (a, thorough, vec![])]);
    }

    #[test]
    fn the_budget_is_the_end() {
        let mut first = First::default();
        let mut memo = Memo::new(&mut first, 1);
        assert_eq!(memo.ask(Set::one(0), &[]), Ok(Verdict::Fail));
        assert_eq!(memo.ask(Set::one(1), &[]), Err(Stopped::OutOfBudget));
        assert_eq!(memo.ask(Set::one(0), &[]), Ok(Verdict::Fail), "what is known stays known");
        assert_eq!(memo.finding(Set::one(1)), None);
    }
}
