//! How long to wait before the next try: the two schedules of finagle's `Backoff` that linkerd uses.
//!
//! Both begin with the start itself. The full jitter of the first means that a long series of
//! failures still contains short waits, so a proxy notices a recovery after half the cap on average.

use std::time::Duration;

use harness_env::Rng;

/// `start`, then uniform in `0 .. min(max, start·2^n)` for n = 1, 2, … (finagle 6
/// `Backoff.exponentialJittered`).
#[derive(Clone, Debug)]
pub struct ExponentialJittered {
    start: Duration,
    max: Duration,
    attempt: u32,
    rng: Rng,
}

impl ExponentialJittered {
    /// A schedule from its beginning.
    pub fn new(start: Duration, max: Duration, rng: Rng) -> Self {
        ExponentialJittered { start, max, attempt: 0, rng }
    }

    /// The next wait.
    pub fn next_wait(&mut self) -> Duration {
        let attempt = self.attempt;
        self.attempt = self.attempt.saturating_add(1);
        if attempt == 0 {
            return self.start;
        }
        let cap = doubled(self.start, attempt).min(self.max);
        self.rng.duration(Duration::ZERO..cap)
    }

    /// Begins again with `start`.
    pub fn reset(&mut self) {
        self.attempt = 0;
    }
}

/// `start`, then `start·2^(n-1)` plus as much again at random, and `max` for ever from where that
/// is exceeded (finagle 6 `Backoff.equalJittered`).
#[derive(Clone, Debug)]
pub struct EqualJittered {
    start: Duration,
    max: Duration,
    attempt: u32,
    exceeded: bool,
    rng: Rng,
}

impl EqualJittered {
    /// A schedule from its beginning.
    pub fn new(start: Duration, max: Duration, rng: Rng) -> Self {
        EqualJittered { start, max, attempt: 0, exceeded: false, rng }
    }

    /// The next wait.
    pub fn next_wait(&mut self) -> Duration {
        let attempt = self.attempt;
        self.attempt = self.attempt.saturating_add(1);
        if attempt == 0 {
            return self.start;
        }
        if !self.exceeded {
            let half = doubled(self.start, attempt - 1);
            let wait = half + self.rng.duration(Duration::ZERO..half);
            if wait <= self.max {
                return wait;
            }
            self.exceeded = true;
        }
        self.max
    }

    /// Begins again with `start`.
    pub fn reset(&mut self) {
        self.attempt = 0;
        self.exceeded = false;
    }
}

/// `start·2^n`, at most a day: far above every cap, far below an overflow.
fn doubled(start: Duration, n: u32) -> Duration {
    const DAY: Duration = Duration::from_secs(86_400);
    start.saturating_mul(1 << n.min(30)).min(DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const S: Duration = Duration::from_secs(1);

    #[test]
    fn full_jitter_stays_below_the_doubling_cap_and_the_maximum() {
        for seed in 0..50 {
            let mut backoff = ExponentialJittered::new(10 * MS, 10 * S, Rng::from_key(seed));
            assert_eq!(backoff.next_wait(), 10 * MS);
            for n in 1..200 {
                let wait = backoff.next_wait();
                assert!(wait < (10 * MS).saturating_mul(1 << n.min(20)), "wait {n} was {wait:?}");
                assert!(wait < 10 * S);
            }
        }
    }

    #[test]
    fn equal_jitter_keeps_at_least_half_and_ends_at_the_maximum() {
        for seed in 0..50 {
            let mut backoff = EqualJittered::new(5 * S, 300 * S, Rng::from_key(seed));
            assert_eq!(backoff.next_wait(), 5 * S);
            for n in 0..5 {
                let wait = backoff.next_wait();
                assert!((5 * S * (1 << n)..10 * S * (1 << n)).contains(&wait), "{n}: {wait:?}");
            }
            assert!((0..5).all(|_| backoff.next_wait() <= 300 * S));
            assert_eq!(backoff.next_wait(), 300 * S);
        }
    }

    #[test]
    fn a_reset_schedule_begins_with_the_start() {
        let mut backoff = EqualJittered::new(5 * S, 300 * S, Rng::from_key(1));
        (0..20).for_each(|_| assert!(backoff.next_wait() <= 300 * S));
        backoff.reset();
        assert_eq!(backoff.next_wait(), 5 * S);
        assert!(backoff.next_wait() < 10 * S);
    }
}
