//! What the core reads back from whoever saves for it.
//!
//! The core never writes: it hands entries out in a [`super::Ready`] and expects to find them here
//! once the caller has advanced.

use anatomy_proto::raftpb::{ConfState, Entry, HardState, Snapshot};

/// Saved state, as it would be found after a restart.
pub trait Storage {
    /// The hard state and membership to start from.
    fn initial_state(&self) -> (HardState, ConfState);

    /// Entries `lo..hi` in order, cut off once they exceed `max_size` bytes, but at least one.
    fn entries(&self, lo: u64, hi: u64, max_size: u64) -> Result<Vec<Entry>, StorageError>;

    /// The term of entry `index`, for `first_index() - 1 ..= last_index()`.
    fn term(&self, index: u64) -> Result<u64, StorageError>;

    /// The first index that [`Storage::entries`] can return; older ones live in the snapshot.
    fn first_index(&self) -> u64;

    /// The index of the last saved entry, or of the snapshot when there is none.
    fn last_index(&self) -> u64;

    /// The newest snapshot, to bring a member up that is too far behind for entries.
    fn snapshot(&self) -> Result<Snapshot, StorageError>;
}

/// Why saved state cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StorageError {
    /// The entry was compacted away; a snapshot covers it.
    #[error("requested raft entry is compacted away")]
    Compacted,
    /// The entry is not there yet.
    #[error("requested raft entry is not available")]
    Unavailable,
    /// A snapshot is being made; ask again later.
    #[error("raft snapshot is temporarily unavailable")]
    SnapshotTemporarilyUnavailable,
    /// The snapshot is older than what is there.
    #[error("raft snapshot is older than the saved one")]
    SnapshotOutOfDate,
}

/// Keeps the longest prefix of `entries` within `max_size` encoded bytes, but at least one entry.
pub(super) fn limit_size(entries: &mut Vec<Entry>, max_size: u64) {
    let mut size = 0u64;
    let within = entries
        .iter()
        .take_while(|entry| {
            size += prost::Message::encoded_len(*entry) as u64;
            size <= max_size
        })
        .count();
    entries.truncate(within.max(1));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(sizes: &[usize]) -> Vec<Entry> {
        let data = |&n: &usize| Entry { data: vec![7; n].into(), ..Default::default() };
        sizes.iter().map(data).collect()
    }

    #[test]
    fn one_entry_always_fits_however_large() {
        let mut all = entries(&[500, 1]);
        limit_size(&mut all, 10);
        assert_eq!(all.len(), 1);
    }

    #[test]
    fn entries_are_cut_off_where_the_limit_is_passed() {
        let mut all = entries(&[10, 10, 10]);
        limit_size(&mut all, 25); // each takes 12 bytes: tag, length, data
        assert_eq!(all.len(), 2);
    }
}
