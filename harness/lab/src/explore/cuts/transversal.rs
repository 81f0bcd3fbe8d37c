//! Minimal hitting sets: the smallest sets that share an element with every set of a family.
//!
//! They are needed twice. What hits every cut set and no more is a smallest set of fixes; and its
//! complement is a largest set of conditions that contains no cut set, which is where the search
//! for cut sets looks next (Reiter's duality, 1987). Berge's way (1989) goes through the family one
//! set at a time and keeps all minimal hitting sets of what it has seen. That is plenty for a few
//! dozen sets over twenty factors, and needs no solver.

use super::set::{Set, minimal};

/// All minimal hitting sets of the sets added so far.
#[derive(Clone, Debug)]
pub struct Transversals(Vec<Set>);

impl Default for Transversals {
    /// Of no sets: the empty set hits them all.
    fn default() -> Self {
        Transversals(vec![Set::EMPTY])
    }
}

impl Transversals {
    /// Adds a set to be hit, where only hitting sets that pass `keep` are wanted. `keep` must be
    /// such that no set passes of which a subset does not. An empty set cannot be hit: none is
    /// left.
    pub fn add(&mut self, set: Set, keep: impl Fn(Set) -> bool) {
        let (hit, missed): (Vec<Set>, Vec<Set>) =
            self.0.iter().partition(|transversal| !transversal.is_disjoint(set));
        let longer = missed.iter().flat_map(|short| set.iter().map(|element| short.with(element)));
        self.0 = minimal(hit.iter().copied().chain(longer.filter(|longer| keep(*longer))));
    }

    /// The minimal hitting sets, smallest first.
    pub fn sets(&self) -> &[Set] {
        &self.0
    }
}

/// The minimal hitting sets of `family`.
pub fn transversals(family: impl IntoIterator<Item = Set>) -> Vec<Set> {
    let mut found = Transversals::default();
    for set in family {
        found.add(set, |_| true);
    }
    found.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn family(members: usize) -> impl Strategy<Value = Vec<Set>> {
        prop::collection::vec((1..1u64 << 9).prop_map(Set::from_bits), 0..members)
    }

    proptest! {
        #[test]
        fn they_are_all_minimal_hitting_sets_and_no_others(family in family(6)) {
            let hits = |set: Set| family.iter().all(|member| !member.is_disjoint(set));
            let all = (0..1 << 9).map(Set::from_bits).filter(|set| hits(*set));
            prop_assert_eq!(transversals(family.iter().copied()), minimal(all));
        }

        #[test]
        fn done_twice_they_are_the_minimal_sets_themselves(family in family(6)) {
            let twice = transversals(transversals(family.iter().copied()));
            prop_assert_eq!(twice, minimal(family));
        }
    }

    #[test]
    fn the_empty_family_is_hit_by_nothing_and_the_empty_set_by_none() {
        assert_eq!(transversals([]), [Set::EMPTY]);
        assert_eq!(transversals([Set::below(3), Set::EMPTY]), []);
    }
}
