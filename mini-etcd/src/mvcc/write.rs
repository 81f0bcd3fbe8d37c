//! One transaction: all its changes are of one main revision, which is made only if there are any.

use anatomy_proto::mvccpb::KeyValue;
use bytes::Bytes;

use super::store::{Found, Record};
use super::{Keys, Revision, Store, StoreError};

/// A transaction in progress. Its own reads see its changes.
pub struct Write<'a> {
    store: &'a mut Store,
    changes: i64,
}

impl<'a> Write<'a> {
    pub(super) fn new(store: &'a mut Store) -> Self {
        Write { store, changes: 0 }
    }

    /// The revision that reads of this transaction see: the new one once there is a change.
    pub fn revision(&self) -> i64 {
        self.store.current + i64::from(self.changes > 0)
    }

    /// Reads as [`Store::range`] does, this transaction's changes included.
    ///
    /// # Errors
    /// [`StoreError`] where the revision cannot be read.
    pub fn range(&self, keys: &Keys, at: i64, limit: usize) -> Result<Found, StoreError> {
        let now = self.revision();
        let at = if at <= 0 || at == now { now } else { self.store.readable(at)? };
        Ok(self.store.read(keys, at, limit))
    }

    /// The pair of `key` as this transaction sees it.
    pub fn get(&self, key: &Bytes) -> Option<KeyValue> {
        self.store.read(&Keys::single(key.clone()), self.revision(), 1).kvs.pop()
    }

    /// Puts a pair. Returns what was there before.
    pub fn put(&mut self, key: Bytes, value: Bytes, lease: i64) -> Option<KeyValue> {
        let previous = self.get(&key);
        let at = self.next();
        let (created, version) = match &previous {
            Some(kv) => (kv.create_revision, kv.version + 1),
            None => (at.main, 1),
        };
        self.store.index.entry(key.clone()).or_default().put(at);
        let kv = KeyValue {
            key,
            value,
            lease,
            create_revision: created,
            mod_revision: at.main,
            version,
        };
        self.record(at, Record { kv, deleted: false });
        previous
    }

    /// Deletes what `keys` names. Returns what was there.
    pub fn delete_range(&mut self, keys: &Keys) -> Vec<KeyValue> {
        let gone = self.store.read(keys, self.revision(), 0).kvs;
        for kv in &gone {
            let at = self.next();
            self.store.index.get_mut(&kv.key).expect("a key that was read").delete(at);
            let kv = KeyValue { key: kv.key.clone(), mod_revision: at.main, ..KeyValue::default() };
            self.record(at, Record { kv, deleted: true });
        }
        gone
    }

    /// Ends the transaction. Returns the store's revision after it.
    pub fn finish(self) -> i64 {
        self.store.current = self.revision();
        self.store.current
    }

    fn next(&mut self) -> Revision {
        let at = Revision { main: self.store.current + 1, sub: self.changes };
        self.changes += 1;
        at
    }

    fn record(&mut self, at: Revision, record: Record) {
        self.store.bytes += record.size();
        self.store.records.insert(at, record);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(write: &mut Write<'_>, key: &'static str, value: &'static str) {
        write.put(Bytes::from_static(key.as_bytes()), Bytes::from_static(value.as_bytes()), 0);
    }

    #[test]
    fn a_transaction_without_a_change_makes_no_revision() {
        let mut store = Store::default();
        let mut write = store.write();
        assert!(write.delete_range(&Keys::single(Bytes::from_static(b"a"))).is_empty());
        assert_eq!(write.finish(), 1);
    }

    #[test]
    fn all_changes_of_a_transaction_are_of_one_revision() {
        let mut store = Store::default();
        let mut write = store.write();
        put(&mut write, "a", "1");
        put(&mut write, "b", "1");
        assert_eq!(write.range(&Keys::single(Bytes::from_static(b"b")), 0, 0).unwrap().count, 1);
        assert_eq!(write.finish(), 2);
        let all = Keys::new(Bytes::from_static(b"\0"), Bytes::from_static(b"\0"));
        let found = store.range(&all, 0, 0).unwrap();
        assert!(found.kvs.iter().all(|kv| kv.mod_revision == 2 && kv.version == 1));
        assert_eq!(store.range(&all, 1, 0).unwrap().count, 0);
    }

    #[test]
    fn a_pair_deleted_and_put_in_one_transaction_is_a_new_one() {
        let mut store = Store::default();
        let mut write = store.write();
        put(&mut write, "a", "1");
        write.finish();
        let mut write = store.write();
        write.delete_range(&Keys::single(Bytes::from_static(b"a")));
        put(&mut write, "a", "2");
        write.finish();
        let kv = store.range(&Keys::single(Bytes::from_static(b"a")), 0, 0).unwrap().kvs.remove(0);
        assert_eq!((kv.create_revision, kv.version), (3, 1));
    }
}
