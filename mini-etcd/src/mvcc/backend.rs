//! The records as etcd has them in its database file (etcd 3.4 mvcc/revision.go, mvcc/kvstore.go): what
//! its checksum is made over, and what a snapshot for `etcdctl` holds.

use std::collections::BTreeSet;

use anatomy_proto::mvccpb::KeyValue;
use prost::Message;

use super::store::Record;
use super::{Keys, Revision, Store, StoreError};

/// The bucket of the records.
pub const KEY_BUCKET: &[u8] = b"key";

/// A revision as a database key: 8 bytes, `_`, 8 bytes; a deletion has a `t` behind.
pub fn key(at: Revision, deleted: bool) -> Vec<u8> {
    let mut key = at.main.to_be_bytes().to_vec();
    key.push(b'_');
    key.extend_from_slice(&at.sub.to_be_bytes());
    if deleted {
        key.push(b't');
    }
    key
}

/// The pair of a record. Of a deletion only the key is written.
fn value(record: &Record) -> Vec<u8> {
    if record.deleted {
        KeyValue { key: record.kv.key.clone(), ..KeyValue::default() }.encode_to_vec()
    } else {
        record.kv.encode_to_vec()
    }
}

impl Store {
    /// All records as keys and values of the database, in order.
    pub fn rows(&self) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
        self.records.iter().map(|(at, record)| (key(*at, record.deleted), value(record)))
    }

    /// The checksum over all records up to `at` (0: now) that no compaction at `at` would drop: the
    /// same on all members, and the same as etcd's of the same changes (`HashByRev`).
    ///
    /// # Errors
    /// [`StoreError`] where the revision is the compacted one or older, or still to come.
    pub fn hash(&self, at: i64) -> Result<u32, StoreError> {
        if at > 0 && at <= self.compacted {
            return Err(StoreError::Compacted);
        }
        let at = self.readable(at)?;
        let everything = Keys::new(bytes::Bytes::new(), bytes::Bytes::from_static(b"\0"));
        let live: BTreeSet<Revision> = self.revisions(&everything, at).collect();
        let mut crc = crc32c::crc32c(KEY_BUCKET);
        for (revision, record) in self.records.range(..=Revision { main: at, sub: i64::MAX }) {
            let compacted = revision.main <= self.compacted;
            if compacted && !live.is_empty() && !live.contains(revision) {
                continue;
            }
            crc = crc32c::crc32c_append(crc, &key(*revision, record.deleted));
            crc = crc32c::crc32c_append(crc, &value(record));
        }
        Ok(crc)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    /// What etcd 3.4.23 answers to `etcdctl endpoint hashkv` after the same commands.
    #[test]
    fn the_checksum_is_that_of_etcd() {
        let mut store = Store::default();
        assert_eq!(store.hash(0), Ok(1_084_519_789), "nothing stored");
        let put = |store: &mut Store, key: &'static str, value: &'static str| {
            let mut write = store.write();
            write.put(Bytes::from_static(key.as_bytes()), Bytes::from_static(value.as_bytes()), 0);
            write.finish();
        };
        put(&mut store, "a", "1");
        put(&mut store, "b", "2");
        put(&mut store, "a", "3");
        let mut write = store.write();
        write.delete_range(&Keys::single(Bytes::from_static(b"b")));
        write.finish();
        assert_eq!(store.hash(0), Ok(1_125_682_900));
        assert_eq!(store.hash(3), Ok(1_827_592_406));
        store.compact(4).unwrap();
        assert_eq!(store.hash(0), Ok(1_468_967_122));
        assert_eq!(store.hash(4), Err(StoreError::Compacted));
    }
}
