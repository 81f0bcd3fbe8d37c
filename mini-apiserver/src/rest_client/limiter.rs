//! How fast a client may ask.
//!
//! Clients of Kubernetes hold themselves back with a token bucket before they send anything
//! (client-go `util/flowcontrol`): the kubelet at 5 requests a second with bursts of 10, the
//! controller-manager at 20 and 30, the scheduler at 50 and 100. A burst of work therefore reaches
//! the apiserver as a slope, which matters when the apiserver has few slots.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

/// A token bucket. Waiters are served in the order they came.
#[derive(Debug)]
pub(crate) struct Limiter {
    interval: Duration,
    burst: u32,
    /// When the bucket would be full if nobody took another token.
    full_at: Mutex<Option<Instant>>,
}

impl Limiter {
    /// `qps` tokens a second, at most `burst` at once.
    pub(crate) fn new(qps: f64, burst: u32) -> Self {
        assert!(qps > 0.0 && burst > 0, "a client that may never ask is no client");
        let interval = Duration::from_secs_f64(1.0 / qps);
        Limiter { interval, burst, full_at: Mutex::new(None) }
    }

    /// Takes a token and waits until it is there.
    pub(crate) async fn take(&self) {
        let wait = self.reserve(Instant::now());
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    /// Takes a token and tells how long it is until it is there.
    pub(crate) fn reserve(&self, now: Instant) -> Duration {
        let mut full_at = self.full_at.lock().expect("no panic with the lock");
        let next = full_at.unwrap_or(now).max(now) + self.interval;
        *full_at = Some(next);
        next.saturating_duration_since(now + self.interval * self.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_free_and_the_rest_comes_at_the_rate() {
        let (limiter, now) = (Limiter::new(5.0, 10), Instant::now());
        let waits: Vec<_> = (0..12).map(|_| limiter.reserve(now)).collect();
        assert!(waits[..10].iter().all(Duration::is_zero));
        assert_eq!(waits[10..], [Duration::from_millis(200), Duration::from_millis(400)]);
        let later = now + Duration::from_secs(60);
        assert!((0..10).all(|_| limiter.reserve(later).is_zero()), "the bucket filled up again");
        assert!(!limiter.reserve(later).is_zero(), "and holds no more than a burst");
    }
}
