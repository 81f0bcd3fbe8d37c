//! The retry budget: what keeps requeues from becoming a storm.
//!
//! A leaky bucket (finagle 6 `RetryBudget`): each request deposits a token that is good for 10 s,
//! each requeue costs five, and a reserve allows ten requeues a second however few requests there
//! are. One request may use at most a fifth of the balance (`Retries.MaxRequeuesPerReq`), so a
//! request to endpoints that are all gone fails after some twenty tries.

use std::time::Duration;

use tokio::time::Instant;

/// How long a deposit is good for, and the window of the reserve (finagle's default).
const TTL_SECONDS: i64 = 10;
/// Requeues per second that need no deposit (finagle's default).
const MIN_PER_SECOND: i64 = 10;
/// What a requeue costs, a request depositing 1: 20 % (finagle's default).
const COST: i64 = 5;

/// The budget of one service.
#[derive(Debug)]
pub struct RetryBudget {
    origin: Instant,
    /// Deposits less withdrawals, by second modulo the window.
    slots: [i64; TTL_SECONDS as usize],
    /// The newest second that `slots` holds.
    second: u64,
}

impl RetryBudget {
    /// A budget with its whole reserve.
    pub fn new(now: Instant) -> Self {
        RetryBudget { origin: now, slots: [0; TTL_SECONDS as usize], second: 0 }
    }

    /// A request is made.
    pub fn deposit(&mut self, now: Instant) {
        *self.slot(now) += 1;
    }

    /// Requeues that may be made now.
    pub fn balance(&mut self, now: Instant) -> u64 {
        self.slot(now);
        let reserve = MIN_PER_SECOND * TTL_SECONDS * COST;
        let tokens = self.slots.iter().sum::<i64>() + reserve;
        u64::try_from(tokens / COST).unwrap_or(0)
    }

    /// Requeues that one request may make.
    pub fn per_request(&mut self, now: Instant) -> u64 {
        self.balance(now).div_ceil(5)
    }

    /// Makes a requeue, if the balance allows.
    pub fn withdraw(&mut self, now: Instant) -> bool {
        let allowed = self.balance(now) > 0;
        if allowed {
            *self.slot(now) -= COST;
        }
        allowed
    }

    /// The slot of `now`, after dropping what is older than the window.
    fn slot(&mut self, now: Instant) -> &mut i64 {
        let second = now.saturating_duration_since(self.origin).as_secs().max(self.second);
        for passed in (self.second + 1..=second).take(self.slots.len()) {
            self.slots[passed as usize % self.slots.len()] = 0;
        }
        if second - self.second >= self.slots.len() as u64 {
            self.slots.fill(0);
        }
        self.second = second;
        &mut self.slots[second as usize % TTL_SECONDS as usize]
    }
}

/// The window, for tests and documentation.
pub const TTL: Duration = Duration::from_secs(TTL_SECONDS as u64);

#[cfg(test)]
mod tests {
    use super::*;

    fn exhaust(budget: &mut RetryBudget, now: Instant) -> usize {
        (0..).take_while(|_| budget.withdraw(now)).count()
    }

    #[test]
    fn a_quiet_service_has_a_hundred_requeues_and_a_request_has_twenty() {
        let now = Instant::now();
        let mut budget = RetryBudget::new(now);
        assert_eq!(budget.per_request(now), 20);
        assert_eq!(exhaust(&mut budget, now), 100);
        assert_eq!(budget.per_request(now), 0);
    }

    #[test]
    fn five_requests_pay_for_a_requeue() {
        let now = Instant::now();
        let mut budget = RetryBudget::new(now);
        (0..1000).for_each(|_| budget.deposit(now));
        assert_eq!(exhaust(&mut budget, now), 300);
    }

    #[test]
    fn deposits_and_withdrawals_are_forgotten_after_the_window() {
        let start = Instant::now();
        let mut budget = RetryBudget::new(start);
        exhaust(&mut budget, start);
        assert_eq!(budget.balance(start + TTL - Duration::from_millis(1)), 0);
        assert_eq!(budget.balance(start + TTL), 100);
        (0..50).for_each(|_| budget.deposit(start + TTL));
        assert_eq!(budget.balance(start + TTL), 110);
        assert_eq!(budget.balance(start + 100 * TTL), 100);
    }
}
