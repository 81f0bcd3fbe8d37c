//! A member's view of itself, for `/health`, `MemberList`, metrics and tests.

use std::collections::{BTreeMap, BTreeSet};

use super::core::Raft;
use super::progress::Progress;
use super::ready::Role;
use super::storage::Storage;

/// A copy of the state that others ask about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// This member.
    pub id: u64,
    /// The current term.
    pub term: u64,
    /// Whom it voted for in this term, or [`super::NONE`].
    pub vote: u64,
    /// The highest index known to be committed.
    pub commit: u64,
    /// The highest index handed out and given back as applied.
    pub applied: u64,
    /// The index of its last entry, saved or not.
    pub last_index: u64,
    /// Its part.
    pub role: Role,
    /// The leader it follows, or [`super::NONE`].
    pub leader: u64,
    /// Where the leader hands its office over to, or [`super::NONE`].
    pub transferee: u64,
    /// Ticks until it campaigns without word from a leader, as last drawn.
    pub election_timeout: u32,
    /// What a leader knows of each member; empty in other roles.
    pub progress: BTreeMap<u64, Progress>,
    /// Who votes.
    pub voters: BTreeSet<u64>,
    /// Who only listens.
    pub learners: BTreeSet<u64>,
}

impl<S: Storage> Raft<S> {
    pub(super) fn status(&self) -> Status {
        let leads = self.role == Role::Leader;
        Status {
            id: self.id,
            term: self.term,
            vote: self.vote,
            commit: self.log.committed,
            applied: self.log.applied,
            last_index: self.log.last_index(),
            role: self.role,
            leader: self.leader,
            transferee: self.transferee,
            election_timeout: self.randomized_timeout,
            progress: if leads { self.tracker.progress.clone() } else { BTreeMap::new() },
            voters: self.tracker.voters.clone(),
            learners: self.tracker.learners.clone(),
        }
    }
}
