//! Raft, as etcd 3.1–3.4 runs it: a state machine that is told of time and messages and answers
//! with what to save, send and apply.
//!
//! There is no I/O, no clock and no generator in here. The caller ticks a [`RawNode`], steps
//! messages into it, and works off one [`Ready`] at a time: save its entries and hard state, send
//! its messages, apply its committed entries, then [`RawNode::advance`]. That shape (etcd's
//! `RawNode`) is what lets one core serve a real disk, a simulated one and a test that owns every
//! choice.
//!
//! | file | the idea |
//! |---|---|
//! | `raw_node`, `ready`, `status` | the surface |
//! | `inbound` | which messages are looked at |
//! | `core`, `step` | roles and terms; which message means what in which role |
//! | `election`, `transfer` | who leads |
//! | `replication`, `follower`, `progress`, `inflights` | how the log travels |
//! | `read_index` | reads without a log entry |
//! | `membership`, `tracker` | who counts |
//! | `log`, `unstable`, `storage`, `mem_storage` | where entries live |
//!
//! Terms and rules: Ongaro, "Consensus: Bridging Theory and Practice" (2014); the message set and
//! defaults are those of etcd 3.1–3.4. Two rules are newer, because they are safer or cheaper and
//! no client can tell: a leader counts itself only once its entries are saved (etcd 3.6; before,
//! a cluster of one could answer for an entry that a power cut then took, etcd#14370), and a
//! rejected append carries the term of its hint (etcd 3.5).

mod config;
mod core;
mod election;
mod follower;
mod inbound;
mod inflights;
mod log;
mod mem_storage;
mod membership;
mod progress;
mod raw_node;
mod read_index;
mod ready;
mod replication;
mod status;
mod step;
mod storage;
mod tracker;
mod transfer;
mod unstable;

pub use config::{Config, Jitter};
pub use mem_storage::MemStorage;
pub use progress::{Progress, ProgressState};
pub use raw_node::RawNode;
pub use ready::{ReadState, Ready, Role, SoftState};
pub use status::Status;
pub use storage::{Storage, StorageError};

/// The id that no member has: no leader, no vote, no addressee.
pub const NONE: u64 = 0;

/// Why a call on a [`RawNode`] had no effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no leader to take the proposal, or the leader is handing over its office.
    #[error("raft proposal dropped: no leader that accepts proposals")]
    ProposalDropped,
    /// A message that a member only ever sends to itself arrived from outside.
    #[error("raft message of type {0} is local and cannot come from a peer")]
    LocalMessage(i32),
    /// A response from a member that the configuration does not know.
    #[error("raft response from {0}, which is not a member")]
    UnknownPeer(u64),
    /// This member's log is not what it once acknowledged, or the leader's is not.
    #[error(
        "the log does not hold what was committed (up to {commit}, here {last}): it was lost or \
         is that of another member"
    )]
    LogLost {
        /// What is known to be committed.
        commit: u64,
        /// The last entry that agrees with it, as far as known.
        last: u64,
    },
    /// A message that no member could have sent.
    #[error("malformed raft message from {from}: {reason}")]
    Malformed {
        /// The sender as the message names it.
        from: u64,
        /// What was wrong, and what was expected.
        reason: &'static str,
    },
}
