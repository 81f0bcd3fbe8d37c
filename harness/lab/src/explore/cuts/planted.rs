//! Structure functions whose cut sets are known, to measure a search with.
//!
//! Whether a run fails is a function of (cell, seed): noise is drawn from a stream of its own for
//! each, so that asking in another order, or twice, changes nothing.

use std::ops::RangeInclusive;

use harness_env::rng::{Rng, derive, derive_n};

use super::literal::{Literal, Literals, absorb};
use super::set::Set;

/// A function that fails where one of its cut sets holds, and sometimes tells it wrong.
#[derive(Clone, Debug)]
pub struct Planted {
    /// How many factors.
    pub factors: usize,
    /// The cut sets.
    pub cuts: Vec<Literals>,
    /// The share of runs of a failing cell that do not fail.
    pub missed: f64,
    /// The share of runs of a safe cell that fail.
    pub spurious: f64,
    /// Where its draws begin.
    pub key: u64,
}

/// What to plant.
#[derive(Clone, Debug)]
pub struct Shape {
    /// How many factors.
    pub factors: usize,
    /// How many cut sets.
    pub cuts: usize,
    /// How many factors are in each.
    pub orders: RangeInclusive<usize>,
}

impl Planted {
    /// Draws cut sets of which none holds another. Panics where there is no room for so many.
    pub fn draw(key: u64, shape: &Shape) -> Self {
        let mut rng = Rng::from_key(derive(key, "cut sets"));
        let (low, high) = (*shape.orders.start(), (*shape.orders.end()).min(shape.factors));
        let mut cuts: Vec<Literals> = Vec::new();
        for attempt in 0..100_000 {
            if cuts.len() == shape.cuts {
                break;
            }
            // The first few can leave no room for the rest.
            if attempt % 100 == 99 {
                cuts.clear();
            }
            let mut factors: Vec<usize> = (0..shape.factors).collect();
            rng.shuffle(&mut factors);
            factors.truncate(low + rng.below((high - low) as u64 + 1) as usize);
            let cut = Literals::of(factors.into_iter().collect(), Set::EMPTY);
            if !cuts.iter().any(|other| other.is_subset(cut) || cut.is_subset(*other)) {
                cuts.push(cut);
            }
        }
        assert_eq!(cuts.len(), shape.cuts, "no room for {shape:?}");
        let cuts = absorb(cuts);
        Planted { factors: shape.factors, cuts, missed: 0.0, spurious: 0.0, key }
    }

    /// With one more factor, which averts the cut sets for which `averts` says so (by number).
    pub fn with_barrier(mut self, averts: impl Fn(usize) -> bool) -> Self {
        let barrier = Literal::Absent(self.factors);
        for (n, cut) in self.cuts.iter_mut().enumerate() {
            if averts(n) {
                *cut = cut.with(barrier);
            }
        }
        self.cuts = absorb(self.cuts);
        self.factors += 1;
        self
    }

    /// With such shares of wrong runs.
    pub fn with_noise(self, missed: f64, spurious: f64) -> Self {
        Planted { missed, spurious, ..self }
    }

    /// Whether `cell` really fails.
    pub fn fails(&self, cell: Set) -> bool {
        self.cuts.iter().any(|cut| cut.holds(cell))
    }

    /// Whether the run of `cell` with `seed` fails.
    pub fn run(&self, cell: Set, seed: u64) -> bool {
        let fails = self.fails(cell);
        let key = derive_n(derive_n(derive(self.key, "noise"), cell.bits()), seed);
        fails != Rng::from_key(key).chance(if fails { self.missed } else { self.spurious })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { factors: 12, cuts: 5, orders: 2..=7 };

    #[test]
    fn what_is_planted_is_a_function_of_its_key() {
        let (a, b) = (Planted::draw(7, &SHAPE), Planted::draw(7, &SHAPE));
        assert_eq!(a.cuts, b.cuts);
        assert_ne!(a.cuts, Planted::draw(8, &SHAPE).cuts);
        assert_eq!(absorb(a.cuts.clone()).len(), 5);
        assert!(a.cuts.iter().all(|cut| (2..=7).contains(&cut.order())));
    }

    #[test]
    fn there_is_always_room_for_five_among_eight() {
        let narrow = Shape { factors: 8, ..SHAPE };
        assert!((0..2000).all(|key| Planted::draw(key, &narrow).cuts.len() == 5));
    }

    #[test]
    fn noise_is_as_frequent_as_asked_and_the_same_every_time() {
        let planted = Planted::draw(7, &SHAPE).with_noise(0.2, 0.1);
        for (cell, wrong) in [(Set::below(12), 200), (Set::EMPTY, 100)] {
            let runs = |_: ()| {
                (0..1000).filter(|seed| planted.run(cell, *seed) != planted.fails(cell)).count()
            };
            assert_eq!(runs(()), runs(()));
            assert!(runs(()).abs_diff(wrong) < 40, "{}", runs(()));
        }
    }

    #[test]
    fn a_barrier_averts_what_it_was_told_to() {
        let planted = Planted::draw(7, &SHAPE).with_barrier(|n| n == 0);
        let all = Set::below(13);
        assert!(planted.fails(all), "the other cut sets still fail");
        let first = planted.cuts.iter().find(|cut| !cut.absent().is_empty()).unwrap();
        assert!(planted.fails(first.present()) && !planted.fails(first.present().with(12)));
    }
}
