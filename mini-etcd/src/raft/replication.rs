//! A leader's side of the log: append, send, count.

use anatomy_proto::raftpb::{Entry, Message, MessageType, Snapshot};
use bytes::Bytes;

use super::Error;
use super::core::{Raft, message};
use super::progress::ProgressState;
use super::storage::Storage;
use crate::defects::Defect;

impl<S: Storage> Raft<S> {
    /// Gives entries their term and index and puts them at the end of the log. They count for
    /// this leader once they are saved ([`Raft::entries_saved`]).
    pub(super) fn append_entries(&mut self, mut entries: Vec<Entry>) {
        let first = self.log.last_index() + 1;
        for (index, entry) in (first..).zip(&mut entries) {
            (entry.term, entry.index) = (self.term, index);
        }
        self.log.append(&entries);
    }

    pub(super) fn handle_proposal(&mut self, mut entries: Vec<Entry>) -> Result<(), Error> {
        let member = self.tracker.progress.contains_key(&self.id);
        if !member || self.transferee != super::NONE {
            return Err(Error::ProposalDropped);
        }
        self.admit_conf_changes(&mut entries);
        self.append_entries(entries);
        self.broadcast_append();
        Ok(())
    }

    /// The caller has saved this leader's log up to [`super::log::RaftLog::stable_index`].
    pub(super) fn entries_saved(&mut self) {
        let saved = self.log.stable_index();
        let own = self.tracker.progress.get_mut(&self.id);
        if own.is_some_and(|own| own.maybe_update(saved)) && self.maybe_commit() {
            self.broadcast_append();
        }
    }

    pub(super) fn maybe_commit(&mut self) -> bool {
        let index = self.tracker.quorum_index();
        let term = match self.config.defects.has(Defect::OlderTermCommitted) {
            true => self.log.term(index).unwrap_or(self.term),
            false => self.term,
        };
        self.log.maybe_commit(index, term)
    }

    pub(super) fn broadcast_append(&mut self) {
        for to in self.tracker.peers(self.id) {
            self.send_append(to);
        }
    }

    /// Sends the next entries, or an empty append that carries the commit index.
    pub(super) fn send_append(&mut self, to: u64) {
        self.maybe_send_append(to, true);
    }

    /// Sends what the member lacks if it may be sent; false if nothing was.
    pub(super) fn maybe_send_append(&mut self, to: u64, allow_empty: bool) -> bool {
        let Some(progress) = self.tracker.progress.get_mut(&to) else { return false };
        if progress.is_paused() {
            return false;
        }
        let before = progress.next - 1;
        let (term, entries) =
            (self.log.term(before), self.log.entries(progress.next, self.config.max_size_per_msg));
        let nothing = entries.as_ref().map_or(true, Vec::is_empty);
        if nothing && !allow_empty {
            return false;
        }
        let mut m = message(MessageType::MsgApp, to);
        match (term, entries) {
            (Ok(term), Ok(entries)) => {
                if let Some(last) = entries.last() {
                    progress.sent(last.index);
                }
                (m.index, m.log_term, m.entries) = (before, term, entries);
                m.commit = self.log.committed;
            }
            _ if !progress.recent_active => return false, // it could not take a snapshot
            _ => {
                let Some((index, snapshot)) = self.snapshot_to_send() else { return false };
                let progress = self.tracker.progress.get_mut(&to).expect("found above");
                progress.become_snapshot(index);
                m.set_type(MessageType::MsgSnap);
                m.snapshot = Some(snapshot);
            }
        }
        self.send(m);
        true
    }

    fn snapshot_to_send(&self) -> Option<(u64, Snapshot)> {
        let snapshot = self.log.store.snapshot().ok()?;
        let index = snapshot.metadata.as_ref().map_or(0, |m| m.index);
        assert_ne!(index, 0, "entries were compacted without a snapshot");
        Some((index, snapshot))
    }

    /// The commit index in a heartbeat is what the member is known to have: it must not commit
    /// what it may hold in another version.
    pub(super) fn broadcast_heartbeat(&mut self, ctx: Bytes) {
        for to in self.tracker.peers(self.id) {
            let matched = self.tracker.progress.get(&to).map_or(0, |p| p.matched);
            let heartbeat = message(MessageType::MsgHeartbeat, to);
            let commit = matched.min(self.log.committed);
            self.send(Message { commit, context: ctx.clone(), ..heartbeat });
        }
    }

    pub(super) fn handle_append_response(&mut self, m: &Message) {
        let hint = match m.reject && m.log_term > 0 {
            true => self.log.conflict_by_term(m.reject_hint, m.log_term).0,
            false => m.reject_hint,
        };
        let Some(progress) = self.tracker.progress.get_mut(&m.from) else { return };
        progress.recent_active = true;
        if m.reject {
            if progress.maybe_decrease(m.index, hint) {
                if progress.state == ProgressState::Replicate {
                    progress.become_probe();
                }
                self.send_append(m.from);
            }
            return;
        }
        let was_paused = progress.is_paused();
        if !progress.maybe_update(m.index) {
            return;
        }
        match progress.state {
            ProgressState::Probe => progress.become_replicate(),
            ProgressState::Snapshot if progress.snapshot_caught_up() => progress.become_probe(),
            ProgressState::Snapshot => {}
            ProgressState::Replicate => progress.free_inflights_to(m.index),
        }
        if self.maybe_commit() {
            self.broadcast_append();
        } else if was_paused {
            self.send_append(m.from); // the commit index may be news to it
        }
        while self.maybe_send_append(m.from, false) {}
        self.continue_transfer(m.from);
    }

    pub(super) fn handle_heartbeat_response(&mut self, m: &Message) {
        let last = self.log.last_index();
        let Some(progress) = self.tracker.progress.get_mut(&m.from) else { return };
        progress.heartbeat_answered();
        if progress.matched < last {
            self.send_append(m.from);
        }
        if !m.context.is_empty() {
            self.acknowledge_read(m.from, &m.context);
        }
    }

    /// The transport's word on a snapshot. Either way the member's own answer, or the next
    /// heartbeat, decides how to go on.
    pub(super) fn handle_snapshot_status(&mut self, m: &Message) {
        let Some(progress) = self.tracker.progress.get_mut(&m.from) else { return };
        if progress.state != ProgressState::Snapshot {
            return;
        }
        if m.reject {
            progress.pending_snapshot = 0;
        }
        progress.become_probe();
        progress.paused = true;
    }

    /// The transport could not deliver: what was sent ahead is probably lost.
    pub(super) fn handle_unreachable(&mut self, m: &Message) {
        if let Some(progress) = self.tracker.progress.get_mut(&m.from)
            && progress.state == ProgressState::Replicate
        {
            progress.become_probe();
        }
    }
}
