//! Failure accrual: an endpoint that fails five times in a row is left alone for a while, then
//! probed with one request (finagle 6 `FailureAccrualFactory` with `consecutiveFailures`, and
//! linkerd's defaults of 5 failures and 5 s to 300 s, equally jittered).
//!
//! It is a marker and not a lock: where every endpoint is marked, the balancer still sends requests
//! to one, and what becomes of those changes nothing while the mark lasts.

use std::time::Duration;

use harness_env::Rng;
use tokio::time::Instant;

use crate::backoff::EqualJittered;

/// Failures in a row that mark an endpoint dead (linkerd's `FailureAccrualConfig` default).
pub const FAILURES: u32 = 5;
const MARK_DEAD_MIN: Duration = Duration::from_secs(5);
const MARK_DEAD_MAX: Duration = Duration::from_secs(300);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Alive,
    /// Left alone until then; then as good as `ProbeOpen`.
    Dead(Instant),
    /// The next request is the probe.
    ProbeOpen,
    /// The probe is under way.
    ProbeClosed,
}

/// What an endpoint is known for.
#[derive(Debug)]
pub struct Accrual {
    state: State,
    consecutive: u32,
    waits: EqualJittered,
}

/// What a report changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing that anybody would notice.
    None,
    /// The endpoint is marked dead for this long.
    Died(Duration),
    /// The probe succeeded.
    Revived,
}

impl Accrual {
    /// An endpoint of which nothing is known.
    pub fn new(rng: Rng) -> Self {
        let waits = EqualJittered::new(MARK_DEAD_MIN, MARK_DEAD_MAX, rng);
        Accrual { state: State::Alive, consecutive: 0, waits }
    }

    /// Whether a request should go there.
    pub fn is_open(&self, now: Instant) -> bool {
        match self.state {
            State::Alive | State::ProbeOpen => true,
            State::Dead(until) => now >= until,
            State::ProbeClosed => false,
        }
    }

    /// The state for operators.
    pub fn describe(&self, now: Instant) -> &'static str {
        match self.state {
            State::Alive => "alive",
            State::Dead(until) if now < until => "dead",
            State::Dead(_) | State::ProbeOpen | State::ProbeClosed => "probing",
        }
    }

    /// A request goes there.
    pub fn begin(&mut self, now: Instant) {
        match self.state {
            State::Dead(until) if now >= until => self.state = State::ProbeClosed,
            State::ProbeOpen => self.state = State::ProbeClosed,
            _ => {}
        }
    }

    /// A request succeeded.
    pub fn succeed(&mut self) -> Change {
        self.consecutive = 0;
        if self.state != State::ProbeClosed {
            return Change::None;
        }
        self.state = State::Alive;
        self.waits.reset();
        Change::Revived
    }

    /// A request failed.
    pub fn fail(&mut self, now: Instant) -> Change {
        if matches!(self.state, State::Dead(_) | State::ProbeOpen) {
            return Change::None;
        }
        self.consecutive = self.consecutive.saturating_add(1);
        if self.consecutive >= FAILURES {
            let wait = self.waits.next_wait();
            self.state = State::Dead(now + wait);
            return Change::Died(wait);
        }
        if self.state == State::ProbeClosed {
            self.state = State::ProbeOpen;
        }
        Change::None
    }

    /// A request was given up before it succeeded or failed; a probe may be sent again.
    pub fn abandon(&mut self) {
        if self.state == State::ProbeClosed {
            self.state = State::ProbeOpen;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    fn dead() -> (Accrual, Instant) {
        let (mut accrual, now) = (Accrual::new(Rng::from_key(1)), Instant::now());
        for n in 1..=FAILURES {
            accrual.begin(now);
            let change = accrual.fail(now);
            assert_eq!(change == Change::Died(5 * S), n == FAILURES, "failure {n}: {change:?}");
        }
        (accrual, now)
    }

    #[test]
    fn a_success_in_between_begins_the_count_again() {
        let (mut accrual, now) = (Accrual::new(Rng::from_key(1)), Instant::now());
        for _ in 0..10 {
            (1..FAILURES).for_each(|_| assert_eq!(accrual.fail(now), Change::None));
            assert_eq!(accrual.succeed(), Change::None);
        }
        assert!(accrual.is_open(now));
    }

    #[test]
    fn five_failures_in_a_row_close_an_endpoint_for_five_seconds() {
        let (accrual, now) = dead();
        assert!(!accrual.is_open(now + 5 * S - Duration::from_nanos(1)));
        assert!(accrual.is_open(now + 5 * S));
    }

    #[test]
    fn one_probe_at_a_time_decides() {
        let (mut accrual, now) = dead();
        let now = now + 5 * S;
        accrual.begin(now);
        assert!(!accrual.is_open(now));
        assert_eq!(accrual.succeed(), Change::Revived);
        assert!(accrual.is_open(now));
    }

    #[test]
    fn failed_probes_close_it_for_longer_and_at_most_for_five_minutes() {
        let (mut accrual, mut now) = dead();
        let mut longest = 5 * S;
        for _ in 0..12 {
            now += 300 * S;
            accrual.begin(now);
            let Change::Died(wait) = accrual.fail(now) else { panic!("the probe failed") };
            assert!(wait >= longest.min(300 * S) && wait <= 300 * S);
            longest = wait;
        }
        assert_eq!(longest, 300 * S);
    }

    #[test]
    fn what_happens_to_a_dead_endpoint_does_not_prolong_its_rest() {
        let (mut accrual, now) = dead();
        accrual.begin(now + S);
        assert_eq!(accrual.fail(now + S), Change::None);
        assert!(accrual.is_open(now + 5 * S));
    }

    #[test]
    fn an_abandoned_probe_leaves_room_for_another() {
        let (mut accrual, now) = dead();
        let now = now + 5 * S;
        accrual.begin(now);
        accrual.abandon();
        assert!(accrual.is_open(now));
    }
}
