//! The part of the log that the caller has not saved yet.
//!
//! `entries[i]` has index `offset + i`. The offset may lie below the end of the saved log: then
//! saving these entries replaces what is there.

use anatomy_proto::raftpb::{Entry, Snapshot};

#[derive(Debug, Default)]
pub(super) struct Unstable {
    pub(super) snapshot: Option<Snapshot>,
    pub(super) entries: Vec<Entry>,
    pub(super) offset: u64,
}

impl Unstable {
    pub(super) fn new(offset: u64) -> Self {
        Self { snapshot: None, entries: Vec::new(), offset }
    }

    /// Index and term of the snapshot that waits to be saved.
    pub(super) fn snapshot_position(&self) -> Option<(u64, u64)> {
        self.snapshot.as_ref().map(|s| s.metadata.as_ref().map_or((0, 0), |m| (m.index, m.term)))
    }

    pub(super) fn last_index(&self) -> Option<u64> {
        match self.entries.len() as u64 {
            0 => self.snapshot_position().map(|(index, _)| index),
            len => Some(self.offset + len - 1),
        }
    }

    pub(super) fn term(&self, index: u64) -> Option<u64> {
        match index.checked_sub(self.offset) {
            Some(at) => self.entries.get(usize::try_from(at).ok()?).map(|e| e.term),
            None => self.snapshot_position().filter(|&(i, _)| i == index).map(|(_, term)| term),
        }
    }

    /// Entries `lo..hi`, all of which must be unstable.
    pub(super) fn slice(&self, lo: u64, hi: u64) -> &[Entry] {
        let at = |i: u64| usize::try_from(i - self.offset).expect("log fits in memory");
        &self.entries[at(lo)..at(hi)]
    }

    /// Adds entries, dropping what they replace.
    pub(super) fn truncate_and_append(&mut self, entries: &[Entry]) {
        let Some(first) = entries.first() else { return };
        match first.index.checked_sub(self.offset) {
            Some(keep) => self.entries.truncate(usize::try_from(keep).expect("fits in memory")),
            None => {
                self.offset = first.index;
                self.entries.clear();
            }
        }
        self.entries.extend_from_slice(entries);
    }

    /// Entries up to `index` are saved, unless the entry there was replaced meanwhile.
    pub(super) fn entries_saved(&mut self, index: u64, term: u64) {
        if index < self.offset || self.term(index) != Some(term) {
            return;
        }
        let saved = usize::try_from(index + 1 - self.offset).expect("fits in memory");
        self.entries.drain(..saved);
        self.offset = index + 1;
    }

    /// The snapshot at `index` is saved, unless another one has taken its place.
    pub(super) fn snapshot_saved(&mut self, index: u64) {
        if self.snapshot_position().is_some_and(|(i, _)| i == index) {
            self.snapshot = None;
        }
    }

    pub(super) fn restore(&mut self, index: u64, snapshot: Snapshot) {
        self.offset = index + 1;
        self.entries.clear();
        self.snapshot = Some(snapshot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_entries(offset: u64, terms: &[u64]) -> Unstable {
        let mut unstable = Unstable::new(offset);
        let entry = |(i, &term)| Entry { index: offset + i as u64, term, ..Default::default() };
        unstable.entries = terms.iter().enumerate().map(entry).collect();
        unstable
    }

    #[test]
    fn entries_replaced_while_they_were_saved_stay_unstable() {
        let mut unstable = with_entries(5, &[2, 2]);
        unstable.truncate_and_append(&[Entry { index: 5, term: 3, ..Default::default() }]);
        unstable.entries_saved(6, 2);
        assert_eq!((unstable.offset, unstable.entries.len()), (5, 1));
    }

    #[test]
    fn entries_that_came_while_others_were_saved_stay_unstable() {
        let mut unstable = with_entries(5, &[2, 2, 2]);
        unstable.entries_saved(6, 2);
        assert_eq!((unstable.offset, unstable.entries.len()), (7, 1));
    }

    #[test]
    fn appending_below_the_offset_moves_the_offset_back() {
        let mut unstable = with_entries(5, &[2, 2]);
        unstable.truncate_and_append(&[Entry { index: 3, term: 4, ..Default::default() }]);
        assert_eq!((unstable.offset, unstable.last_index()), (3, Some(3)));
    }
}
