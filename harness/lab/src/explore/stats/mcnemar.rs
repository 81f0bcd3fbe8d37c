//! Does one change matter? The same seeds with it and without it.
//!
//! Two runs of one seed share every random draw that the change does not reach, so most seeds agree
//! with themselves and only those that do not tell anything. McNemar's test in its exact form asks
//! whether they all lean one way. It needs far fewer runs than two independent shares would.

use serde::{Deserialize, Serialize};
use statrs::distribution::{Binomial, DiscreteCDF};

use super::interval::{Interval, wilson};

/// Seeds by what happened without the change (before) and with it (after).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pairs {
    /// It failed both ways.
    pub both: u64,
    /// It failed before and not after: the change averted it.
    pub before_only: u64,
    /// It failed after and not before: the change caused it.
    pub after_only: u64,
    /// It failed neither way.
    pub neither: u64,
}

impl Pairs {
    /// Adds the two runs of one seed: whether each failed.
    pub fn add(&mut self, before: bool, after: bool) {
        *match (before, after) {
            (true, true) => &mut self.both,
            (true, false) => &mut self.before_only,
            (false, true) => &mut self.after_only,
            (false, false) => &mut self.neither,
        } += 1;
    }

    /// How many seeds.
    pub fn seeds(&self) -> u64 {
        self.both + self.before_only + self.after_only + self.neither
    }

    /// How often a change without any effect would show so lopsided a table: two-sided, exact
    /// (binomial, each disagreeing seed a fair coin). 1 where no seed disagrees.
    pub fn p_value(&self) -> f64 {
        let (fewer, n) =
            (self.before_only.min(self.after_only), self.before_only + self.after_only);
        if n == 0 {
            return 1.0;
        }
        let coin = Binomial::new(0.5, n).expect("one half is a probability");
        (2.0 * coin.cdf(fewer)).min(1.0)
    }

    /// The share of the seeds that failed which the change averted. Where the change takes a cause
    /// out: the probability of its necessity, counted seed by seed.
    pub fn averted(&self) -> Interval {
        wilson(self.before_only, self.before_only + self.both)
    }

    /// The share of the seeds that had not failed which the change made fail. Where the change puts
    /// a cause in: the probability of its sufficiency.
    pub fn caused(&self) -> Interval {
        wilson(self.after_only, self.after_only + self.neither)
    }

    /// The share of seeds that ended alike. Near one half, the pairing has bought nothing: the runs
    /// part too early for their draws to be the same.
    pub fn concordance(&self) -> Interval {
        wilson(self.both + self.neither, self.seeds())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disagreeing(before_only: u64, after_only: u64) -> f64 {
        Pairs { before_only, after_only, ..Pairs::default() }.p_value()
    }

    /// 9 and 2: M. P. Fay, "Two-sided exact tests and matching confidence intervals for discrete
    /// data", R Journal 2/1 (2010), and by hand 2 (1 + 11 + 55) / 2048. 150 and 86: A. Agresti,
    /// "Categorical Data Analysis", table 11.1 (approval of a prime minister, asked twice), whose
    /// asymptotic 3.1e-5 the exact test of R gives as 3.7e-5.
    #[test]
    fn the_p_values_are_those_of_the_textbooks() {
        assert!((disagreeing(9, 2) - 134.0 / 2048.0).abs() < 1e-9);
        assert!((disagreeing(2, 9) - 0.06543).abs() < 1e-5);
        assert!((disagreeing(150, 86) - 3.7e-5).abs() < 1e-6, "{}", disagreeing(150, 86));
    }

    #[test]
    fn where_no_seed_disagrees_nothing_is_shown() {
        let same = Pairs { both: 30, neither: 70, ..Pairs::default() };
        assert_eq!((same.p_value(), disagreeing(5, 5)), (1.0, 1.0));
        assert_eq!(same.concordance().to_string(), "≥ 96.3 % (100/100)");
    }

    #[test]
    fn each_pair_is_counted_where_it_belongs() {
        let mut pairs = Pairs::default();
        for (before, after) in [(true, true), (true, false), (true, false), (false, true)] {
            pairs.add(before, after);
        }
        assert_eq!(pairs, Pairs { both: 1, before_only: 2, after_only: 1, neither: 0 });
        assert_eq!((pairs.averted().hits, pairs.averted().runs, pairs.seeds()), (2, 3, 4));
        assert_eq!((pairs.caused().hits, pairs.caused().runs), (1, 1));
    }
}
