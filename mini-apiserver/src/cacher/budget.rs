//! How much time the dispatcher may spend waiting for slow watchers.
//!
//! 50 ms more every second, 100 ms at most (kubernetes 1.7.8 pkg/storage/time_budget.go). The time
//! is one purse for all watchers of a resource: a slow one spends what the next would have had.

use std::time::Duration;

use tokio::time::Instant;

const PER_SECOND: Duration = Duration::from_millis(50);
const MOST: Duration = Duration::from_millis(100);

/// The purse.
#[derive(Debug)]
pub struct Budget {
    left: Duration,
    filled: Instant,
}

impl Budget {
    /// A full purse at `now`.
    pub fn new(now: Instant) -> Self {
        Budget { left: MOST, filled: now }
    }

    /// Takes everything out.
    pub fn take(&mut self, now: Instant) -> Duration {
        let seconds = now.duration_since(self.filled).as_secs();
        self.filled += Duration::from_secs(seconds);
        let more = PER_SECOND.saturating_mul(u32::try_from(seconds).unwrap_or(u32::MAX));
        std::mem::take(&mut self.left).saturating_add(more).min(MOST)
    }

    /// Puts back what was not spent.
    pub fn put_back(&mut self, unspent: Duration) {
        self.left = (self.left + unspent).min(MOST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_empty_purse_fills_by_the_second() {
        let mut budget = Budget::new(Instant::now());
        assert_eq!(budget.take(Instant::now()), MOST);
        assert_eq!(budget.take(Instant::now()), Duration::ZERO);
        tokio::time::advance(Duration::from_millis(1500)).await;
        assert_eq!(budget.take(Instant::now()), PER_SECOND);
        budget.put_back(Duration::from_millis(20));
        tokio::time::advance(Duration::from_millis(600)).await;
        assert_eq!(budget.take(Instant::now()), Duration::from_millis(70));
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(budget.take(Instant::now()), MOST);
    }
}
