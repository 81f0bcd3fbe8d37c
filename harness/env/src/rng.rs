//! Random numbers from named streams.
//!
//! There is no shared generator. Each use has a stream of its own, keyed by the run's seed, who
//! draws and what for, so that taking one cause out of a run leaves every other draw as it was.

use std::ops::Range;
use std::time::Duration;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Mixes a name into a stream key.
pub fn derive(key: u64, name: &str) -> u64 {
    xxh3_64_with_seed(name.as_bytes(), key)
}

/// Mixes a number into a stream key.
pub fn derive_n(key: u64, n: u64) -> u64 {
    xxh3_64_with_seed(&n.to_le_bytes(), key)
}

/// One random stream (xoshiro256++, whose sequence is fixed for all platforms and releases).
#[derive(Clone, Debug)]
pub struct Rng(Xoshiro256PlusPlus);

impl Rng {
    /// The stream of `key`.
    pub fn from_key(key: u64) -> Self {
        Rng(Xoshiro256PlusPlus::seed_from_u64(key))
    }

    /// Any 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0.random()
    }

    /// Uniform in `0..n`; 0 where `n` is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        if n == 0 { 0 } else { self.0.random_range(0..n) }
    }

    /// Uniform in `0.0..1.0`.
    pub fn unit(&mut self) -> f64 {
        self.0.random()
    }

    /// True with probability `p`. Draws even where `p` is 0 or 1, so that a changed probability
    /// does not shift the rest of the stream.
    pub fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// Uniform in `range`, to the nanosecond; its start where the range is empty.
    pub fn duration(&mut self, range: Range<Duration>) -> Duration {
        let width = range.end.saturating_sub(range.start).as_nanos() as u64;
        range.start + Duration::from_nanos(self.below(width))
    }

    /// Exponentially distributed with the given mean: the gaps of a Poisson process.
    pub fn exponential(&mut self, mean: Duration) -> Duration {
        mean.mul_f64(-(1.0 - self.unit()).ln())
    }

    /// Lognormally distributed with the given median; its logarithm has the standard deviation
    /// `sigma` (Box and Muller's transform).
    pub fn lognormal(&mut self, median: Duration, sigma: f64) -> Duration {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        let normal = radius * (std::f64::consts::TAU * self.unit()).cos();
        median.mul_f64((sigma * normal).exp())
    }

    /// An element of `items`, or `None` where there is none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len() as u64) as usize)
    }

    /// Puts `items` in random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i as u64 + 1) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_a_function_of_its_key() {
        let (mut a, mut b) = (Rng::from_key(7), Rng::from_key(7));
        assert!((0..100).all(|_| a.bits() == b.bits()));
        assert_ne!(Rng::from_key(7).bits(), Rng::from_key(8).bits());
    }

    #[test]
    fn streams_of_different_names_differ() {
        let keys = ["a", "b", "ab", ""].map(|name| derive(1, name));
        let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len());
    }

    #[test]
    fn a_sequence_is_the_same_on_every_platform_and_release() {
        let mut rng = Rng::from_key(derive(42, "election"));
        let drawn: [u64; 4] = std::array::from_fn(|_| rng.below(1000));
        assert_eq!(drawn, [917, 634, 475, 793], "every recorded run would be another");
    }

    #[test]
    fn a_shuffle_keeps_every_element() {
        let mut items: Vec<u32> = (0..50).collect();
        Rng::from_key(3).shuffle(&mut items);
        assert_ne!(items, (0..50).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
    }

    #[test]
    fn lognormal_times_lie_about_their_median_as_widely_as_was_asked() {
        let mut rng = Rng::from_key(6);
        let draw = |_| rng.lognormal(Duration::from_secs(60), 0.5).as_secs_f64();
        let mut times: Vec<f64> = (0..10_000).map(draw).collect();
        times.sort_by(f64::total_cmp);
        // One standard deviation either way holds 68.3 % of a normal distribution.
        for (rank, factor) in [(1_587, (-0.5f64).exp()), (5_000, 1.0), (8_413, 0.5f64.exp())] {
            let off = times[rank] / (60.0 * factor);
            assert!((0.96..1.04).contains(&off), "{rank}: {off}");
        }
    }

    #[test]
    fn the_mean_of_exponential_gaps_is_near_the_asked_one() {
        let mut rng = Rng::from_key(5);
        let total: Duration = (0..10_000).map(|_| rng.exponential(Duration::from_secs(1))).sum();
        assert!((9_500.0..10_500.0).contains(&total.as_secs_f64()), "{total:?}");
    }
}
