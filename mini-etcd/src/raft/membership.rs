//! Membership changes, one member at a time.
//!
//! A change takes effect when it is applied, not when it is appended, as in etcd. Two majorities
//! that differ by one member overlap; that is all the safety there is, so a leader takes no second
//! change while one may be waiting in its log.

use anatomy_proto::raftpb::{ConfChange, ConfChangeType, ConfState, Entry, EntryType};

use super::NONE;
use super::core::Raft;
use super::ready::Role;
use super::storage::Storage;
use crate::defects::Defect;

impl<S: Storage> Raft<S> {
    /// Turns membership changes that come too early into empty entries, so that the log keeps its
    /// order and the proposer's wait ends.
    pub(super) fn admit_conf_changes(&mut self, entries: &mut [Entry]) {
        let first = self.log.last_index() + 1;
        for (index, entry) in (first..).zip(entries) {
            if entry.r#type() != EntryType::EntryConfChange {
                continue;
            }
            let one_at_a_time = !self.config.defects.has(Defect::TwoMembershipChanges);
            if one_at_a_time && self.pending_conf_index > self.log.applied {
                tracing::debug!(
                    kind = "raft.conf-change.refused",
                    member = %format_args!("{:x}", self.id),
                    pending = self.pending_conf_index,
                    applied = self.log.applied,
                    "membership change refused: another may be waiting"
                );
                *entry = Entry::default();
            } else {
                self.pending_conf_index = index;
            }
        }
    }

    /// Applies a committed change. Node 0 stands for a change that the caller rejected.
    pub(super) fn apply_conf_change(&mut self, change: &ConfChange) -> ConfState {
        // A new member is probed with the last entry first; it will say how much it lacks.
        let next = self.log.last_index().max(1);
        let id = change.node_id;
        if id != NONE {
            match change.r#type() {
                ConfChangeType::ConfChangeAddNode => self.tracker.add_voter(id, next),
                ConfChangeType::ConfChangeAddLearnerNode => self.tracker.add_learner(id, next),
                ConfChangeType::ConfChangeRemoveNode => self.tracker.remove(id),
                ConfChangeType::ConfChangeUpdateNode => {}
            }
        }
        self.membership_changed();
        self.tracker.conf_state()
    }

    fn membership_changed(&mut self) {
        if self.role != Role::Leader {
            return;
        }
        if self.tracker.voters.is_empty() {
            self.become_follower(self.term, NONE);
            return;
        }
        // A leader that was removed goes on until its server stops, as in etcd: who is left may know
        // of its removal as an entry only, and from nobody else learns that it is committed.
        if self.maybe_commit() {
            self.broadcast_append();
        } else {
            for to in self.tracker.peers(self.id) {
                self.maybe_send_append(to, false);
            }
        }
        self.recheck_reads();
        if !self.tracker.voters.contains(&self.transferee) {
            self.transferee = NONE;
        }
    }
}
