//! The store as bytes, for snapshots.

use anatomy_proto::mvccpb::KeyValue;

use super::store::Record;
use super::{Revision, Store};

/// A store in a snapshot.
#[derive(Clone, PartialEq, prost::Message)]
pub struct StoreImage {
    /// The revision of the last change.
    #[prost(int64, tag = "1")]
    pub revision: i64,
    /// The revision up to which history was dropped; 0 where none was.
    #[prost(int64, tag = "2")]
    pub compacted: i64,
    /// All records in the order of their revisions.
    #[prost(message, repeated, tag = "3")]
    pub records: Vec<RecordImage>,
}

/// A record in a snapshot.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RecordImage {
    /// The change within the pair's `mod_revision`.
    #[prost(int64, tag = "1")]
    pub sub: i64,
    /// Whether it is a deletion.
    #[prost(bool, tag = "2")]
    pub deleted: bool,
    /// The pair.
    #[prost(message, required, tag = "3")]
    pub kv: KeyValue,
}

/// Bytes that are an image and not one of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("after revision {after}: expected a change of a later one, up to the store's")]
pub struct Inconsistent {
    /// The last revision that was in order.
    pub after: i64,
}

impl Store {
    /// The store as a message.
    pub fn image(&self) -> StoreImage {
        let records = self.records.iter().map(|(at, record)| RecordImage {
            sub: at.sub,
            deleted: record.deleted,
            kv: record.kv.clone(),
        });
        let compacted = self.compacted.max(0);
        StoreImage { revision: self.current, compacted, records: records.collect() }
    }

    /// The store that an image was made of.
    ///
    /// # Errors
    /// Where no store makes such an image.
    pub fn from_image(image: StoreImage) -> Result<Self, Inconsistent> {
        let mut store = Store { current: image.revision, ..Store::default() };
        let mut last = Revision { main: 1, sub: 0 };
        if image.compacted > 0 {
            store.compacted = image.compacted;
        }
        for RecordImage { sub, deleted, kv } in image.records {
            let at = Revision { main: kv.mod_revision, sub };
            let made = deleted || (kv.version > 0 && kv.create_revision <= at.main);
            if at <= last || at.main > image.revision || at.sub < 0 || !made {
                return Err(Inconsistent { after: last.main });
            }
            last = at;
            let key = store.index.entry(kv.key.clone()).or_default();
            match (deleted, key.exists()) {
                (false, true) => key.put(at),
                (false, false) => key.restore(kv.create_revision, kv.version, at),
                (true, true) => key.delete(at),
                (true, false) => key.restore_deleted(at),
            }
            let record = Record { kv, deleted };
            store.bytes += record.size();
            store.records.insert(at, record);
        }
        Ok(store)
    }
}
