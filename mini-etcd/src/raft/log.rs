//! One log out of two: what the storage has, and what waits to be saved.
//!
//! Invariant: `applied <= committed`, and `applied <= stable_index() < unstable.offset`.

use anatomy_proto::raftpb::{Entry, Snapshot};

use super::storage::{Storage, StorageError, limit_size};
use super::unstable::Unstable;

pub(super) struct RaftLog<S> {
    pub(super) store: S,
    pub(super) unstable: Unstable,
    /// The highest index known to be saved by a quorum.
    pub(super) committed: u64,
    /// The highest index that the caller has applied.
    pub(super) applied: u64,
}

impl<S: Storage> RaftLog<S> {
    pub(super) fn new(store: S) -> Self {
        let before = store.first_index() - 1;
        let unstable = Unstable::new(store.last_index() + 1);
        Self { store, unstable, committed: before, applied: before }
    }

    pub(super) fn first_index(&self) -> u64 {
        match self.unstable.snapshot_position() {
            Some((index, _)) => index + 1,
            None => self.store.first_index(),
        }
    }

    pub(super) fn last_index(&self) -> u64 {
        self.unstable.last_index().unwrap_or_else(|| self.store.last_index())
    }

    /// The highest index up to which this log is saved.
    pub(super) fn stable_index(&self) -> u64 {
        self.unstable.offset - 1
    }

    /// The term of an entry; 0 outside of the log.
    pub(super) fn term(&self, index: u64) -> Result<u64, StorageError> {
        if index + 1 < self.first_index() || index > self.last_index() {
            return Ok(0);
        }
        self.unstable.term(index).map_or_else(|| self.store.term(index), Ok)
    }

    pub(super) fn last_term(&self) -> u64 {
        self.term(self.last_index()).expect("the storage knows the term of its last entry")
    }

    pub(super) fn matches(&self, index: u64, term: u64) -> bool {
        self.term(index) == Ok(term)
    }

    /// Whether a log that ends so is at least as new as this one: Raft's condition for a vote.
    pub(super) fn is_up_to_date(&self, last_index: u64, last_term: u64) -> bool {
        (last_term, last_index) >= (self.last_term(), self.last_index())
    }

    /// The largest index up to `index` whose term is at most `term`, with its term if known. A
    /// probe above it must fail, since terms only grow along a log.
    pub(super) fn conflict_by_term(&self, index: u64, term: u64) -> (u64, Option<u64>) {
        let mut at = index;
        if index > self.last_index() {
            return (index, None);
        }
        loop {
            match self.term(at) {
                Ok(found) if found > term => at -= 1,
                Ok(found) => return (at, Some(found)),
                Err(_) => return (at, None),
            }
        }
    }

    /// Takes a leader's entries that follow `(index, term)`. The index of the last of them, or
    /// `None` where this log differs at that point.
    ///
    /// # Panics
    /// When the leader contradicts a committed entry: the cluster has lost its history.
    pub(super) fn maybe_append(
        &mut self,
        index: u64,
        term: u64,
        leader_commit: u64,
        entries: &[Entry],
    ) -> Option<u64> {
        if !self.matches(index, term) {
            return None;
        }
        let conflict = entries.iter().position(|e| !self.matches(e.index, e.term));
        if let Some(at) = conflict {
            let first = entries[at].index;
            let committed = self.committed;
            assert!(first > committed, "entry {first} conflicts with committed entry {committed}");
            self.append(&entries[at..]);
        }
        let last = index + entries.len() as u64;
        self.commit_to(leader_commit.min(last));
        Some(last)
    }

    pub(super) fn append(&mut self, entries: &[Entry]) {
        let Some(first) = entries.first() else { return };
        assert!(first.index > self.committed, "entry {} is committed already", first.index);
        self.unstable.truncate_and_append(entries);
    }

    /// # Panics
    /// When the log is shorter than what others count as committed here: entries that this member
    /// acknowledged are gone (a torn or lost log). etcd stops here too.
    pub(super) fn commit_to(&mut self, index: u64) {
        if index <= self.committed {
            return;
        }
        let last = self.last_index();
        assert!(index <= last, "tocommit({index}) is out of range [lastIndex({last})]: log lost?");
        self.committed = index;
    }

    /// Commits up to `index` if the entry there is of `term`. Only a leader's own entries are
    /// committed by counting (Raft section 5.4.2).
    pub(super) fn maybe_commit(&mut self, index: u64, term: u64) -> bool {
        let commits = index > self.committed && self.matches(index, term);
        if commits {
            self.commit_to(index);
        }
        commits
    }

