//! Records by revision, and the index of keys over them.

use std::collections::{BTreeMap, BTreeSet};

use anatomy_proto::mvccpb::KeyValue;
use bytes::Bytes;

use super::key_index::KeyIndex;
use super::{Keys, Revision, Write};
use crate::defects::Defects;

/// The store of one member.
#[derive(Clone, Debug, PartialEq)]
pub struct Store {
    pub(super) index: BTreeMap<Bytes, KeyIndex>,
    pub(super) records: BTreeMap<Revision, Record>,
    pub(super) current: i64,
    pub(super) compacted: i64,
    pub(super) bytes: u64,
    pub(super) defects: Defects,
}

/// One change.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Record {
    /// For a deletion, the key and `mod_revision` alone.
    pub kv: KeyValue,
    pub deleted: bool,
}

impl Record {
    /// Roughly what etcd's database file needs for it.
    pub fn size(&self) -> u64 {
        (self.kv.key.len() + self.kv.value.len() + 64) as u64
    }
}

/// A revision that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It was compacted away.
    #[error("mvcc: required revision has been compacted")]
    Compacted,
    /// It has not happened yet.
    #[error("mvcc: required revision is a future revision")]
    Future,
}

/// What a read found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The pairs in key order, at most as many as asked for.
    pub kvs: Vec<KeyValue>,
    /// How many there are in all.
    pub count: usize,
}

impl Default for Store {
    fn default() -> Self {
        Store {
            index: BTreeMap::new(),
            records: BTreeMap::new(),
            current: 1,
            compacted: -1,
            bytes: 0,
            defects: Defects::default(),
        }
    }
}

impl Store {
    /// Makes it wrong on purpose.
    pub fn plant(&mut self, defects: Defects) {
        self.defects = defects;
    }

    /// The revision of the last change.
    pub fn revision(&self) -> i64 {
        self.current
    }

    /// The revision up to which history was dropped; -1 before the first compaction.
    pub fn compacted(&self) -> i64 {
        self.compacted
    }

    /// How many keys there are, those included of which only history is left.
    pub fn keys(&self) -> usize {
        self.index.len()
    }

    /// Roughly how many bytes the records take.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Begins a transaction.
    pub fn write(&mut self) -> Write<'_> {
        Write::new(self)
    }

    /// Whether `at` (0: now) can be read, and which revision it stands for.
    ///
    /// # Errors
    /// [`StoreError`] where it cannot.
    pub fn readable(&self, at: i64) -> Result<i64, StoreError> {
        match at {
            _ if at > self.current => Err(StoreError::Future),
            _ if at <= 0 => Ok(self.current),
            _ if at < self.compacted => Err(StoreError::Compacted),
            _ => Ok(at),
        }
    }

    /// Reads `keys` as they were at revision `at` (0: now), at most `limit` pairs (0: all).
    ///
    /// # Errors
    /// [`StoreError`] where the revision cannot be read.
    pub fn range(&self, keys: &Keys, at: i64, limit: usize) -> Result<Found, StoreError> {
        let at = self.readable(at)?;
        Ok(self.read(keys, at, limit))
    }

    /// As [`Store::range`], for a revision known to be readable.
    pub(super) fn read(&self, keys: &Keys, at: i64, limit: usize) -> Found {
        let mut found = Found { kvs: Vec::new(), count: 0 };
        for revision in self.revisions(keys, at) {
            found.count += 1;
            if limit == 0 || found.kvs.len() < limit {
                found.kvs.push(self.records[&revision].kv.clone());
            }
        }
        found
    }

    /// The last changes of the keys that there were at `at`, in key order.
    pub(super) fn revisions(&self, keys: &Keys, at: i64) -> impl Iterator<Item = Revision> {
        let entries = keys.bounds().into_iter().flat_map(|bounds| self.index.range(bounds));
        entries.filter_map(move |(_, index)| Some(index.get(at)?.modified))
    }

    /// How many keys there were at `at` (0: now).
    ///
    /// # Errors
    /// [`StoreError`] where the revision cannot be read.
    pub fn count(&self, keys: &Keys, at: i64) -> Result<usize, StoreError> {
        let at = self.readable(at)?;
        Ok(self.revisions(keys, at).count())
    }

    /// Drops the history before `at`. What is readable at `at` and later stays so.
    ///
    /// # Errors
    /// [`StoreError`] where `at` was compacted already or lies in the future.
    pub fn compact(&mut self, at: i64) -> Result<(), StoreError> {
        if at <= self.compacted {
            return Err(StoreError::Compacted);
        }
        if at > self.current {
            return Err(StoreError::Future);
        }
        self.compacted = at;
        let mut keep = BTreeSet::new();
        self.index.retain(|_, key| !key.compact(at, self.defects, &mut keep));
        let after = self.records.split_off(&Revision { main: at + 1, sub: 0 });
        self.records.retain(|revision, _| keep.contains(revision));
        self.records.extend(after);
        self.bytes = self.records.values().map(Record::size).sum();
        Ok(())
    }
}
