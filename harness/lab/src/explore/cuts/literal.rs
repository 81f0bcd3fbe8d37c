//! What a cut set is made of: a factor at its harmful level, or a barrier that is absent.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::set::Set;

/// How many factors there may be: a literal each way fits in one word.
pub const MAX_FACTORS: usize = 32;

/// A factor one way or the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Literal {
    /// The factor is at its harmful level.
    Present(usize),
    /// The factor, which protects, is not.
    Absent(usize),
}

impl Literal {
    /// Which factor.
    pub fn factor(self) -> usize {
        match self {
            Literal::Present(factor) | Literal::Absent(factor) => factor,
        }
    }

    fn element(self) -> usize {
        match self {
            Literal::Present(factor) => factor,
            Literal::Absent(factor) => factor + MAX_FACTORS,
        }
    }
}

/// A conjunction of literals. No literals: always.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "Written", try_from = "Written")]
pub struct Literals(Set);

impl Literals {
    /// These factors present and those absent.
    pub fn of(present: Set, absent: Set) -> Self {
        let low = Set::below(MAX_FACTORS);
        assert!((present | absent).is_subset(low), "{present:?} and {absent:?} do not fit");
        Literals(Set::from_bits(present.bits() | absent.bits() << MAX_FACTORS))
    }

    /// The literals whose elements (a number each) are in `set`: see [`Literals::elements`].
    pub fn from_elements(set: Set) -> Self {
        Literals(set)
    }

    /// A number below 64 for every literal: the factor where it is present, and [`MAX_FACTORS`]
    /// more where it is absent.
    pub fn elements(self) -> Set {
        self.0
    }

    /// The factors that are present.
    pub fn present(self) -> Set {
        self.0 & Set::below(MAX_FACTORS)
    }

    /// The barriers that are absent.
    pub fn absent(self) -> Set {
        Set::from_bits(self.0.bits() >> MAX_FACTORS)
    }

    /// How many literals.
    pub fn order(self) -> usize {
        self.0.len()
    }

    /// Whether all of it is in `other`.
    pub fn is_subset(self, other: Literals) -> bool {
        self.0.is_subset(other.0)
    }

    /// Both together; `None` where they contradict each other.
    pub fn and(self, other: Literals) -> Option<Literals> {
        let both = Literals(self.0 | other.0);
        both.present().is_disjoint(both.absent()).then_some(both)
    }

    /// With `literal` too.
    pub fn with(self, literal: Literal) -> Literals {
        Literals(self.0.with(literal.element()))
    }

    /// Without `literal`.
    pub fn without(self, literal: Literal) -> Literals {
        Literals(self.0.without(literal.element()))
    }

    /// Whether it holds where just the factors of `cell` are present.
    pub fn holds(self, cell: Set) -> bool {
        self.present().is_subset(cell) && self.absent().is_disjoint(cell)
    }

    /// The literals, those of present factors first.
    pub fn iter(self) -> impl Iterator<Item = Literal> {
        let absent = self.absent();
        self.present().iter().map(Literal::Present).chain(absent.iter().map(Literal::Absent))
    }
}

impl FromIterator<Literal> for Literals {
    fn from_iter<I: IntoIterator<Item = Literal>>(literals: I) -> Self {
        literals.into_iter().fold(Literals::default(), Literals::with)
    }
}

impl fmt::Debug for Literals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let absent = self.absent();
        let names = self.present().iter().map(|factor| factor.to_string());
        f.debug_set()
            .entries(names.chain(absent.iter().map(|factor| format!("not {factor}"))))
            .finish()
    }
}

/// Literals as they are written: two lists of factors.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    present: Set,
    absent: Set,
}

impl From<Literals> for Written {
    fn from(literals: Literals) -> Self {
        Written { present: literals.present(), absent: literals.absent() }
    }
}

impl TryFrom<Written> for Literals {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let highest = (written.present | written.absent).iter().last();
        match highest.filter(|factor| *factor >= MAX_FACTORS) {
            Some(factor) => Err(format!("there is no factor {factor}: at most {MAX_FACTORS}")),
            None => Ok(Literals::of(written.present, written.absent)),
        }
    }
}

/// Only those that imply no other: the shortest conjunctions, each once, in order of length.
pub fn absorb(cuts: impl IntoIterator<Item = Literals>) -> Vec<Literals> {
    super::set::minimal(cuts.into_iter().map(Literals::elements))
        .into_iter()
        .map(Literals::from_elements)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conjunction_holds_where_all_of_it_does() {
        let cut = Literals::of(Set::from_bits(0b0011), Set::from_bits(0b1000));
        assert!(cut.holds(Set::from_bits(0b0111)));
        assert!(!cut.holds(Set::from_bits(0b1111)), "the barrier is there");
        assert!(!cut.holds(Set::from_bits(0b0001)));
        assert_eq!((cut.order(), cut.iter().collect::<Literals>()), (3, cut));
        assert_eq!(cut.without(Literal::Absent(3)), Literals::of(Set::from_bits(3), Set::EMPTY));
    }

    #[test]
    fn a_factor_is_not_both_present_and_absent() {
        let (here, gone) =
            (Literals::of(Set::one(2), Set::EMPTY), Literals::of(Set::EMPTY, Set::one(2)));
        assert_eq!((here.and(gone), here.and(here)), (None, Some(here)));
        assert_eq!(here.and(Literals::default()), Some(here));
    }

    #[test]
    fn literals_are_written_by_side() {
        let cut = Literals::of(Set::from_bits(0b101), Set::one(1));
        let json = serde_json::to_string(&cut).unwrap();
        assert_eq!(json, r#"{"present":[0,2],"absent":[1]}"#);
    }
}
