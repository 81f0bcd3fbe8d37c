//! One list of cut sets from the lists of several views.
//!
//! A factor that harms in some company and protects in other splits the lattice in two: where it is
//! present and where it is absent. Each half has its own cut sets. The prime implicants of the
//! whole follow from them (Boole's expansion; Brown, "Boolean Reasoning", 1990, on Blake's
//! canonical form): what cuts in both halves needs no literal of the factor, what cuts in one needs
//! that half's literal.
//!
//! Quine and McCluskey's table would do for 12 factors and needs all 4,096 cells judged. This needs
//! the cells of the boundary only, 2^b times for b factors of that kind, and where all are of that
//! kind it is the table.

use std::collections::BTreeMap;

use super::literal::{Literal, Literals, absorb};
use super::set::Set;

/// The cut sets over all factors. `halves` has, for each subset of `both_ways` (those present), the
/// cut sets of that view.
pub fn merge(both_ways: Set, mut halves: BTreeMap<Set, Vec<Literals>>) -> Vec<Literals> {
    for factor in both_ways.iter() {
        let mut merged = BTreeMap::new();
        for (present, with) in halves.iter().filter(|(present, _)| present.contains(factor)) {
            let rest = present.without(factor);
            let without = &halves[&rest];
            merged.insert(rest, halve(factor, without, with));
        }
        halves = merged;
    }
    halves.remove(&Set::EMPTY).unwrap_or_default()
}

/// The cut sets of a function from those of its two halves.
fn halve(factor: usize, without: &[Literals], with: &[Literals]) -> Vec<Literals> {
    let either = without.iter().flat_map(|one| with.iter().filter_map(|other| one.and(*other)));
    let absent = without.iter().map(|cut| cut.with(Literal::Absent(factor)));
    let present = with.iter().map(|cut| cut.with(Literal::Present(factor)));
    absorb(either.chain(absent).chain(present))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The cut sets of any function of four factors, every factor taken both ways.
    fn of_table(table: u16) -> Vec<Literals> {
        let cell = |bits: u64| (Set::from_bits(bits), table >> bits & 1 == 1);
        let cuts = |fails: bool| if fails { vec![Literals::default()] } else { vec![] };
        let halves = (0..16).map(cell).map(|(set, fails)| (set, cuts(fails))).collect();
        merge(Set::below(4), halves)
    }

    /// All conjunctions that imply the function and of which no part does.
    fn prime_implicants(table: u16) -> Vec<Literals> {
        let sides = (0..16u64).flat_map(|present| (0..16u64).map(move |absent| (present, absent)));
        let consistent = sides.filter(|(present, absent)| present & absent == 0);
        let terms = consistent.map(|(p, a)| Literals::of(Set::from_bits(p), Set::from_bits(a)));
        let implies = |term: &Literals| {
            (0..16).all(|bits| !term.holds(Set::from_bits(bits)) || table >> bits & 1 == 1)
        };
        absorb(terms.filter(implies))
    }

    proptest! {
        #[test]
        fn they_are_the_prime_implicants(table in any::<u16>()) {
            prop_assert_eq!(of_table(table), prime_implicants(table));
        }
    }

    #[test]
    fn exclusive_or_needs_both_factors_both_ways() {
        let two = of_table(0b0110_0110_0110_0110);
        let cut = |present: usize, absent: usize| Literals::of(Set::one(present), Set::one(absent));
        assert_eq!(two, [cut(1, 0), cut(0, 1)]);
        assert_eq!(of_table(u16::MAX), [Literals::default()]);
        assert_eq!(of_table(0), []);
    }
}
