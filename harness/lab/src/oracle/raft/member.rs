//! What a member has on its disk and believes, as far as was heard.

use std::collections::{BTreeMap, BTreeSet};

use anatomy_proto::raftpb::{Entry, EntryType, HardState};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// What tells an entry from others at its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub term: u64,
    hash: u64,
    /// Whether it changes the members.
    pub change: bool,
}

impl Identity {
    pub fn of(entry: &Entry) -> Self {
        let hash = xxh3_64_with_seed(&entry.data, entry.r#type as u64);
        let change = entry.r#type() == EntryType::EntryConfChange;
        Identity { term: entry.term, hash, change }
    }
}

/// A member.
#[derive(Clone, Debug, Default)]
pub(super) struct Member {
    /// What is durable.
    pub disk: Disk,
    /// What it has begun to save.
    pub saving: Option<Change>,
    /// What it said last: commit index, and the term that it led.
    pub commit: u64,
    pub leads: Option<u64>,
    /// The last index that it applied.
    pub applied: u64,
    /// The voters that it counted since it was heard last.
    pub counted: Vec<BTreeSet<u64>>,
}

/// A disk.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    pub hard_state: HardState,
    /// Index and term of the last entry that the snapshot stands for.
    pub snapshot: (u64, u64),
    pub log: BTreeMap<u64, Identity>,
}

/// What is to come onto a disk.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub snapshot: Option<(u64, u64)>,
    pub entries: Vec<(u64, Identity)>,
    pub hard_state: Option<HardState>,
}

impl Change {
    /// The first index that it changes.
    pub fn first(&self) -> u64 {
        let entry = self.entries.first().map_or(u64::MAX, |(index, _)| *index);
        if self.snapshot.is_some() { 0 } else { entry }
    }
}

impl Disk {
    /// Whether an entry is there. What the snapshot stands for is, whatever its term was.
    pub fn has(&self, index: u64, term: u64) -> bool {
        index <= self.snapshot.0 || self.log.get(&index).is_some_and(|entry| entry.term == term)
    }

    pub fn last_index(&self) -> u64 {
        self.log.last_key_value().map_or(0, |(index, _)| *index).max(self.snapshot.0)
    }

    pub fn take(&mut self, change: Change) {
        if let Some(snapshot) = change.snapshot {
            self.snapshot = snapshot;
            // The log goes on after the snapshot, or anew.
            self.log = self.log.split_off(&(snapshot.0 + 1));
        }
        if let Some((first, _)) = change.entries.first() {
            self.log.split_off(first);
        }
        self.log.extend(change.entries);
        self.hard_state = change.hard_state.unwrap_or(self.hard_state);
    }
}

/// Entries by index.
pub(super) fn identities(entries: &[Entry]) -> Vec<(u64, Identity)> {
    entries.iter().map(|entry| (entry.index, Identity::of(entry))).collect()
}
