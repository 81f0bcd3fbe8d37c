//! The side of the log that takes: appends, heartbeats and snapshots of a leader.

use anatomy_proto::raftpb::{Message, MessageType, Snapshot};

use super::core::{Raft, message};
use super::ready::Role;
use super::storage::Storage;
use super::tracker::Tracker;

impl<S: Storage> Raft<S> {
    pub(super) fn handle_append(&mut self, m: &Message) {
        let mut answer = message(MessageType::MsgAppResp, m.from);
        if m.index < self.log.committed {
            answer.index = self.log.committed; // an old message, or a leader that starts to probe
        } else if let Some(last) = self.log.maybe_append(m.index, m.log_term, m.commit, &m.entries)
        {
            answer.index = last;
        } else {
            let shared = m.index.min(self.log.last_index());
            let (hint, term) = self.log.conflict_by_term(shared, m.log_term);
            answer.index = m.index;
            answer.reject = true;
            answer.reject_hint = hint;
            answer.log_term = term.unwrap_or(0);
        }
        self.send(answer);
    }

    pub(super) fn handle_heartbeat(&mut self, m: Message) {
        self.log.commit_to(m.commit);
        let answer = message(MessageType::MsgHeartbeatResp, m.from);
        self.send(Message { context: m.context, ..answer });
    }

    pub(super) fn handle_snapshot(&mut self, m: Message) {
        let restored = self.restore(m.snapshot.unwrap_or_default());
        let index = if restored { self.log.last_index() } else { self.log.committed };
        self.send(Message { index, ..message(MessageType::MsgAppResp, m.from) });
    }

    /// Replaces log and membership by a snapshot; false if it has nothing new.
    fn restore(&mut self, snapshot: Snapshot) -> bool {
        let Some(metadata) = snapshot.metadata.clone() else { return false };
        let (index, term) = (metadata.index, metadata.term);
        if index < self.log.committed || self.role != Role::Follower {
            return false;
        }
        let conf = metadata.conf_state.unwrap_or_default();
        if !conf.nodes.contains(&self.id) && !conf.learners.contains(&self.id) {
            return false;
        }
        if self.log.matches(index, term) {
            self.log.commit_to(index); // it has the entries already
            return false;
        }
        self.log.restore(index, snapshot);
        self.tracker = Tracker::new(&conf, index + 1, self.config.max_inflight_msgs);
        tracing::info!(
            kind = "raft.snapshot.restored",
            member = %format_args!("{:x}", self.id),
            index,
            term,
            "{:x} restores a raft snapshot at index {index}",
            self.id
        );
        true
    }
}
