//! Whether a member has had its turns.
//!
//! A leader that was suspended leads on as far as it knows, until it hears of its successor. Until
//! then its word about a lease is worth nothing, so whoever missed turns asks a quorum before it
//! renews one (etcd from 3.4.31 and 3.5.13 on, etcdserver/server.go `isActive` and
//! `ensureLeadership`; issue 15247, pull request 16822). There the doubt is over with the next tick,
//! which may come before the news; here it lasts until a quorum has answered.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::Instant;

/// This many ticks without a turn are a gap (`isActive`).
const GAP_TICKS: u32 = 3;

#[derive(Debug)]
pub(crate) struct Pulse {
    gap: Duration,
    beats: Mutex<Beats>,
}

#[derive(Debug)]
struct Beats {
    last: Instant,
    /// Gaps there were.
    gaps: u64,
    /// Gaps there were before a quorum last confirmed that this member leads.
    confirmed: u64,
}

impl Pulse {
    /// Begins now, with a tick due every `period`.
    pub fn new(now: Instant, period: Duration) -> Self {
        let beats = Beats { last: now, gaps: 0, confirmed: 0 };
        Pulse { gap: GAP_TICKS * period, beats: Mutex::new(beats) }
    }

    fn beats(&self) -> MutexGuard<'_, Beats> {
        self.beats.lock().expect("no task panics with the lock")
    }

    /// A turn, at every tick.
    pub fn beat(&self, now: Instant) {
        let mut beats = self.beats();
        beats.gaps += u64::from(now - beats.last > self.gap);
        beats.last = now;
    }

    /// Whether no turn was missed since a quorum last answered.
    pub fn is_steady(&self, now: Instant) -> bool {
        let beats = self.beats();
        beats.gaps == beats.confirmed && now - beats.last <= self.gap
    }

    /// How many gaps there were; for [`Pulse::confirmed`].
    pub fn gaps(&self) -> u64 {
        self.beats().gaps
    }

    /// A quorum has answered a question that was asked after so many gaps.
    pub fn confirmed(&self, gaps: u64) {
        let mut beats = self.beats();
        beats.confirmed = beats.confirmed.max(gaps);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(100);

    #[tokio::test(start_paused = true)]
    async fn a_gap_is_doubted_until_a_question_asked_after_it_is_answered() {
        let begun = Instant::now();
        let at = |ticks: u32| begun + ticks * TICK;
        let pulse = Pulse::new(begun, TICK);
        pulse.beat(at(3));
        assert!(pulse.is_steady(at(6)), "three ticks are no gap");
        assert!(!pulse.is_steady(at(7)), "nobody has had a turn for longer");
        let asked_before = pulse.gaps();
        pulse.beat(at(7));
        assert!(!pulse.is_steady(at(7)), "a turn does not say what happened meanwhile");
        pulse.confirmed(asked_before);
        assert!(!pulse.is_steady(at(7)), "the answer is from before");
        pulse.confirmed(pulse.gaps());
        assert!(pulse.is_steady(at(7)));
    }
}
