//! Does a set of conditions fail? As few runs as the answer needs.
//!
//! Wald's sequential probability ratio test (1945): after every run, weigh "it fails in a share
//! `p1` of the seeds, or more" against "in `p0`, or fewer", and stop when one is likely enough.
//! Where neither becomes likely before `cap` runs, the answer is that it is not known. Nobody may
//! take that for Safe, so it is a verdict of its own.

use serde::{Deserialize, Serialize};

use super::interval::{Interval, wilson};

/// What is believed of one set of conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It fails in a share `p1` of the seeds or more.
    Fail,
    /// It fails in a share `p0` of the seeds or fewer.
    Safe,
    /// The runs do not tell.
    Undetermined,
}

/// A verdict and the runs behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What is believed.
    pub verdict: Verdict,
    /// In how many runs it failed.
    pub hits: u64,
    /// Of how many.
    pub runs: u64,
}

impl Finding {
    /// The share of runs that failed, with its interval. A share at which a sequential test stopped
    /// leans to the side that it stopped on; for figures to quote, run fresh seeds.
    pub fn share(&self) -> Interval {
        wilson(self.hits, self.runs)
    }
}

/// The parameters of the test.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sprt {
    /// The share of seeds that still counts as safe.
    pub p0: f64,
    /// The share that counts as failing. What lies between the two is nobody's fault.
    pub p1: f64,
    /// How often a set at `p0` may be called failing.
    pub alpha: f64,
    /// How often a set at `p1` may be called safe.
    pub beta: f64,
    /// The runs after which it gives up.
    pub cap: u64,
}

impl Default for Sprt {
    /// 18 runs for what never fails, 3 for what always does.
    fn default() -> Self {
        Sprt { p0: 0.05, p1: 0.20, alpha: 0.05, beta: 0.05, cap: 60 }
    }
}

impl Sprt {
    /// The same question with a hundredth of the errors and four times the runs at the most: for a
    /// verdict on which much depends.
    pub fn stricter(self) -> Self {
        Sprt { alpha: self.alpha / 100.0, beta: self.beta / 100.0, cap: self.cap * 4, ..self }
    }

    /// What is believed after `runs` of which `hits` failed; nothing while more runs are wanted.
    ///
    /// The order of the runs matters to when the test stops and not to what it thinks, so two
    /// counts are its whole state: ask after every single run, in the order of the seeds.
    pub fn verdict(&self, hits: u64, runs: u64) -> Option<Verdict> {
        assert!(0.0 < self.p0 && self.p0 < self.p1 && self.p1 < 1.0, "{self:?}");
        let weight = self.weight(hits, runs);
        match () {
            () if weight >= self.upper() => Some(Verdict::Fail),
            () if weight <= self.lower() => Some(Verdict::Safe),
            () if runs >= self.cap => Some(Verdict::Undetermined),
            () => None,
        }
    }

    /// How many more runs must be made before any verdict is possible, whatever they show: what may
    /// be run at once without a run too many. 0 where there is a verdict.
    pub fn at_least(&self, hits: u64, runs: u64) -> u64 {
        if self.verdict(hits, runs).is_some() {
            return 0;
        }
        let more = |hit: u64| {
            let verdict = |n: &u64| self.verdict(hits + hit * n, runs + n).is_some();
            (1..=self.cap).find(verdict).unwrap_or(1)
        };
        more(0).min(more(1))
    }

    /// The whole test over outcomes in the order of their seeds. `None` where they end too early.
    pub fn judge(&self, outcomes: impl IntoIterator<Item = bool>) -> Option<Finding> {
        let (mut hits, mut runs) = (0, 0);
        for outcome in outcomes {
            runs += 1;
            hits += u64::from(outcome);
            if let Some(verdict) = self.verdict(hits, runs) {
                return Some(Finding { verdict, hits, runs });
            }
        }
        None
    }

