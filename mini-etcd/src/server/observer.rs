//! Watching a member from inside: what it saves, sends and applies, in the order in which it does.
//!
//! Whoever wants to hold a running member against Raft's promises needs to see more than its
//! clients and its peers do: what was durable when a message left, and what its log held when it
//! started again. An observer is told, and can change nothing.

use anatomy_proto::raftpb::{ConfState, Entry, HardState, Message, SnapshotMetadata};

use crate::raft::Status;

/// What a member does.
#[derive(Debug)]
pub enum Observation<'a> {
    /// It begins, with what its disk holds.
    Started {
        /// Term, vote and commit index.
        hard_state: HardState,
        /// The last snapshot: index, term, members.
        snapshot: SnapshotMetadata,
        /// The entries after the snapshot (and some before it).
        log: Vec<Entry>,
        /// The last index that its state has.
        applied: u64,
    },
    /// It begins to save this, in this order.
    Saving {
        /// A snapshot that replaces the log.
        snapshot: Option<&'a SnapshotMetadata>,
        /// Entries; they replace what there was from the first index on.
        entries: &'a [Entry],
        /// Term, vote and commit index.
        hard_state: Option<&'a HardState>,
    },
    /// What it began to save is durable.
    Saved,
    /// These messages leave.
    Sent(&'a [Message]),
    /// It has applied an entry.
    Applied {
        /// The entry.
        entry: &'a Entry,
        /// The store's revision after it.
        revision: i64,
        /// The members after it.
        members: &'a ConfState,
    },
    /// It has done what there was to do.
    Turned(&'a Status),
}

/// Who is told what members do.
pub trait Observer: Send + Sync {
    /// The member with this id does this.
    fn observe(&self, member: u64, what: Observation<'_>);
}

impl std::fmt::Debug for dyn Observer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Observer")
    }
}
