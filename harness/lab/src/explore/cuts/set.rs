//! Sets of small numbers, in one word.

use std::fmt;
use std::ops::{BitAnd, BitOr, BitXor, Sub};

use serde::{Deserialize, Serialize};

/// A set of numbers below 64: factors, or literals over factors. Iterates in ascending order and is
/// printed (and written as JSON) as a list.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "Vec<usize>", try_from = "Vec<usize>")]
pub struct Set(u64);

impl Set {
    /// The set of nothing.
    pub const EMPTY: Set = Set(0);

    /// `0..n`.
    pub fn below(n: usize) -> Set {
        assert!(n <= 64, "{n} elements do not fit");
        Set(if n == 64 { u64::MAX } else { (1 << n) - 1 })
    }

    /// Just `element`.
    pub fn one(element: usize) -> Set {
        assert!(element < 64, "element {element} does not fit");
        Set(1 << element)
    }

    /// The set whose elements are the bits of `bits` that are 1.
    pub const fn from_bits(bits: u64) -> Set {
        Set(bits)
    }

    /// A bit per element.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// With `element` too.
    pub fn with(self, element: usize) -> Set {
        self | Set::one(element)
    }

    /// Without `element`.
    pub fn without(self, element: usize) -> Set {
        self - Set::one(element)
    }

    /// Whether `element` is in it.
    pub fn contains(self, element: usize) -> bool {
        element < 64 && self.0 >> element & 1 == 1
    }

    /// Whether all of it is in `other`.
    pub fn is_subset(self, other: Set) -> bool {
        self.0 & !other.0 == 0
    }

    /// Whether nothing of it is in `other`.
    pub fn is_disjoint(self, other: Set) -> bool {
        self.0 & other.0 == 0
    }

    /// Whether nothing is in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many elements.
    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// All its subsets, from the empty one to itself.
    pub fn subsets(self) -> impl Iterator<Item = Set> {
        // The next subset is the difference with borrows carried over the elements that are not
        // there.
        let next =
            move |set: &Set| (*set != self).then(|| Set(set.0.wrapping_sub(self.0) & self.0));
        std::iter::successors(Some(Set::EMPTY), next)
    }

    /// The elements, ascending.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = usize> + Clone {
        (0..64).filter(move |element| self.contains(*element))
    }
}

impl BitOr for Set {
    type Output = Set;

    fn bitor(self, other: Set) -> Set {
        Set(self.0 | other.0)
    }
}

impl BitAnd for Set {
    type Output = Set;

    fn bitand(self, other: Set) -> Set {
        Set(self.0 & other.0)
    }
}

impl BitXor for Set {
    type Output = Set;

    fn bitxor(self, other: Set) -> Set {
        Set(self.0 ^ other.0)
    }
}

impl Sub for Set {
    type Output = Set;

    fn sub(self, other: Set) -> Set {
        Set(self.0 & !other.0)
    }
}

impl FromIterator<usize> for Set {
    fn from_iter<I: IntoIterator<Item = usize>>(elements: I) -> Set {
        elements.into_iter().fold(Set::EMPTY, Set::with)
    }
}

impl fmt::Debug for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl From<Set> for Vec<usize> {
    fn from(set: Set) -> Self {
        set.iter().collect()
    }
}

impl TryFrom<Vec<usize>> for Set {
    type Error = String;

    fn try_from(elements: Vec<usize>) -> Result<Self, String> {
        match elements.iter().find(|element| **element >= 64) {
            Some(element) => Err(format!("{element} is no element of a set: 0 to 63 are")),
            None => Ok(elements.into_iter().fold(Set::EMPTY, Set::with)),
        }
    }
}

/// Only those that contain no other, smallest first, each once.
pub fn minimal(sets: impl IntoIterator<Item = Set>) -> Vec<Set> {
    let mut sets: Vec<Set> = sets.into_iter().collect();
    sets.sort_by_key(|set| (set.len(), *set));
    let mut kept: Vec<Set> = Vec::new();
    for set in sets {
        if !kept.iter().any(|smaller| smaller.is_subset(set)) {
            kept.push(set);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_set_is_a_set(a in any::<u64>(), b in any::<u64>(), element in 0..64usize) {
            let of = |set: Set| set.iter().collect::<BTreeSet<usize>>();
            let (left, right) = (Set::from_bits(a), Set::from_bits(b));
            let (l, r) = (of(left), of(right));
            prop_assert_eq!(of(left | right), &l | &r);
            prop_assert_eq!(of(left & right), &l & &r);
            prop_assert_eq!(of(left - right), &l - &r);
            prop_assert_eq!(of(left ^ right), &l ^ &r);
            prop_assert_eq!(left.is_subset(right), l.is_subset(&r));
            prop_assert_eq!(left.is_disjoint(right), l.is_disjoint(&r));
            prop_assert_eq!((left.len(), left.contains(element)), (l.len(), l.contains(&element)));
            prop_assert_eq!(left.iter().collect::<Set>(), left);
        }
    }

    #[test]
    fn every_subset_comes_once() {
        let set = Set::from_bits(0b1011);
        let subsets: BTreeSet<Set> = set.subsets().collect();
        assert_eq!((subsets.len(), set.subsets().count()), (8, 8));
        assert!(subsets.iter().all(|subset| subset.is_subset(set)));
        assert_eq!(Set::EMPTY.subsets().collect::<Vec<_>>(), [Set::EMPTY]);
    }

    #[test]
    fn what_contains_another_is_dropped() {
        let sets = [0b111, 0b011, 0b110, 0b011, 0b1000].map(Set::from_bits);
        assert_eq!(minimal(sets), [0b1000, 0b011, 0b110].map(Set::from_bits));
        assert_eq!(minimal([Set::below(64), Set::EMPTY]), [Set::EMPTY]);
    }

    #[test]
    fn a_set_is_written_as_a_list() {
        assert_eq!(serde_json::to_string(&Set::from_bits(0b1011)).unwrap(), "[0,1,3]");
        assert_eq!(format!("{:?}", Set::from_bits(0b101)), "{0, 2}");
    }
}
