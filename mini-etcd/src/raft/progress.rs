//! What a leader knows of one member's log.
//!
//! A leader starts by probing: one append per heartbeat until the member says where its log
//! agrees. Then it replicates: it sends ahead, within the inflight window. A member too far behind
//! gets a snapshot and nothing else until that has arrived or failed.

use super::inflights::Inflights;

/// How a leader sends to a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgressState {
    /// At most one append per heartbeat: where the logs agree is not known.
    Probe,
    /// Appends are sent ahead of their acknowledgement.
    Replicate,
    /// A snapshot is on its way; nothing else is sent.
    Snapshot,
}

/// One member's log as its leader knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The highest index known to be saved by the member.
    pub matched: u64,
    /// The next index to send.
    pub next: u64,
    /// How to send.
    pub state: ProgressState,
    /// A probe is under way: wait for its answer or for the next heartbeat.
    pub paused: bool,
    /// The index of the snapshot under way, while in [`ProgressState::Snapshot`].
    pub pending_snapshot: u64,
    /// The member was heard from since the last quorum check.
    pub recent_active: bool,
    inflights: Inflights,
}

impl Progress {
    pub(super) fn new(next: u64, max_inflight: usize) -> Self {
        Self {
            matched: 0,
            next,
            state: ProgressState::Probe,
            paused: false,
            pending_snapshot: 0,
            recent_active: false,
            inflights: Inflights::new(max_inflight),
        }
    }

    /// The number of appends that are under way.
    pub fn inflight(&self) -> usize {
        self.inflights.len()
    }

    /// Whether nothing may be sent at the moment.
    pub fn is_paused(&self) -> bool {
        match self.state {
            ProgressState::Probe => self.paused,
            ProgressState::Replicate => self.inflights.full(),
            ProgressState::Snapshot => true,
        }
    }

    pub(super) fn reset(&mut self, next: u64) {
        self.enter(ProgressState::Probe);
        (self.matched, self.next, self.recent_active) = (0, next, false);
    }

    fn enter(&mut self, state: ProgressState) {
        self.state = state;
        self.paused = false;
        self.pending_snapshot = 0;
        self.inflights.clear();
    }

    /// After a snapshot, probing goes on behind it.
    pub(super) fn become_probe(&mut self) {
        let behind_snapshot = self.pending_snapshot + 1;
        self.enter(ProgressState::Probe);
        self.next = behind_snapshot.max(self.matched + 1);
    }

    pub(super) fn become_replicate(&mut self) {
        self.enter(ProgressState::Replicate);
        self.next = self.matched + 1;
    }

    pub(super) fn become_snapshot(&mut self, index: u64) {
        self.enter(ProgressState::Snapshot);
        self.pending_snapshot = index;
    }

    /// Notes that an append up to `last` was sent.
    pub(super) fn sent(&mut self, last: u64) {
        match self.state {
            ProgressState::Replicate => {
                self.next = last + 1;
                self.inflights.add(last);
            }
            ProgressState::Probe => self.paused = true,
            ProgressState::Snapshot => unreachable!("a member that awaits a snapshot is paused"),
        }
    }

    /// The member has everything up to `index`. False if that was known.
    pub(super) fn maybe_update(&mut self, index: u64) -> bool {
        let news = index > self.matched;
        if news {
            self.matched = index;
            self.paused = false;
        }
        self.next = self.next.max(index + 1);
        news
    }

    pub(super) fn free_inflights_to(&mut self, index: u64) {
        self.inflights.free_to(index);
    }

    /// The member refused the append after `rejected`; the logs may agree up to `hint`. False if
    /// the refusal is an old one.
    pub(super) fn maybe_decrease(&mut self, rejected: u64, hint: u64) -> bool {
        if self.state == ProgressState::Replicate {
            if rejected <= self.matched {
                return false;
            }
            self.next = self.matched + 1;
            return true;
        }
        if self.next != rejected + 1 {
            return false;
        }
        self.next = rejected.min(hint + 1).max(1);
        self.paused = false;
        true
    }

    /// A heartbeat was answered: probing goes on, and a full window gets room for one message.
    pub(super) fn heartbeat_answered(&mut self) {
        self.recent_active = true;
        self.paused = false;
        if self.state == ProgressState::Replicate && self.inflights.full() {
            self.inflights.free_first();
        }
    }

    /// Whether the awaited snapshot has arrived, by what the member says it has.
    pub(super) fn snapshot_caught_up(&self) -> bool {
        self.state == ProgressState::Snapshot && self.matched >= self.pending_snapshot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_waits_for_its_answer() {
        let mut progress = Progress::new(5, 4);
        progress.sent(9);
        assert!(progress.is_paused());
        assert_eq!(progress.next, 5);
        progress.heartbeat_answered();
        assert!(!progress.is_paused());
    }

    #[test]
    fn replication_runs_ahead_until_the_window_is_full() {
        let mut progress = Progress::new(5, 2);
        progress.become_replicate();
        progress.sent(6);
        progress.sent(8);
        assert_eq!((progress.next, progress.is_paused()), (9, true));
        progress.heartbeat_answered();
        assert_eq!(progress.inflight(), 1);
    }

    #[test]
    fn a_refusal_of_something_already_matched_is_old() {
        let mut progress = Progress::new(5, 2);
        progress.maybe_update(6);
        progress.become_replicate();
        assert!(!progress.maybe_decrease(6, 3));
        assert!(progress.maybe_decrease(8, 3));
        assert_eq!(progress.next, 7);
    }

    #[test]
    fn a_probe_goes_back_to_the_hint_but_never_below_the_first_entry() {
        let mut progress = Progress::new(9, 2);
        assert!(!progress.maybe_decrease(3, 1));
        assert!(progress.maybe_decrease(8, 4));
        assert_eq!(progress.next, 5);
        assert!(progress.maybe_decrease(4, 0));
        assert_eq!(progress.next, 1);
        assert!(progress.maybe_decrease(0, 0));
        assert_eq!(progress.next, 1);
    }

    #[test]
    fn probing_resumes_behind_a_snapshot_that_arrived() {
        let mut progress = Progress::new(3, 2);
        progress.become_snapshot(20);
        assert!(progress.is_paused());
        progress.become_probe();
        assert_eq!(progress.next, 21);
    }
}
