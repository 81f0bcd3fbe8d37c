//! The store as bytes, for snapshots: whole, or what was added to an earlier image. Records are only
//! ever added until a compaction removes some, so an image and what came behind it are the image of
//! now, unless there was a compaction in between.

use std::ops::Bound;

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
    /// The records in the order of their revisions.
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

impl RecordImage {
    /// When it was made.
    pub fn revision(&self) -> Revision {
        Revision { main: self.kv.mod_revision, sub: self.sub }
    }
}

impl StoreImage {
    /// Makes this the image of a later time, by the image of what was added until then.
    pub fn extend(&mut self, later: StoreImage) {
        self.records.extend(later.records);
        (self.revision, self.compacted) = (later.revision, later.compacted);
    }
}

/// How far a store's history goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The revision of the last change.
    pub revision: i64,
    /// The revision up to which history was dropped.
    pub compacted: i64,
}

impl Extent {
    /// Whether a store that was like this has become one that is like `now` by additions alone.
    pub fn grew_to(self, now: Extent) -> bool {
        self.compacted == now.compacted
    }
}

/// Bytes that are an image and not one of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("after revision {after}: expected a change of a later one, up to the store's")]
pub struct Inconsistent {
    /// The last revision that was in order.
    pub after: i64,
}

impl Store {
    /// How far its history goes.
    pub fn extent(&self) -> Extent {
        Extent { revision: self.current, compacted: self.compacted }
    }

    /// The store as a message, without its records.
    pub fn image(&self) -> StoreImage {
        let compacted = self.compacted.max(0);
        StoreImage { revision: self.current, compacted, records: Vec::new() }
    }

    /// The records behind `after`, up to and with the transaction `until`, in order.
    pub fn records(&self, after: Revision, until: i64) -> impl Iterator<Item = RecordImage> {
        let until = Revision { main: until, sub: i64::MAX };
        let between = self.records.range((Bound::Excluded(after), Bound::Included(until)));
        between.map(|(at, record)| RecordImage {
            sub: at.sub,
            deleted: record.deleted,
            kv: record.kv.clone(),
        })
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
        for record in image.records {
            let at = record.revision();
            let RecordImage { deleted, kv, .. } = record;
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
