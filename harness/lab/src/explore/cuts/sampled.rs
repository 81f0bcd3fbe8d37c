//! Judging a cell by runs over seeds.
//!
//! Every cell is run with the same seeds in the same order (common random numbers), and the
//! sequential test stops as soon as it knows. Runs are made in batches: as many of the asked cell
//! as the test wants in any case, and where cores would idle, the first runs of cells that are
//! likely to be asked about next. How wide a batch is changes what is run ahead, never a verdict.

use std::collections::BTreeMap;

use super::membership::{Effort, Membership, Stopped};
use super::set::Set;
use crate::explore::stats::{Finding, Sprt, Verdict};

/// Judges by runs. `E` makes them: for a batch of (cell, seed), whether each failed, in order.
pub struct Sampled<E> {
    test: Sprt,
    seeds: Vec<u64>,
    fresh: Vec<u64>,
    width: usize,
    evaluate: E,
    outcomes: BTreeMap<(Set, bool), Vec<bool>>,
    runs: u64,
}

impl<E: FnMut(&[(Set, u64)]) -> Result<Vec<bool>, Stopped>> Sampled<E> {
    /// Judges by `test` over `seeds`, and over `fresh` where nothing is to be seen that the search
    /// has seen; `width` runs cost as much time as one. Where the seeds do not suffice, the verdict
    /// is [`Verdict::Undetermined`]: four times the test's cap is enough for all.
    pub fn new(test: Sprt, seeds: Vec<u64>, fresh: Vec<u64>, width: usize, evaluate: E) -> Self {
        assert!(seeds.iter().all(|seed| !fresh.contains(seed)), "a fresh seed is no other seed");
        let outcomes = BTreeMap::new();
        Sampled { test, seeds, fresh, width: width.max(1), evaluate, outcomes, runs: 0 }
    }

    /// How many runs were made, those ahead included.
    pub fn runs(&self) -> u64 {
        self.runs
    }

    fn seeds(&self, fresh: bool) -> &[u64] {
        if fresh { &self.fresh } else { &self.seeds }
    }

    fn outcomes(&self, cell: Set, fresh: bool) -> &[bool] {
        self.outcomes.get(&(cell, fresh)).map_or(&[], Vec::as_slice)
    }

    /// What the runs made so far say of `cell`; nothing where more are wanted and there are seeds.
    fn finding(&self, test: &Sprt, cell: Set, fresh: bool) -> Option<Finding> {
        let outcomes = self.outcomes(cell, fresh);
        let exhausted = outcomes.len() == self.seeds(fresh).len();
        test.judge(outcomes.iter().copied()).or_else(|| {
            let (hits, runs) = count(outcomes);
            exhausted.then_some(Finding { verdict: Verdict::Undetermined, hits, runs })
        })
    }

    /// The runs that the test wants of `cell` in any case.
    fn wanted(&self, test: &Sprt, cell: Set, fresh: bool) -> Vec<(Set, u64)> {
        let outcomes = self.outcomes(cell, fresh);
        if self.finding(test, cell, fresh).is_some() {
            return Vec::new();
        }
        let (hits, runs) = count(outcomes);
        let more = test.at_least(hits, runs) as usize;
        let seeds = self.seeds(fresh).iter().skip(outcomes.len()).take(more);
        seeds.map(|seed| (cell, *seed)).collect()
    }

    /// Makes the runs that are wanted of `cell`, and fills the batch up with those of `ahead`.
    fn batch(&mut self, test: &Sprt, cell: Set, fresh: bool, ahead: &[Set]) -> Result<(), Stopped> {
        let mut batch = self.wanted(test, cell, fresh);
        let full = batch.len().next_multiple_of(self.width);
        for other in ahead {
            let room = full - batch.len();
            batch.extend(self.wanted(test, *other, fresh).into_iter().take(room));
        }
        let outcomes = (self.evaluate)(&batch)?;
        assert_eq!(outcomes.len(), batch.len(), "an outcome for every run");
        self.runs += batch.len() as u64;
        for ((cell, _), outcome) in batch.into_iter().zip(outcomes) {
            self.outcomes.entry((cell, fresh)).or_default().push(outcome);
        }
        Ok(())
    }
}

impl<E: FnMut(&[(Set, u64)]) -> Result<Vec<bool>, Stopped>> Membership for Sampled<E> {
    fn test(&mut self, cell: Set, effort: Effort, next: &[Set]) -> Result<Finding, Stopped> {
        let fresh = effort == Effort::Fresh;
        let test = if effort == Effort::Thorough { self.test.stricter() } else { self.test };
        loop {
            if let Some(finding) = self.finding(&test, cell, fresh) {
                return Ok(finding);
            }
            self.batch(&test, cell, fresh, next)?;
        }
    }
}

fn count(outcomes: &[bool]) -> (u64, u64) {
    (outcomes.iter().filter(|failed| **failed).count() as u64, outcomes.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(width: usize, asked: &[(Set, Effort, &[Set])]) -> (Vec<Finding>, Vec<usize>, u64) {
        let mut batches = Vec::new();
        let fails =
            |cell: Set, seed: u64| cell.contains(0) != (seed.is_multiple_of(7) && cell.contains(1));
        let evaluate = |batch: &[(Set, u64)]| {
            batches.push(batch.len());
            Ok(batch.iter().map(|(cell, seed)| fails(*cell, *seed)).collect())
        };
        let seeds = (1..=240).collect();
        let mut sampled =
            Sampled::new(Sprt::default(), seeds, vec![1001, 1002, 1003], width, evaluate);
        let findings = asked
            .iter()
            .map(|(cell, effort, next)| sampled.test(*cell, *effort, next).unwrap())
            .collect();
        let runs = sampled.runs();
        (findings, batches, runs)
    }

    #[test]
    fn no_run_is_made_that_the_test_does_not_want() {
        let (findings, batches, runs) =
            judge(1, &[(Set::one(0), Effort::Usual, &[]), (Set::one(0), Effort::Usual, &[])]);
        assert_eq!(findings[0], Finding { verdict: Verdict::Fail, hits: 3, runs: 3 });
        assert_eq!((findings[0], batches, runs), (findings[1], vec![3], 3));
    }

    #[test]
    fn the_width_changes_what_is_run_ahead_and_no_verdict() {
        let (a, b) = (Set::one(0), Set::one(1));
        let asked =
            [(a, Effort::Usual, &[b][..]), (b, Effort::Usual, &[]), (a | b, Effort::Usual, &[])];
        let (findings, batches, runs) = judge(1, &asked);
        assert_eq!(batches.iter().sum::<usize>() as u64, runs);
        for width in 2..6 {
            let (same, batches, _) = judge(width, &asked);
            assert_eq!(same, findings);
            assert_eq!(batches[0], 3usize.next_multiple_of(width), "idle cores run ahead");
        }
    }

    #[test]
    fn where_the_seeds_end_it_is_not_determined() {
        let (findings, ..) = judge(2, &[(Set::EMPTY, Effort::Fresh, &[])]);
        assert_eq!(findings[0], Finding { verdict: Verdict::Undetermined, hits: 0, runs: 3 });
    }

    #[test]
    fn a_thorough_look_tells_what_the_usual_one_cannot() {
        let seventh = Set::one(1);
        let (findings, ..) =
            judge(2, &[(seventh, Effort::Usual, &[]), (seventh, Effort::Thorough, &[])]);
        assert_eq!((findings[0].verdict, findings[0].runs), (Verdict::Undetermined, 60));
        assert!(findings[1].verdict == Verdict::Fail && findings[1].runs > 60, "{findings:?}");
    }
}
