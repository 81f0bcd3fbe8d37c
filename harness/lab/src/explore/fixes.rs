//! Which changes together would have prevented every known cut set, cheapest first.
//!
//! To break a cut set, one of its literals must stop to hold: a factor is taken out, or a barrier
//! is put in. What breaks all of them is a hitting set, and the minimal hitting sets are the
//! complements of the maximal safe sets. A fix is as good as the list of cut sets is complete; run
//! the cut sets with it on fresh seeds before anybody relies on it.

use std::cell::Cell;

use serde::Serialize;

use super::cuts::literal::Literals;
use super::cuts::transversal::Transversals;
use super::cuts::{Literal, Set};

/// Changes of which none is superfluous.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fix {
    /// The literals that no longer hold: present factors are taken out, absent barriers put in.
    pub changes: Literals,
    /// What the changes cost together.
    pub cost: u64,
}

impl Fix {
    /// Which of `cuts` it breaks, by number: one row of a fix matrix.
    pub fn breaks(&self, cuts: &[Literals]) -> Vec<usize> {
        let broken = |n: &usize| !cuts[*n].elements().is_disjoint(self.changes.elements());
        (0..cuts.len()).filter(broken).collect()
    }
}

/// Larger or dearer fixes are not looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// How many changes.
    pub changes: usize,
    /// What they cost together.
    pub cost: u64,
}

/// All fixes within the limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// Cheapest first; of equal cost, those with fewer changes.
    pub fixes: Vec<Fix>,
    /// Cut sets that no change breaks, by number. The fixes are for the others.
    pub unfixable: Vec<usize>,
    /// Whether there may be more fixes beyond the limit.
    pub limited: bool,
}

/// Every minimal set of changes that breaks all of `cuts`. `cost` says what it takes to make a
/// literal not hold; `None` where nobody can.
pub fn plan(cuts: &[Literals], cost: impl Fn(Literal) -> Option<u64>, limit: Limit) -> Plan {
    let changeable = |cut: &Literals| -> Literals {
        cut.iter().filter(|literal| cost(*literal).is_some()).collect()
    };
    let price = |changes: Literals| -> u64 {
        changes.iter().map(|literal| cost(literal).unwrap_or(0)).fold(0, u64::saturating_add)
    };
    let limited = Cell::new(false);
    let keep = |elements: Set| {
        let changes = Literals::from_elements(elements);
        // A factor cannot be both taken out and put in.
        let possible = changes.present().is_disjoint(changes.absent());
        let within = changes.order() <= limit.changes && price(changes) <= limit.cost;
        limited.set(limited.get() || possible && !within);
        possible && within
    };
    let (mut hitting, mut unfixable) = (Transversals::default(), Vec::new());
    for (n, cut) in cuts.iter().enumerate() {
        match changeable(cut).elements() {
            Set::EMPTY => unfixable.push(n),
            elements => hitting.add(elements, keep),
        }
    }
    let fix = |elements: &Set| {
        let changes = Literals::from_elements(*elements);
        Fix { changes, cost: price(changes) }
    };
    let mut fixes: Vec<Fix> = hitting.sets().iter().map(fix).collect();
    fixes.sort_by_key(|fix| (fix.cost, fix.changes.order(), fix.changes));
    Plan { fixes, unfixable, limited: limited.get() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::cuts::planted::{Planted, Shape};
    use super::super::cuts::set::minimal;
    use super::*;

    const ANY: Limit = Limit { changes: 64, cost: u64::MAX };

    fn cut(present: u64, absent: u64) -> Literals {
        Literals::of(Set::from_bits(present), Set::from_bits(absent))
    }

    #[test]
    fn two_disjoint_cut_sets_take_two_changes_and_the_cheapest_comes_first() {
        let cuts = [cut(0b0000111, 0), cut(0b1111000, 0)];
        let cost = |literal: Literal| Some(10 - literal.factor() as u64);
        let plan = plan(&cuts, cost, ANY);
        assert_eq!((plan.fixes.len(), plan.limited), (12, false));
        assert_eq!(plan.fixes[0], Fix { changes: cut(0b1000100, 0), cost: 4 + 8 });
        assert!(plan.fixes.is_sorted_by_key(|fix| fix.cost));
        assert_eq!(plan.fixes[0].breaks(&cuts), [0, 1]);
    }

    #[test]
    fn a_change_that_breaks_both_is_a_fix_alone() {
        let plan = plan(&[cut(0b011, 0), cut(0b110, 0)], |_| Some(1), ANY);
        let changes: Vec<Literals> = plan.fixes.iter().map(|fix| fix.changes).collect();
        assert_eq!(changes, [cut(0b010, 0), cut(0b101, 0)]);
    }

    #[test]
    fn a_barrier_is_put_in_and_not_in_and_out_at_once() {
        // Factor 0 harms in one, protects in the other.
        let plan = plan(&[cut(0b011, 0), cut(0b100, 0b001)], |_| Some(1), ANY);
        let changes: Vec<Literals> = plan.fixes.iter().map(|fix| fix.changes).collect();
        assert_eq!(changes, [cut(0b101, 0), cut(0b110, 0), cut(0b010, 0b001)]);
    }

    #[test]
    fn what_nobody_can_change_is_said() {
        let cuts = [cut(0b001, 0), cut(0b110, 0)];
        let cost = |literal: Literal| (literal != Literal::Present(0)).then_some(3);
        let plan = plan(&cuts, cost, Limit { changes: 1, ..ANY });
        assert_eq!((plan.unfixable, plan.fixes.len(), plan.limited), (vec![0], 2, false));
        let cheap = super::plan(&cuts[1..], cost, Limit { cost: 2, ..ANY });
        assert_eq!((cheap.fixes.len(), cheap.limited), (0, true));
    }

    proptest! {
        /// Reiter's duality, against looking at every cell.
        #[test]
        fn fixes_are_what_maximal_safe_sets_leave_out(key in any::<u64>(), count in 1..5usize) {
            let planted = Planted::draw(key, &Shape { factors: 9, cuts: count, orders: 2..=5 });
            let all = Set::below(9);
            let safe = all.subsets().filter(|cell| !planted.fails(*cell));
            let left_out = minimal(safe.map(|cell| all - cell));
            let plan = plan(&planted.cuts, |_| Some(1), ANY);
            let mut fixes: Vec<Set> = plan.fixes.iter().map(|fix| fix.changes.present()).collect();
            fixes.sort_by_key(|fix| (fix.len(), *fix));
            prop_assert_eq!(fixes, left_out);
        }

        #[test]
        fn every_fix_breaks_everything_and_no_part_of_it_does(
            terms in prop::collection::vec((1..64u64, 0..64u64), 1..6), changes in 1..5usize,
        ) {
            let cuts: Vec<Literals> = terms.iter().map(|(p, a)| cut(*p, a & !p)).collect();
            let limit = Limit { changes, cost: 12 };
            let plan = plan(&cuts, |literal| Some(literal.factor() as u64), limit);
            let all: Vec<usize> = (0..cuts.len()).collect();
            for fix in &plan.fixes {
                prop_assert_eq!(fix.breaks(&cuts), all.clone());
                prop_assert!(fix.changes.order() <= changes && fix.cost <= 12);
                for literal in fix.changes.iter() {
                    let less = Fix { changes: fix.changes.without(literal), cost: 0 };
                    prop_assert!(less.breaks(&cuts).len() < cuts.len());
                }
            }
        }
    }
}
