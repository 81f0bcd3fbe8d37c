//! The surface: what a program does with a member.

use anatomy_proto::raftpb::{
    ConfChange, ConfState, Entry, EntryType, HardState, Message, MessageType,
};
use bytes::Bytes;
use prost::Message as _;

use super::config::{Config, Jitter};
use super::core::{Raft, message};
use super::ready::{Ready, Role, SoftState};
use super::status::Status;
use super::storage::Storage;
use super::{Error, NONE};
use crate::defects::Defect;

/// One member. It never blocks and never calls back; see [`Ready`] for the loop around it.
pub struct RawNode<S: Storage> {
    raft: Raft<S>,
    soft_state: SoftState,
    hard_state: HardState,
    /// A [`Ready`] is out and has not come back.
    outstanding: bool,
}

impl<S: Storage> RawNode<S> {
    /// Starts, or restarts, from what `storage` holds. A first start needs a membership there.
    ///
    /// # Panics
    /// When the settings contradict each other, or the storage does (a commit index beyond its
    /// last entry).
    pub fn new(config: Config, storage: S, jitter: Box<dyn Jitter>) -> Self {
        let raft = Raft::new(config, storage, jitter);
        let (soft_state, hard_state) = (raft.soft_state(), raft.hard_state());
        Self { raft, soft_state, hard_state, outstanding: false }
    }

    /// One tick of the caller's clock has passed.
    pub fn tick(&mut self) {
        self.raft.tick();
    }

    /// Campaigns now, whatever the clock says.
    pub fn campaign(&mut self) {
        self.local(message(MessageType::MsgHup, NONE));
    }

    /// Proposes data for the log. Success is no promise: whether it gets in shows when it comes
    /// back among the committed entries.
    pub fn propose(&mut self, data: Bytes) -> Result<(), Error> {
        self.propose_entry(Entry { data, ..Default::default() })
    }

    /// Proposes a membership change. It comes back as an entry of type conf change, or as an empty
    /// one if another change was waiting.
    pub fn propose_conf_change(&mut self, change: &ConfChange) -> Result<(), Error> {
        let data = change.encode_to_vec().into();
        let r#type = EntryType::EntryConfChange.into();
        self.propose_entry(Entry { data, r#type, ..Default::default() })
    }

    fn propose_entry(&mut self, entry: Entry) -> Result<(), Error> {
        let proposal = message(MessageType::MsgProp, NONE);
        self.raft.step(Message { from: self.raft.id, entries: vec![entry], ..proposal })
    }

    /// Puts a committed membership change into effect; before the [`Ready`] that held it is
    /// advanced. A change that the caller rejects is applied with `node_id` 0.
    pub fn apply_conf_change(&mut self, change: &ConfChange) -> ConfState {
        self.raft.apply_conf_change(change)
    }

    /// Takes a message from a peer.
    ///
    /// # Errors
    /// Why it had no effect. [`Error::LogLost`] is for good: this member must not go on.
    pub fn step(&mut self, m: Message) -> Result<(), Error> {
        self.raft.inspect(&m)?;
        self.raft.step(m)
    }

    /// A message of this member to itself: nothing to report.
    fn local(&mut self, m: Message) {
        let taken = self.raft.step(m);
        debug_assert!(taken.is_ok(), "local messages are never refused: {taken:?}");
    }

    /// Whether [`RawNode::ready`] has something to do. Never while one is outstanding.
    pub fn has_ready(&self) -> bool {
        let raft = &self.raft;
        !self.outstanding
            && (!raft.messages.is_empty()
                || !raft.read_states.is_empty()
                || !raft.log.unstable.entries.is_empty()
                || raft.log.unstable.snapshot.is_some()
                || raft.log.has_committed_entries()
                || raft.soft_state() != self.soft_state
                || raft.hard_state() != self.hard_state)
    }

    /// Takes the work that has come up. Ticks and messages may go on while it is being done, but
    /// the next one is handed out only after [`RawNode::advance`].
    ///
    /// # Panics
    /// When the last one has not been advanced.
    pub fn ready(&mut self) -> Ready {
        assert!(!self.outstanding, "the last Ready has not been advanced");
        self.outstanding = true;
        let (soft_state, hard_state) = (self.raft.soft_state(), self.raft.hard_state());
        let promised = (hard_state.term, hard_state.vote);
        let new_promise = promised != (self.hard_state.term, self.hard_state.vote);
        let raft = &mut self.raft;
        let defects = raft.config.defects;
        let entries = raft.log.unstable.entries.clone();
        let snapshot = raft.log.unstable.snapshot.clone();
        let ready = Ready {
            soft_state: (soft_state != self.soft_state).then_some(soft_state),
            hard_state: (hard_state != self.hard_state).then_some(hard_state),
            must_sync: (new_promise && !defects.has(Defect::VoteNotSynced))
                || (!entries.is_empty() && !defects.has(Defect::AcknowledgedBeforeSync))
                || snapshot.is_some(),
            messages_may_precede_sync: raft.role == Role::Leader && !new_promise,
            entries,
            snapshot,
            committed_entries: raft.log.committed_entries(),
            messages: std::mem::take(&mut raft.messages),
            read_states: std::mem::take(&mut raft.read_states),
        };
        (self.soft_state, self.hard_state) = (soft_state, hard_state);
        ready
    }

    /// Everything in `ready` is saved, sent and applied.
    pub fn advance(&mut self, ready: Ready) {
        assert!(std::mem::take(&mut self.outstanding), "no Ready was outstanding");
        let log = &mut self.raft.log;
        if let Some(metadata) = ready.snapshot.and_then(|s| s.metadata) {
            log.unstable.snapshot_saved(metadata.index);
            log.applied = log.applied.max(metadata.index);
        }
        if let Some(last) = ready.entries.last() {
            log.unstable.entries_saved(last.index, last.term);
        }
        if let Some(last) = ready.committed_entries.last() {
            log.applied = log.applied.max(last.index);
        }
        if self.raft.role == Role::Leader {
            self.raft.entries_saved();
        }
    }

    /// Asks at which index a linearizable read may be served; the answer is a
    /// [`super::ReadState`] with the same `ctx`. Without a leader, or with one that has not
    /// committed in its term, there is none: ask again later. `ctx` must be unique and not empty.
    pub fn read_index(&mut self, ctx: Bytes) {
        let entries = vec![Entry { data: ctx, ..Default::default() }];
        self.local(Message { entries, ..message(MessageType::MsgReadIndex, NONE) });
    }

    /// Asks the leader to hand over to `to`.
    pub fn transfer_leader(&mut self, to: u64) {
        self.local(Message { from: to, ..message(MessageType::MsgTransferLeader, NONE) });
    }

    /// The transport could not deliver to `id`.
    pub fn report_unreachable(&mut self, id: u64) {
        self.local(Message { from: id, ..message(MessageType::MsgUnreachable, NONE) });
    }

    /// The snapshot to `id` was sent, or could not be. Every `MsgSnap` needs this report.
    pub fn report_snapshot(&mut self, id: u64, ok: bool) {
        let report = message(MessageType::MsgSnapStatus, NONE);
        self.local(Message { from: id, reject: !ok, ..report });
    }

    /// A copy of what others ask about.
    pub fn status(&self) -> Status {
        self.raft.status()
    }
}
