//! Whether two ways of doing the same lose differently: the paired permutation test of Fisher ("The
//! Design of Experiments", 1935, section 21).
//!
//! If it made no difference, each pair could as well have come out the other way round. So the sum of
//! the differences is compared with the sums under all ways to turn pairs round. Nothing is assumed
//! of how losses are distributed, and where pairs are few the p-value says so: with six it is never
//! below 1/32.

use statrs::distribution::{ContinuousCDF, Normal};

/// Up to so many pairs that differ, every way to turn them round is looked at; of more, the sum is
/// taken for normal.
const EXACT_MAX: usize = 16;

/// The two-sided p-value of differences of pairs; 1 where none differs.
pub fn sign_flip(differences: &[f64]) -> f64 {
    let differ: Vec<f64> = differences.iter().copied().filter(|d| *d != 0.0).collect();
    let seen = differ.iter().sum::<f64>().abs();
    if differ.is_empty() {
        return 1.0;
    }
    if differ.len() > EXACT_MAX {
        let spread = differ.iter().map(|d| d * d).sum::<f64>().sqrt();
        return 2.0 * Normal::standard().sf(seen / spread);
    }
    let ways = 1_u32 << differ.len();
    let turned = |way: u32| -> f64 {
        let one = |(n, d): (usize, &f64)| if way >> n & 1 == 1 { -d } else { *d };
        differ.iter().enumerate().map(one).sum()
    };
    // What is equal but for rounding is as far out.
    let far = |way: &u32| turned(*way).abs() >= seen * (1.0 - 1e-9);
    f64::from((0..ways).filter(far).count() as u32) / f64::from(ways)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Darwin's maize, crossed less self-fertilised, in eighths of an inch, as Fisher has it.
    const MAIZE: [f64; 15] =
        [49., -67., 8., 16., 6., 23., 28., 41., 14., 29., 56., 24., 75., 60., -48.];

    #[test]
    fn it_agrees_with_fishers_count_for_darwins_maize() {
        // 863 of 32,768 ways sum to 314 or more, and as many to as little.
        assert_eq!(sign_flip(&MAIZE), f64::from(2 * 863) / 32_768.0);
    }

    #[test]
    fn few_pairs_cannot_show_much_and_equal_ones_nothing() {
        assert_eq!(sign_flip(&[3.0, 1.0, 2.0, 5.0, 4.0, 6.0]), 2.0 / 64.0);
        assert_eq!(sign_flip(&[0.0, 0.0]), 1.0);
        assert_eq!(sign_flip(&[]), 1.0);
    }

    #[test]
    fn of_many_pairs_the_normal_sum_is_close_to_the_exact_one() {
        let twice = [MAIZE, MAIZE].concat();
        // z = 628 / sqrt(2 × 26,518) = 2.727.
        assert!((sign_flip(&twice) - 0.0064).abs() < 0.0002, "{}", sign_flip(&twice));
    }
}
