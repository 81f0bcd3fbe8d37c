//! Handing leadership over: bring the successor up to date, then tell it to campaign at once.

use anatomy_proto::raftpb::{Message, MessageType};

use super::NONE;
use super::core::{Raft, message};
use super::storage::Storage;

impl<S: Storage> Raft<S> {
    /// Starts a transfer to `m.from`. Until it succeeds, or an election timeout passes, the leader
    /// drops proposals.
    pub(super) fn handle_transfer(&mut self, m: &Message) {
        let to = m.from;
        if !self.tracker.voters.contains(&to) || self.transferee == to {
            return;
        }
        self.transferee = NONE;
        if to == self.id {
            return;
        }
        self.election_elapsed = 0;
        self.transferee = to;
        if self.transferee_is_up_to_date() {
            self.send(message(MessageType::MsgTimeoutNow, to));
        } else {
            self.send_append(to);
        }
    }

    fn transferee_is_up_to_date(&self) -> bool {
        let progress = self.tracker.progress.get(&self.transferee);
        progress.is_some_and(|p| p.matched == self.log.last_index())
    }

    /// The successor acknowledged something: perhaps it is ready now.
    pub(super) fn continue_transfer(&mut self, from: u64) {
        if from == self.transferee && self.transferee_is_up_to_date() {
            self.send(message(MessageType::MsgTimeoutNow, from));
        }
    }
}
