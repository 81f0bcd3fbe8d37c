//! From what a search knows to what it says: the evidence of every cut set, and what is not known.

use super::answer::{Answer, Confirmation, Counts, Cut, Ended, Judged, SafeSet};
use super::literal::{Literal, Literals};
use super::marco::Boundary;
use super::membership::Stopped;
use super::search::Search;
use super::set::Set;
use super::view::View;
use crate::explore::stats::Verdict;

impl Search<'_, '_> {
    /// Draws up the answer of a search that ended so.
    pub(super) fn conclude(mut self, ended: Result<(), Stopped>) -> Answer {
        let mut cuts: Vec<Cut> = self.cuts().into_iter().map(|cut| self.evidence(cut)).collect();
        let ended = ended.and_then(|()| self.confirm_all(&mut cuts));
        let of_views = |of: &dyn Fn(View, &Boundary) -> Vec<Set>| -> Vec<(View, Set)> {
            let known = self.views().into_iter().filter_map(|view| {
                self.boundaries.get(&view.fixed).map(|boundary| (view, boundary))
            });
            known
                .flat_map(|(view, found)| of(view, found).into_iter().map(move |set| (view, set)))
                .collect()
        };
        let safe = of_views(&|_, found| found.safe.clone());
        let pending = of_views(&|_, found| found.pending.clone());
        let cell = |(view, set): &(View, Set)| view.cell(*set);
        let finding = |cell: Set| self.memo.finding(cell);
        Answer {
            factors: self.all.len(),
            protective: self.turned - self.both_ways,
            both_ways: self.both_ways,
            cuts,
            safe: safe.iter().map(|(view, set)| self.safe_set(*view, *set)).collect(),
            pending: pending
                .iter()
                .map(cell)
                .filter_map(|cell| finding(cell).map(|finding| Judged { cell, finding }))
                .collect(),
            open: self.views().iter().map(|view| self.boundaries.get(&view.fixed)?.open).sum(),
            witnesses: self.witnesses.iter().chain(&self.unclear).copied().collect(),
            scrutiny: self.options.scrutiny,
            evaluations: self.memo.evaluations(),
            judged: self.counts(),
            ended: match ended {
                Ok(()) => Ended::Finished,
                Err(Stopped::OutOfBudget) => Ended::OutOfBudget,
                Err(Stopped::Interrupted) => Ended::Interrupted,
            },
        }
    }

    /// The cells in which just `cut` does its harm: barriers stand that are not in it, and factors
    /// that act both ways and are not in it are at either level.
    pub(super) fn cells(&self, cut: Literals) -> Vec<Set> {
        let barriers = self.turned - self.both_ways - cut.absent();
        let either = self.both_ways - cut.present() - cut.absent();
        either.subsets().map(|levels| cut.present() | barriers | levels).collect()
    }

    /// A cell that is safe because just `literal` was taken out of `cut`.
    fn averted(&mut self, cut: Literals, literal: Literal) -> Option<Set> {
        let views = self.views();
        self.cells(cut.without(literal)).into_iter().find(|cell| {
            let place = views.iter().find_map(|view| view.set(*cell).map(|set| (*view, set)));
            place.is_some_and(|(view, set)| self.judge(view).known(set) == Some(Verdict::Safe))
        })
    }

    fn evidence(&mut self, literals: Literals) -> Cut {
        let finding = |cell: Set| self.memo.finding(cell).map(|finding| Judged { cell, finding });
        let support = self.cells(literals).into_iter().filter_map(finding).collect();
        let is_unproven = |literal: &Literal| self.averted(literals, *literal).is_none();
        let unproven = literals.iter().filter(is_unproven).collect();
        Cut { literals, order: literals.order(), support, unproven, confirmation: None }
    }

    fn confirm_all(&mut self, cuts: &mut [Cut]) -> Result<(), Stopped> {
        if self.options.confirm {
            for cut in cuts {
                cut.confirmation = Some(self.confirm(cut.literals)?);
            }
        }
        Ok(())
    }

    fn confirm(&mut self, cut: Literals) -> Result<Confirmation, Stopped> {
        let mut with_all = Vec::new();
        for cell in self.cells(cut) {
            with_all.push(Judged { cell, finding: self.memo.confirm(cell)? });
        }
        let mut without = Vec::new();
        for literal in cut.iter() {
            // Where the search has not seen one that is safe, fresh seeds may.
            let any = self.cells(cut.without(literal))[0];
            let cell = self.averted(cut, literal).unwrap_or(any);
            without.push((literal, Judged { cell, finding: self.memo.confirm(cell)? }));
        }
        Ok(Confirmation::new(with_all, without))
    }

    fn safe_set(&self, view: View, set: Set) -> SafeSet {
        let cell = view.cell(set);
        SafeSet {
            cell,
            missing: view.literals(view.free - set),
            given: Literals::of(view.fixed, self.both_ways - view.fixed),
            finding: self.memo.finding(cell),
        }
    }

    fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for (_, verdict) in self.memo.verdicts() {
            *match verdict {
                Verdict::Fail => &mut counts.fail,
                Verdict::Safe => &mut counts.safe,
                Verdict::Undetermined => &mut counts.undetermined,
            } += 1;
        }
        counts
    }
}
