//! What a member wants done.

use anatomy_proto::raftpb::{Entry, HardState, Message, Snapshot};
use bytes::Bytes;

/// What a member is at the moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Takes entries from a leader, or waits for one.
    #[default]
    Follower,
    /// Asks whether an election could be won.
    PreCandidate,
    /// Asks for votes.
    Candidate,
    /// Takes proposals and replicates them.
    Leader,
}

/// What a member believes, and would not remember after a restart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SoftState {
    /// The leader, or [`super::NONE`].
    pub leader: u64,
    /// This member's part.
    pub role: Role,
}

/// The answer to a [`super::RawNode::read_index`]: once the caller's state machine has applied
/// `index`, it may answer the reads that were waiting under `ctx`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadState {
    /// The commit index when the leader took the request.
    pub index: u64,
    /// What the caller named the request.
    pub ctx: Bytes,
}

/// One portion of work. In this order: save `snapshot`, `entries` and `hard_state` (synced if
/// `must_sync`), send `messages`, install the snapshot in the state machine, apply
/// `committed_entries` (membership changes through [`super::RawNode::apply_conf_change`]), then
/// give it back to [`super::RawNode::advance`].
///
/// A leader's messages need not wait for the disk (`messages_may_precede_sync`): it counts itself
/// only on `advance`. Every other role must save first, since its messages promise what it saved.
#[derive(Debug, Default, PartialEq)]
#[must_use]
pub struct Ready {
    /// Leader and role, if they changed.
    pub soft_state: Option<SoftState>,
    /// Term, vote and commit index to save, if they changed.
    pub hard_state: Option<HardState>,
    /// Entries to save; they replace saved ones from the first index on.
    pub entries: Vec<Entry>,
    /// A snapshot to save and install, before `entries`.
    pub snapshot: Option<Snapshot>,
    /// Entries to apply. All of them are saved by this member already.
    pub committed_entries: Vec<Entry>,
    /// Messages to send. Losing one is no error, only time: say so with
    /// [`super::RawNode::report_unreachable`], and [`super::RawNode::report_snapshot`] for snapshots.
    pub messages: Vec<Message>,
    /// Reads that may be answered.
    pub read_states: Vec<ReadState>,
    /// Whether what is saved must be durable before the messages leave; false if only the commit
    /// index changed.
    pub must_sync: bool,
    /// Whether messages may leave while this is being saved (Ongaro 2014, section 10.2.1).
    pub messages_may_precede_sync: bool,
}
