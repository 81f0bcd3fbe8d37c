//! A [`Storage`] in memory: the log cache of a member beside its WAL, and the disk of tests.
//!
//! A clone is a second handle to the same storage: the core holds one to read, the caller another
//! to write.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anatomy_proto::raftpb::{ConfState, Entry, HardState, Snapshot, SnapshotMetadata};
use bytes::Bytes;

use super::storage::{Storage, StorageError, limit_size};

/// Entries after a snapshot, the hard state, and the snapshot.
#[derive(Debug, Clone, Default)]
pub struct MemStorage(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    hard_state: HardState,
    snapshot: Snapshot,
    /// Index and term of what precedes `entries[0]`: the last compacted entry.
    base: (u64, u64),
    entries: Vec<Entry>,
}

impl MemStorage {
    /// Storage of a member that starts with a known membership and an empty log.
    pub fn with_members(conf: ConfState) -> Self {
        let storage = Self::default();
        storage.lock().snapshot.metadata =
            Some(SnapshotMetadata { conf_state: Some(conf), index: 0, term: 0 });
        storage
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds entries, replacing saved ones from the first index on; already compacted ones are
    /// skipped.
    ///
    /// # Panics
    /// When there is a gap between what is saved and `entries`.
    pub fn append(&self, entries: &[Entry]) {
        let mut inner = self.lock();
        let skip = entries.iter().take_while(|e| e.index <= inner.base.0).count();
        let Some(first) = entries.get(skip) else { return };
        let keep = usize::try_from(first.index - inner.base.0 - 1).expect("log fits in memory");
        let (index, last) = (first.index, inner.last_index());
        assert!(keep <= inner.entries.len(), "gap in the log: {index} after {last}");
        inner.entries.truncate(keep);
        inner.entries.extend_from_slice(&entries[skip..]);
    }

    /// Replaces everything by a snapshot that came from a leader.
    pub fn apply_snapshot(&self, snapshot: Snapshot) -> Result<(), StorageError> {
        let mut inner = self.lock();
        let (index, term) = position(&snapshot);
        if index <= position(&inner.snapshot).0 {
            return Err(StorageError::SnapshotOutOfDate);
        }
        inner.base = (index, term);
        inner.entries.clear();
        inner.snapshot = snapshot;
        Ok(())
    }

    /// Saves term, vote and commit index.
    pub fn set_hard_state(&self, hard_state: HardState) {
        self.lock().hard_state = hard_state;
    }

    /// Makes a snapshot of the state machine at `index`, with the membership applied by then. It
    /// becomes what [`Storage::snapshot`] returns; entries stay until [`MemStorage::compact`].
    pub fn create_snapshot(
        &self,
        index: u64,
        conf: ConfState,
        data: Bytes,
    ) -> Result<Snapshot, StorageError> {
        let mut inner = self.lock();
        if index <= position(&inner.snapshot).0 {
            return Err(StorageError::SnapshotOutOfDate);
        }
        let term = inner.term(index)?;
        let metadata = Some(SnapshotMetadata { conf_state: Some(conf), index, term });
        inner.snapshot = Snapshot { data, metadata };
        Ok(inner.snapshot.clone())
    }

    /// Forgets entries up to and including `index`. Only what a snapshot covers may go.
    pub fn compact(&self, index: u64) -> Result<(), StorageError> {
        let mut inner = self.lock();
        if index <= inner.base.0 {
            return Err(StorageError::Compacted);
        }
        let term = inner.term(index)?;
        let gone = usize::try_from(index - inner.base.0).expect("log fits in memory");
        inner.entries.drain(..gone);
        inner.base = (index, term);
        Ok(())
    }
}

fn position(snapshot: &Snapshot) -> (u64, u64) {
    snapshot.metadata.as_ref().map_or((0, 0), |m| (m.index, m.term))
}

impl Inner {
    fn last_index(&self) -> u64 {
        self.base.0 + self.entries.len() as u64
    }

    fn term(&self, index: u64) -> Result<u64, StorageError> {
        let Some(offset) = index.checked_sub(self.base.0) else {
            return Err(StorageError::Compacted);
        };
        if offset == 0 {
            return Ok(self.base.1);
        }
        let offset = usize::try_from(offset - 1).map_err(|_| StorageError::Unavailable)?;
        self.entries.get(offset).map(|e| e.term).ok_or(StorageError::Unavailable)
    }
}

impl Storage for MemStorage {
    fn initial_state(&self) -> (HardState, ConfState) {
        let inner = self.lock();
        let conf = inner.snapshot.metadata.as_ref().and_then(|m| m.conf_state.clone());
        (inner.hard_state, conf.unwrap_or_default())
    }

    fn entries(&self, lo: u64, hi: u64, max_size: u64) -> Result<Vec<Entry>, StorageError> {
        let inner = self.lock();
        if lo <= inner.base.0 {
            return Err(StorageError::Compacted);
        }
        if hi > inner.last_index() + 1 || lo > hi {
            return Err(StorageError::Unavailable);
        }
        let at = |i: u64| usize::try_from(i - inner.base.0 - 1).expect("log fits in memory");
        let mut entries = inner.entries[at(lo)..at(hi)].to_vec();
        limit_size(&mut entries, max_size);
        Ok(entries)
    }

    fn term(&self, index: u64) -> Result<u64, StorageError> {
        self.lock().term(index)
    }

    fn first_index(&self) -> u64 {
        self.lock().base.0 + 1
    }

    fn last_index(&self) -> u64 {
        self.lock().last_index()
    }

    fn snapshot(&self) -> Result<Snapshot, StorageError> {
        Ok(self.lock().snapshot.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(index: u64, term: u64) -> Entry {
        Entry { index, term, ..Default::default() }
    }

    fn filled() -> MemStorage {
        let storage = MemStorage::default();
        storage.append(&[entry(1, 1), entry(2, 1), entry(3, 2), entry(4, 2)]);
        storage
    }

    #[test]
    fn appending_replaces_the_tail_from_the_first_new_index() {
        let storage = filled();
        storage.append(&[entry(3, 5)]);
        assert_eq!((storage.last_index(), storage.term(3)), (3, Ok(5)));
    }

    #[test]
    fn a_compacted_log_still_knows_the_term_before_its_first_entry() {
        let storage = filled();
        storage.compact(3).unwrap();
        assert_eq!((storage.first_index(), storage.term(3)), (4, Ok(2)));
        assert_eq!(storage.term(2), Err(StorageError::Compacted));
        assert_eq!(storage.entries(3, 5, u64::MAX), Err(StorageError::Compacted));
        assert_eq!(storage.entries(4, 5, u64::MAX).unwrap().len(), 1);
    }

    #[test]
    fn a_snapshot_from_outside_replaces_the_log() {
        let storage = filled();
        let metadata = Some(SnapshotMetadata { index: 9, term: 4, ..Default::default() });
        storage.apply_snapshot(Snapshot { metadata, ..Default::default() }).unwrap();
        assert_eq!((storage.first_index(), storage.last_index(), storage.term(9)), (10, 9, Ok(4)));
    }

    #[test]
    fn an_older_snapshot_is_refused() {
        let storage = filled();
        storage.create_snapshot(3, ConfState::default(), Bytes::new()).unwrap();
        let again = storage.create_snapshot(2, ConfState::default(), Bytes::new());
        assert_eq!(again, Err(StorageError::SnapshotOutOfDate));
    }
}