    /// The logarithm of how much likelier `p1` makes the runs than `p0`.
    fn weight(&self, hits: u64, runs: u64) -> f64 {
        let miss = ((1.0 - self.p1) / (1.0 - self.p0)).ln();
        hits as f64 * (self.p1 / self.p0).ln() + (runs - hits) as f64 * miss
    }

    fn upper(&self) -> f64 {
        ((1.0 - self.beta) / self.alpha).ln()
    }

    fn lower(&self) -> f64 {
        (self.beta / (1.0 - self.alpha)).ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the test does to a set that fails in a share `p` of the seeds, exactly: the shares of
    /// Fail, Safe and Undetermined, and the mean number of runs.
    fn exactly(test: Sprt, p: f64) -> ([f64; 3], f64) {
        let mut open = vec![1.0];
        let (mut ends, mut mean) = ([0.0; 3], 0.0);
        for runs in 1..=test.cap {
            let mut next = vec![0.0; open.len() + 1];
            for (hits, share) in open.iter().enumerate() {
                next[hits] += share * (1.0 - p);
                next[hits + 1] += share * p;
            }
            for (hits, share) in next.iter_mut().enumerate() {
                if let Some(verdict) = test.verdict(hits as u64, runs) {
                    ends[verdict as usize] += *share;
                    mean += *share * runs as f64;
                    *share = 0.0;
                }
            }
            open = next;
        }
        (ends, mean)
    }

    #[test]
    fn what_never_or_always_fails_takes_18_or_3_runs() {
        let never = Sprt::default().judge(std::iter::repeat(false)).unwrap();
        assert_eq!(never, Finding { verdict: Verdict::Safe, hits: 0, runs: 18 });
        let always = Sprt::default().judge(std::iter::repeat(true)).unwrap();
        assert_eq!(always, Finding { verdict: Verdict::Fail, hits: 3, runs: 3 });
    }

    #[test]
    fn the_mean_number_of_runs_is_the_expected_one() {
        let mean = |p| exactly(Sprt::default(), p).1;
        assert_eq!((mean(0.0).round(), mean(1.0).round()), (18.0, 3.0));
        assert_eq!(mean(0.5).round(), 6.0);
        for p in [0.05, 0.08, 0.10, 0.12, 0.15] {
            assert!((25.0..44.0).contains(&mean(p)), "{p}: {}", mean(p));
        }
    }

    /// Wald: the errors are at most alpha / (1 − beta) and beta / (1 − alpha).
    #[test]
    fn the_errors_are_as_rare_as_promised() {
        for test in [Sprt::default(), Sprt::default().stricter()] {
            let bound = test.alpha / (1.0 - test.beta);
            let ([wrong, ..], _) = exactly(test, test.p0);
            assert!(wrong <= bound, "{wrong} of the safe are called failing");
            let ([_, wrong, _], _) = exactly(test, test.p1);
            assert!(wrong <= bound, "{wrong} of the failing are called safe");
        }
    }

    #[test]
    fn what_cannot_be_told_is_said_to_be_undetermined() {
        let every_eighth = (1..).map(|n| n % 8 == 0);
        let finding = Sprt::default().judge(every_eighth).unwrap();
        assert_eq!(finding, Finding { verdict: Verdict::Undetermined, hits: 7, runs: 60 });
        assert_eq!(Sprt::default().judge([false; 5]), None);
    }

    #[test]
    fn runs_that_are_made_at_once_are_all_needed() {
        let test = Sprt::default();
        assert_eq!((test.at_least(0, 0), test.at_least(2, 2), test.at_least(0, 17)), (3, 1, 1));
        assert_eq!(test.at_least(3, 3), 0);
        for runs in 0..test.cap {
            for hits in 0..=runs {
                let fewest = test.at_least(hits, runs);
                let early = |n| (0..=n).any(|more| test.verdict(hits + more, runs + n).is_some());
                assert!(!(0..fewest).any(early), "{hits}/{runs}");
            }
        }
    }
}
