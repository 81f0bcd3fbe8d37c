//! What a search says, and how sure it is.

use serde::{Deserialize, Serialize};

use super::literal::{Literal, Literals};
use super::search::Scrutiny;
use super::set::Set;
use super::witness::Witness;
use crate::explore::stats::{Finding, Verdict};

/// A cell and what was found there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// The factors that are present.
    pub cell: Set,
    /// What was found.
    pub finding: Finding,
}

/// A minimal cut set: together these literals make it fail, and with one of them less they do not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cut {
    /// What must hold.
    pub literals: Literals,
    /// How many literals.
    pub order: usize,
    /// The cells in which just these literals do their harm, as judged in the search: one, or one
    /// for each level of the factors that act both ways and are not in it. Empty where the budget
    /// did not reach.
    pub support: Vec<Judged>,
    /// The literals without which nobody has seen it not to fail: it may be smaller.
    pub unproven: Literals,
    /// What fresh seeds said, if they were asked.
    pub confirmation: Option<Confirmation>,
}

/// The cut set again, and with each literal taken out, on seeds that the search had not seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Confirmation {
    /// The cells of the cut set: they ought to fail.
    pub with_all: Vec<Judged>,
    /// A cell for each literal that is taken out: it ought not to.
    pub without: Vec<(Literal, Judged)>,
    /// What it comes to.
    pub held: Held,
}

/// Whether fresh seeds agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Held {
    /// In every cell.
    Confirmed,
    /// Not: a cell that ought to fail is safe, or the other way round.
    Refuted,
    /// A cell could not be told, none was the other way round.
    Undecided,
}

impl Held {
    /// What it comes to that this was found where that was wanted.
    pub fn of(found: Verdict, wanted: Verdict) -> Self {
        match found {
            Verdict::Undetermined => Held::Undecided,
            found if found == wanted => Held::Confirmed,
            _ => Held::Refuted,
        }
    }

    /// In a word.
    pub fn name(self) -> &'static str {
        match self {
            Held::Confirmed => "confirmed",
            Held::Refuted => "refuted",
            Held::Undecided => "undecided",
        }
    }
}

impl Confirmation {
    /// What these findings come to.
    pub fn new(with_all: Vec<Judged>, without: Vec<(Literal, Judged)>) -> Self {
        let verdict = |judged: &Judged| judged.finding.verdict;
        let fails = with_all.iter().map(|judged| (verdict(judged), Verdict::Fail));
        let safe = without.iter().map(|(_, judged)| (verdict(judged), Verdict::Safe));
        let held = fails.chain(safe).map(|(found, wanted)| Held::of(found, wanted));
        let weight = |held: &Held| {
            [Held::Confirmed, Held::Undecided, Held::Refuted].iter().position(|h| h == held)
        };
        let held = held.max_by_key(weight).unwrap_or(Held::Undecided);
        Confirmation { with_all, without, held }
    }
}

/// A maximal safe set: whatever harm is added to this cell, it fails.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SafeSet {
    /// The factors that are present.
    pub cell: Set,
    /// The literals that do not hold there: what to change, were everything at its worst.
    pub missing: Literals,
    /// The levels for which this is true, of factors that act both ways.
    pub given: Literals,
    /// What was found there; none where it follows from another cell.
    pub finding: Option<Finding>,
}

/// How many cells got which verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Cells that fail.
    pub fail: usize,
    /// Cells that do not.
    pub safe: usize,
    /// Cells that cannot be told.
    pub undetermined: usize,
}

/// How the search came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// Nothing was left to look at.
    Finished,
    /// The budget was spent.
    OutOfBudget,
    /// Somebody stopped it.
    Interrupted,
}

/// The whole answer. Whatever `ended` says, what is listed holds; what may be missing is in `open`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// How many factors there are, numbered from 0.
    pub factors: usize,
    /// The factors whose absence does the harm.
    pub protective: Set,
    /// The factors that do harm in some company and protect in other.
    pub both_ways: Set,
    /// The minimal cut sets, shortest first.
    pub cuts: Vec<Cut>,
    /// The maximal safe sets, those that lack the least first.
    pub safe: Vec<SafeSet>,
    /// Cells that were looked at, cannot be told, and do not follow from others.
    pub pending: Vec<Judged>,
    /// How many cells nothing is known of, the pending ones among them; none where there are too
    /// many to count.
    pub open: Option<u64>,
    /// The pairs of cells that showed a factor to protect, in the order found; those without a
    /// factor are unexplained.
    pub witnesses: Vec<Witness>,
    /// How hard was looked for such pairs.
    pub scrutiny: Scrutiny,
    /// How often a cell was judged, thoroughly and on fresh seeds included.
    pub evaluations: usize,
    /// The cells that were judged.
    pub judged: Counts,
    /// How it ended.
    pub ended: Ended,
}

impl Answer {
    /// Whether every cell is known (as far as more harm is never less, after what was turned over),
    /// and every cut set shown to be minimal.
    pub fn is_complete(&self) -> bool {
        self.open == Some(0)
            && self.cuts.iter().all(|cut| cut.unproven.order() == 0)
            && self.witnesses.iter().all(|witness| witness.factor.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(verdict: Verdict) -> Judged {
        Judged { cell: Set::EMPTY, finding: Finding { verdict, hits: 0, runs: 1 } }
    }

    #[test]
    fn fresh_seeds_confirm_only_what_fails_with_all_and_not_without_one() {
        use Verdict::{Fail, Safe, Undetermined};
        let held = |with: Verdict, without: Verdict| {
            let without = vec![(Literal::Present(0), judged(without))];
            Confirmation::new(vec![judged(with)], without).held
        };
        assert_eq!(held(Fail, Safe), Held::Confirmed);
        assert_eq!((held(Fail, Fail), held(Safe, Safe)), (Held::Refuted, Held::Refuted));
        assert_eq!(
            (held(Fail, Undetermined), held(Undetermined, Fail)),
            (Held::Undecided, Held::Refuted)
        );
        assert_eq!(Confirmation::new(vec![], vec![]).held, Held::Undecided);
    }
}
