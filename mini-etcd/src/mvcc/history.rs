//! What happened between two revisions: the source of watches.

use anatomy_proto::mvccpb::{Event, event::EventType};
use bytes::Bytes;

use super::{Keys, Revision, Store};

impl Store {
    /// The changes of the revisions `from..=to` in order, with their main revision. Pairs that a
    /// compaction dropped are missing, so `from` should not lie before [`Store::compacted`].
    pub fn events(&self, from: i64, to: i64) -> impl Iterator<Item = (i64, Event)> {
        self.events_where(from, to, |_, _| true)
    }

    /// As [`Store::events`], those alone whose key, and whether it was deleted, `wanted` accepts.
    pub fn events_where(
        &self,
        from: i64,
        to: i64,
        wanted: impl Fn(&Bytes, bool) -> bool,
    ) -> impl Iterator<Item = (i64, Event)> {
        let (from, to) = (Revision { main: from, sub: 0 }, Revision { main: to, sub: i64::MAX });
        let records = (from <= to).then(|| self.records.range(from..=to));
        let records = records.into_iter().flatten();
        let wanted = records.filter(move |(_, record)| wanted(&record.kv.key, record.deleted));
        wanted.map(|(at, record)| {
            let kind = if record.deleted { EventType::Delete } else { EventType::Put };
            let kv = Some(record.kv.clone());
            (at.main, Event { r#type: kind.into(), kv, prev_kv: None })
        })
    }

    /// Fills in what was there before the event, where that is still known.
    pub fn with_previous(&self, mut event: Event) -> Event {
        let kv = event.kv.as_ref().expect("every event has a pair");
        let before = kv.mod_revision - 1;
        let made = event.r#type == EventType::Put as i32 && kv.create_revision == kv.mod_revision;
        if !made && before >= self.compacted {
            event.prev_kv = self.read(&Keys::single(kv.key.clone()), before, 1).kvs.pop();
        }
        event
    }
}
