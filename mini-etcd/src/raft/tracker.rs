//! Who is a member, who votes, and what a majority of them has said or saved.

use std::collections::{BTreeMap, BTreeSet};

use anatomy_proto::raftpb::ConfState;

use super::progress::Progress;

/// The membership with a [`Progress`] for each member, this one included.
#[derive(Debug, Default)]
pub(super) struct Tracker {
    pub(super) voters: BTreeSet<u64>,
    pub(super) learners: BTreeSet<u64>,
    pub(super) progress: BTreeMap<u64, Progress>,
    votes: BTreeMap<u64, bool>,
    max_inflight: usize,
}

/// How an election stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tally {
    Won,
    Lost,
    Open,
}

impl Tracker {
    pub(super) fn new(conf: &ConfState, next: u64, max_inflight: usize) -> Self {
        let mut tracker = Self { max_inflight, ..Self::default() };
        for &id in &conf.nodes {
            tracker.add_voter(id, next);
        }
        for &id in &conf.learners {
            tracker.add_learner(id, next);
        }
        tracker
    }

    /// Adds a voter, or promotes a learner.
    pub(super) fn add_voter(&mut self, id: u64, next: u64) {
        self.learners.remove(&id);
        self.voters.insert(id);
        self.track(id, next);
    }

    /// Adds a learner; a voter is demoted (etcd's server never asks for that).
    pub(super) fn add_learner(&mut self, id: u64, next: u64) {
        self.voters.remove(&id);
        self.learners.insert(id);
        self.track(id, next);
    }

    /// A new member counts as recently active: otherwise a quorum check could unseat the leader
    /// before the member had a chance to answer.
    fn track(&mut self, id: u64, next: u64) {
        self.progress.entry(id).or_insert_with(|| {
            let mut progress = Progress::new(next, self.max_inflight);
            progress.recent_active = true;
            progress
        });
    }

    pub(super) fn remove(&mut self, id: u64) {
        self.voters.remove(&id);
        self.learners.remove(&id);
        self.progress.remove(&id);
    }

    pub(super) fn conf_state(&self) -> ConfState {
        ConfState {
            nodes: self.voters.iter().copied().collect(),
            learners: self.learners.iter().copied().collect(),
        }
    }

    pub(super) fn peers(&self, own: u64) -> Vec<u64> {
        self.progress.keys().copied().filter(|&id| id != own).collect()
    }

    /// Only the voters of `ids` count. Without voters there is no quorum.
    pub(super) fn has_quorum(&self, ids: &BTreeSet<u64>) -> bool {
        ids.intersection(&self.voters).count() > self.voters.len() / 2
    }

    /// The highest index that a quorum has saved.
    pub(super) fn quorum_index(&self) -> u64 {
        let matched = |id| self.progress.get(id).map_or(0, |p: &Progress| p.matched);
        let mut saved: Vec<u64> = self.voters.iter().map(matched).collect();
        saved.sort_unstable_by(|a, b| b.cmp(a));
        saved.get(saved.len() / 2).copied().unwrap_or(0)
    }

    /// Whether a quorum was heard from since the last call; forgets what was heard.
    pub(super) fn quorum_recently_active(&mut self, own: u64) -> bool {
        let mut active = BTreeSet::new();
        for (&id, progress) in &mut self.progress {
            if id == own || progress.recent_active {
                active.insert(id);
            }
            progress.recent_active = id == own;
        }
        self.has_quorum(&active)
    }

    pub(super) fn reset_votes(&mut self) {
        self.votes.clear();
    }

    /// Notes an answer to this member's candidacy; the first one of each voter counts.
    pub(super) fn record_vote(&mut self, id: u64, granted: bool) -> Tally {
        self.votes.entry(id).or_insert(granted);
        let count = |what| {
            self.votes.iter().filter(|(id, v)| self.voters.contains(id) && **v == what).count()
        };
        let missing = self.voters.len() - count(true) - count(false);
        let quorum = self.voters.len() / 2 + 1;
        if count(true) >= quorum {
            Tally::Won
        } else if count(true) + missing >= quorum {
            Tally::Open
        } else {
            Tally::Lost
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tracker(voters: &[u64], learners: &[u64]) -> Tracker {
        let conf = ConfState { nodes: voters.to_vec(), learners: learners.to_vec() };
        Tracker::new(&conf, 1, 4)
    }

    #[test]
    fn what_a_majority_has_is_committed() {
        for (matched, quorum) in [
            (vec![7], 7),
            (vec![7, 3], 3),
            (vec![7, 3, 5], 5),
            (vec![7, 3, 5, 4], 4),
            (vec![9, 9, 1, 2, 3], 3),
        ] {
            let ids: Vec<u64> = (1..=matched.len() as u64).collect();
            let mut tracker = tracker(&ids, &[99]);
            tracker.progress.get_mut(&99).unwrap().matched = 100;
            for (id, &index) in ids.iter().zip(&matched) {
                tracker.progress.get_mut(id).unwrap().matched = index;
            }
            assert_eq!(tracker.quorum_index(), quorum, "{matched:?}");
        }
    }

    #[test]
    fn an_election_is_lost_once_a_majority_cannot_be_reached() {
        let mut tracker = tracker(&[1, 2, 3, 4], &[]);
        assert_eq!(tracker.record_vote(1, true), Tally::Open);
        assert_eq!(tracker.record_vote(2, false), Tally::Open);
        assert_eq!(tracker.record_vote(3, false), Tally::Lost);
    }

    #[test]
    fn learners_do_not_count() {
        let mut tracker = tracker(&[1, 2, 3], &[4, 5]);
        assert_eq!(tracker.record_vote(1, true), Tally::Open);
        assert_eq!(tracker.record_vote(4, true), Tally::Open);
        assert!(!tracker.has_quorum(&BTreeSet::from([1, 4, 5])));
        assert!(tracker.has_quorum(&BTreeSet::from([1, 3])));
    }

    #[test]
    fn nobody_is_no_quorum() {
        let tracker = tracker(&[], &[1]);
        assert!(!tracker.has_quorum(&BTreeSet::from([1])));
        assert_eq!(tracker.quorum_index(), 0);
    }
}
