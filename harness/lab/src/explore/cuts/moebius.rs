//! How much of the effect is whose interaction.
//!
//! The failing of a cell is a sum over sets of factors: the Möbius (Harsanyi) dividend of a set is
//! what it adds beyond all its parts. One cut set of seven factors is one term, on the seven.
//! Shapley's value shares every dividend out equally among its set, which makes all seven look the
//! same and small; so it is for a side bar.

use std::collections::BTreeMap;

use super::literal::Literals;
use super::set::Set;

/// The dividends that are not 0, by set of factors (present ones: a barrier shows as a negative
/// term). They sum up to 1 where having all factors fails, to 0 where it does not; the dividend of
/// no factors says whether it fails without any.
pub fn dividends(cuts: &[Literals]) -> BTreeMap<Set, i64> {
    // It is safe where every cut set is: 1 − f = Π (1 − term), multiplied out with x² = x.
    let mut safe = BTreeMap::from([(Set::EMPTY, 1)]);
    for cut in cuts {
        let mut one_minus = BTreeMap::from([(Set::EMPTY, 1)]);
        for (set, sign) in term(*cut) {
            *one_minus.entry(set).or_insert(0) -= sign;
        }
        safe = times(&safe, &one_minus);
    }
    *safe.entry(Set::EMPTY).or_insert(0) -= 1;
    safe.into_iter().map(|(set, dividend)| (set, -dividend)).filter(|(_, d)| *d != 0).collect()
}

/// Shapley's value of each of `factors` factors.
pub fn shapley(factors: usize, dividends: &BTreeMap<Set, i64>) -> Vec<f64> {
    let share = |factor: usize| {
        let of = dividends.iter().filter(|(set, _)| set.contains(factor));
        of.map(|(set, dividend)| *dividend as f64 / set.len() as f64).sum()
    };
    (0..factors).map(share).collect()
}

/// A conjunction as a polynomial: an absent factor is 1 − x.
fn term(cut: Literals) -> BTreeMap<Set, i64> {
    let sign = |absent: Set| if absent.len().is_multiple_of(2) { 1 } else { -1 };
    let signed = |absent: Set| (cut.present() | absent, sign(absent));
    cut.absent().subsets().map(signed).collect()
}

fn times(a: &BTreeMap<Set, i64>, b: &BTreeMap<Set, i64>) -> BTreeMap<Set, i64> {
    let mut product = BTreeMap::new();
    for (x, m) in a {
        for (y, n) in b {
            *product.entry(*x | *y).or_insert(0) += m * n;
        }
    }
    product.retain(|_, coefficient| *coefficient != 0);
    product
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::planted::{Planted, Shape};
    use super::*;

    /// Factors by their letters.
    const FACTORS: &str = "GRDNLEHA";

    fn set(letters: &str) -> Set {
        letters.chars().map(|letter| FACTORS.find(letter).unwrap()).collect()
    }

    fn cut(present: &str, absent: &str) -> Literals {
        Literals::of(set(present), set(absent))
    }

    /// Rounded as the figures are that were worked out for the outage of 2017.
    fn shares(cuts: &[Literals], decimals: i32) -> Vec<f64> {
        let unit = 10f64.powi(decimals);
        let shares = shapley(FACTORS.len(), &dividends(cuts));
        shares.iter().map(|share| (share * unit).round() / unit).collect()
    }

    #[test]
    fn one_large_cut_set_is_one_term_and_tiny_shares() {
        let reactive = [cut("GRDNLEH", "A")];
        let terms = dividends(&reactive);
        assert_eq!(terms, BTreeMap::from([(set("GRDNLEH"), 1), (set("GRDNLEHA"), -1)]));
        let shares = shares(&reactive, 3);
        assert!(shares[..7].iter().all(|share| *share == 0.018), "{shares:?}");
        assert_eq!(shares[7], -0.125);
    }

    #[test]
    fn two_cut_sets_are_two_terms_less_their_union() {
        let impact = [cut("GRD", ""), cut("NLEH", "")];
        let terms = BTreeMap::from([(set("GRD"), 1), (set("NLEH"), 1), (set("GRDNLEH"), -1)]);
        assert_eq!(dividends(&impact), terms);
        assert_eq!(shares(&impact, 3), [0.19, 0.19, 0.19, 0.107, 0.107, 0.107, 0.107, 0.0]);
        assert_eq!(shares(&[cut("NLEH", "")], 3)[3..7], [0.25; 4]);
    }

    #[test]
    fn nothing_and_always_are_their_own_terms() {
        assert_eq!(dividends(&[]), BTreeMap::new());
        assert_eq!(dividends(&[Literals::default()]), BTreeMap::from([(Set::EMPTY, 1)]));
        let either_way = [cut("G", ""), cut("", "G")];
        assert_eq!(dividends(&either_way), BTreeMap::from([(Set::EMPTY, 1)]));
    }

    proptest! {
        #[test]
        fn the_dividends_below_a_cell_sum_up_to_its_failing(key in any::<u64>(), cuts in 1..5usize) {
            let planted = Planted::draw(key, &Shape { factors: 7, cuts, orders: 2..=5 });
            let planted = planted.with_barrier(|n| n % 2 == 0);
            let dividends = dividends(&planted.cuts);
            for cell in Set::below(8).subsets() {
                let below = dividends.iter().filter(|(set, _)| set.is_subset(cell));
                prop_assert_eq!(below.map(|(_, d)| d).sum::<i64>(), i64::from(planted.fails(cell)));
            }
            let total: f64 = shapley(8, &dividends).iter().sum();
            prop_assert!((total - f64::from(planted.fails(Set::below(8)))).abs() < 1e-9);
        }
    }
}
