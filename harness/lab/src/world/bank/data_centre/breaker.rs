//! When a data centre stops asking the cluster.
//!
//! A card in a shop must not wait three seconds for an answer that does not come. After some
//! failures in a row stand-in answers at once, and only one card in a while is still tried in the
//! cluster, to learn when it is back. It takes some successes in a row to believe that: half of the
//! machines may answer and half not. (A circuit breaker; that the bank had one is an assumption, and
//! so are its figures.)

use std::time::Duration;

use tokio::time::Instant;

/// Failures in a row that open it.
const FAILURES: u32 = 5;
/// Successes in a row that close it.
const SUCCESSES: u32 = 5;
/// While it is open, one try in this time.
pub const TRY_EVERY: Duration = Duration::from_secs(5);

/// Closed at first: everything goes to the cluster.
#[derive(Debug, Default)]
pub struct Breaker {
    /// In a row, against what it is: failures while closed, successes while open.
    against: u32,
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
        if !self.is_open() {
            self.against = 0;
            return false;
        }
        self.against += 1;
        let closes = self.against >= SUCCESSES;
        if closes {
            *self = Breaker::default();
        }
        closes
    }

    /// The cluster did not answer. True if that opened it.
    pub fn failed(&mut self, now: Instant) -> bool {
        if self.is_open() {
            self.against = 0;
            return false;
        }
        self.against += 1;
        let opens = self.against >= FAILURES;
        if opens {
            *self = Breaker { against: 0, open: Some(now + TRY_EVERY) };
        }
        opens
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_opens_after_failures_in_a_row() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
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
    }

    #[tokio::test(start_paused = true)]
    async fn while_it_is_open_one_try_in_a_while_is_made_until_some_succeed_in_a_row() {
        let (mut breaker, mut now) = (Breaker::default(), Instant::now());
        while !breaker.failed(now) {}
        assert!(!breaker.admits(now + TRY_EVERY / 2));
        let tries = [SUCCESSES - 1, SUCCESSES - 1, SUCCESSES];
        for successes in tries {
            for n in 1..=successes {
                now += TRY_EVERY;
                assert!(breaker.admits(now) && !breaker.admits(now), "one at a time");
                assert_eq!(breaker.succeeded(), n == SUCCESSES);
            }
            if successes < SUCCESSES {
                assert!(!breaker.failed(now), "one failure and the count begins anew");
            }
        }
        assert!(breaker.admits(now) && breaker.admits(now) && !breaker.is_open());
    }
}
