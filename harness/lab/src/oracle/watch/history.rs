//! What really happened, revision by revision.

use std::collections::BTreeMap;

use anatomy_proto::etcdserverpb::WatchCreateRequest;
use anatomy_proto::etcdserverpb::watch_create_request::FilterType;
use anatomy_proto::mvccpb::event::EventType;
use anatomy_proto::mvccpb::{Event, KeyValue};
use bytes::Bytes;

use super::revision;

/// The events of a stretch of revisions.
#[derive(Clone, Debug, Default)]
pub struct History {
    by_revision: BTreeMap<i64, Vec<Event>>,
    by_key: BTreeMap<Bytes, BTreeMap<i64, Option<KeyValue>>>,
    first: i64,
    compacted: i64,
}

impl History {
    /// All events from the revision `first` on. Without previous pairs: those follow.
    pub fn new(first: i64, events: impl IntoIterator<Item = Event>) -> Self {
        let mut history = History { first, ..History::default() };
        for event in events {
            history.add(event);
        }
        history
    }

    fn add(&mut self, event: Event) {
        let Some(kv) = event.kv.clone() else { return };
        let deleted = event.r#type() == EventType::Delete;
        let at = revision(&event);
        let of_key = self.by_key.entry(kv.key.clone()).or_default();
        of_key.insert(at, (!deleted).then_some(kv));
        self.by_revision.entry(at).or_default().push(event);
    }

    /// Says that etcd has forgotten what was before `revision`: it need not show it any more.
    #[must_use]
    pub fn compacted(mut self, revision: i64) -> Self {
        self.compacted = revision;
        self
    }

    /// Whether everything of this revision is known.
    pub(super) fn knows(&self, revision: i64) -> bool {
        revision >= self.first
            && self.by_revision.last_key_value().is_some_and(|l| revision <= *l.0)
    }

    /// What of a revision belongs to a watch.
    pub(super) fn of(&self, revision: i64, watch: &WatchCreateRequest) -> Vec<&Event> {
        let events = self.by_revision.get(&revision).into_iter().flatten();
        events.filter(|event| is_asked_for(watch, event)).collect()
    }

    /// The revisions from `from` to `to` in which something belongs to a watch.
    pub(super) fn revisions(&self, from: i64, to: i64, watch: &WatchCreateRequest) -> Vec<i64> {
        let from = from.max(self.first);
        if from > to {
            return Vec::new();
        }
        let range = self.by_revision.range(from..=to);
        let asked = |event: &Event| is_asked_for(watch, event);
        range.filter(|(_, events)| events.iter().any(asked)).map(|(at, _)| *at).collect()
    }

    /// The event of a key in a revision.
    pub(super) fn event(&self, revision: i64, key: &[u8]) -> Option<&Event> {
        let of_key = |event: &&Event| event.kv.as_ref().is_some_and(|kv| kv.key == key);
        self.by_revision.get(&revision)?.iter().find(of_key)
    }

    /// What a key held before a revision, and since when; `None` where that is not known.
    pub(super) fn before(&self, revision: i64, key: &[u8]) -> Option<(i64, Option<&KeyValue>)> {
        let earlier = self.by_key.get(key).and_then(|all| all.range(..revision).next_back());
        match earlier {
            Some((since, pair)) => Some((*since, pair.as_ref())),
            // etcd's first write has revision 2.
            None => (self.first <= 2).then_some((1, None)),
        }
    }

    /// Whether anything is known of a revision.
    pub(super) fn has(&self, revision: i64) -> bool {
        self.by_revision.contains_key(&revision)
    }

    /// Whether etcd may have forgotten what was before a revision.
    pub(super) fn may_be_forgotten(&self, revision: i64) -> bool {
        revision <= self.compacted
    }
}

/// Whether an event belongs to a watch: by its key and by its kind.
pub(super) fn is_asked_for(watch: &WatchCreateRequest, event: &Event) -> bool {
    let Some(kv) = &event.kv else { return false };
    let (from, to) = (watch.key.as_ref(), watch.range_end.as_ref());
    let inside = match to {
        [] => kv.key == from,
        [0] => kv.key.as_ref() >= from,
        to => (from..to).contains(&kv.key.as_ref()),
    };
    let left_out = match event.r#type() {
        EventType::Put => FilterType::Noput,
        EventType::Delete => FilterType::Nodelete,
    };
    inside && !watch.filters.contains(&(left_out as i32))
}
