//! When a data centre stops asking the cluster.
//!
//! A card in a shop must not wait three seconds for an answer that does not come. After some
//! failures in a row stand-in answers at once, and only one card in a while is still tried in the
//! cluster, to learn when it is back. (A circuit breaker; that the bank had one is an assumption.)

use std::time::Duration;

use tokio::time::Instant;

/// Failures in a row that open it.
const FAILURES: u32 = 5;
/// While it is open, one try in this time.
pub const TRY_EVERY: Duration = Duration::from_secs(5);

/// Closed at first: everything goes to the cluster.
#[derive(Debug, Default)]
pub struct Breaker {
    failures: u32,
    /// While open: when the next try is due.
    open: Option<Instant>,
}

impl Breaker {
    /// Whether a request that comes at `now` is to go to the cluster.
    pub fn admits(&mut self, now: Instant) -> bool {
        match &mut self.open {
            None => true,
            Some(due) if *due <= now => {
                *due = now + TRY_EVERY;
                true
            }
            Some(_) => false,
        }
    }

    /// Whether stand-in answers most requests.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// The cluster answered. True if that closed it.
    pub fn succeeded(&mut self) -> bool {
        self.failures = 0;
        self.open.take().is_some()
    }

    /// The cluster did not answer. True if that opened it.
    pub fn failed(&mut self, now: Instant) -> bool {
        self.failures += 1;
        if self.failures < FAILURES || self.is_open() {
            return false;
        }
        self.open = Some(now + TRY_EVERY);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_opens_after_failures_in_a_row_and_closes_with_a_success() {
        let mut breaker = Breaker::default();
        let now = Instant::now();
        for _ in 0..3 {
            for _ in 1..FAILURES {
                assert!(breaker.admits(now) && !breaker.failed(now));
            }
            assert!(!breaker.succeeded(), "one success and the count begins anew");
        }
        for _ in 1..FAILURES {
            breaker.failed(now);
        }
        assert!(breaker.failed(now) && breaker.is_open());
        assert!(!breaker.failed(now), "it opens once");
        assert!(!breaker.admits(now + TRY_EVERY / 2));
        let later = now + TRY_EVERY;
        assert!(breaker.admits(later) && !breaker.admits(later), "one try at a time");
        assert!(breaker.admits(later + TRY_EVERY));
        assert!(breaker.succeeded() && breaker.admits(later));
    }
}