    /// Entries from `lo` on, up to `max_size` bytes.
    pub(super) fn entries(&self, lo: u64, max_size: u64) -> Result<Vec<Entry>, StorageError> {
        if lo > self.last_index() {
            return Ok(Vec::new());
        }
        self.slice(lo, self.last_index() + 1, max_size)
    }

    pub(super) fn slice(
        &self,
        lo: u64,
        hi: u64,
        max_size: u64,
    ) -> Result<Vec<Entry>, StorageError> {
        if lo < self.first_index() {
            return Err(StorageError::Compacted);
        }
        if lo >= hi {
            return Ok(Vec::new());
        }
        let mut entries = Vec::new();
        let border = self.unstable.offset;
        if lo < border {
            entries = self.store.entries(lo, hi.min(border), max_size)?;
            if (entries.len() as u64) < hi.min(border) - lo {
                return Ok(entries);
            }
        }
        if hi > border {
            entries.extend_from_slice(self.unstable.slice(lo.max(border), hi));
        }
        limit_size(&mut entries, max_size);
        Ok(entries)
    }

    /// The range of entries that can be applied now: committed, saved here, not applied yet.
    fn applicable(&self) -> (u64, u64) {
        let lo = (self.applied + 1).max(self.first_index());
        (lo, self.committed.min(self.stable_index()) + 1)
    }

    pub(super) fn has_committed_entries(&self) -> bool {
        let (lo, hi) = self.applicable();
        lo < hi
    }

    pub(super) fn committed_entries(&self) -> Vec<Entry> {
        let (lo, hi) = self.applicable();
        self.slice(lo, hi, u64::MAX).expect("entries not yet applied are never compacted")
    }

    pub(super) fn restore(&mut self, index: u64, snapshot: Snapshot) {
        self.committed = index;
        self.unstable.restore(index, snapshot);
    }
}

#[cfg(test)]
mod tests {
    use super::super::mem_storage::MemStorage;
    use super::*;

    fn entry(index: u64, term: u64) -> Entry {
        Entry { index, term, ..Default::default() }
    }

    fn log(terms: &[u64]) -> RaftLog<MemStorage> {
        let mut log = RaftLog::new(MemStorage::default());
        let entries: Vec<_> = terms.iter().zip(1..).map(|(&t, i)| entry(i, t)).collect();
        log.append(&entries);
        log
    }

    #[test]
    fn the_newer_log_has_the_later_term_and_then_the_greater_length() {
        let log = log(&[1, 2, 2]);
        assert!(log.is_up_to_date(1, 3));
        assert!(log.is_up_to_date(3, 2));
        assert!(!log.is_up_to_date(2, 2));
        assert!(!log.is_up_to_date(9, 1));
    }

    #[test]
    fn an_append_after_a_different_entry_is_refused() {
        assert_eq!(log(&[1, 1]).maybe_append(2, 2, 0, &[entry(3, 2)]), None);
        assert_eq!(log(&[1, 1]).maybe_append(5, 2, 0, &[entry(6, 2)]), None);
    }

    #[test]
    fn an_append_replaces_only_from_the_first_conflict() {
        let mut log = log(&[1, 1, 1]);
        assert_eq!(log.maybe_append(1, 1, 0, &[entry(2, 1), entry(3, 2)]), Some(3));
        assert_eq!((log.term(2), log.term(3), log.last_index()), (Ok(1), Ok(2), 3));
    }

    #[test]
    fn an_old_append_does_not_shorten_the_log() {
        let mut log = log(&[1, 1, 1]);
        assert_eq!(log.maybe_append(0, 0, 1, &[entry(1, 1)]), Some(1));
        assert_eq!((log.last_index(), log.committed), (3, 1));
    }

    #[test]
    fn a_conflict_is_looked_for_below_the_larger_terms() {
        let log = log(&[1, 3, 3, 3, 5]);
        assert_eq!(log.conflict_by_term(5, 4), (4, Some(3)));
        assert_eq!(log.conflict_by_term(4, 2), (1, Some(1)));
        assert_eq!(log.conflict_by_term(4, 0), (0, Some(0)));
    }

    #[test]
    fn entries_are_applied_only_once_they_are_saved_here() {
        let mut log = log(&[1, 1]);
        log.commit_to(2);
        assert!(!log.has_committed_entries());
        log.store.append(&[entry(1, 1), entry(2, 1)]);
        log.unstable.entries_saved(2, 1);
        assert_eq!(log.committed_entries().len(), 2);
    }

    #[test]
    #[should_panic(expected = "out of range")]
    fn a_member_that_lost_its_log_stops() {
        log(&[1]).commit_to(2);
    }
}
