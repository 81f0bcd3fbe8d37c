//! Which of many tests count.
//!
//! Of a hundred tests of nothing, five are significant at 5 %. Benjamini and Hochberg's procedure
//! holds the expected share of such among those one reports (the false discovery rate) instead.

/// The adjusted p-values, in the order given: those of at most `q` may be reported together with an
/// expected share of at most `q` of them false. For independent tests, and for such as lean the
/// same way.
pub fn benjamini_hochberg(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut least: f64 = 1.0;
    for (rank, at) in order.iter().enumerate().rev() {
        let share = p_values.len() as f64 / (rank + 1) as f64;
        least = least.min(p_values[*at] * share);
        adjusted[*at] = least;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Y. Benjamini and Y. Hochberg, "Controlling the false discovery rate", Journal of the Royal
    /// Statistical Society B 57 (1995), section 3.2: thrombolysis after infarction. Four are
    /// significant at 5 %, where Bonferroni's correction leaves three.
    #[test]
    fn the_fifteen_tests_of_1995_leave_four() {
        let p = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262,
            0.5719, 0.6528, 0.7590, 1.0,
        ];
        let adjusted = benjamini_hochberg(&p);
        assert_eq!(adjusted.iter().filter(|q| **q <= 0.05).count(), 4);
        for (got, wanted) in adjusted.iter().zip([0.0015, 0.0030, 0.0095, 0.035_625, 0.0603]) {
            assert!((got - wanted).abs() < 1e-9, "{got} is not {wanted}");
        }
    }

    proptest! {
        #[test]
        fn the_order_is_kept_and_nothing_gets_more_significant(
            p in prop::collection::vec(0.0..=1.0f64, 0..30),
        ) {
            let adjusted = benjamini_hochberg(&p);
            prop_assert_eq!(adjusted.len(), p.len());
            for (n, q) in adjusted.iter().enumerate() {
                prop_assert!(p[n] <= *q && *q <= 1.0);
                prop_assert!(p.iter().zip(&adjusted).all(|(o, r)| *o > p[n] || *r <= *q));
            }
        }
    }
}
