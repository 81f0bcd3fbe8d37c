//! The watches of one stream: a cursor each over the store's history.
//!
//! etcd pushes changes into a channel for each stream and lets those that fall behind catch up
//! from history. Here every watch reads history from where it is: the same events in the same
//! order, and a slow reader needs no other path. All events of a revision are in one response;
//! one that was behind gets several revisions at once, at most 1,000.

use std::collections::BTreeMap;

use anatomy_proto::etcdserverpb::watch_create_request::FilterType;
use anatomy_proto::etcdserverpb::{WatchCreateRequest, WatchResponse};
use anatomy_proto::mvccpb::event::EventType;
use tokio::time::Instant;

use crate::mvcc::{Keys, Store};
use crate::server::apply::header;

/// Revisions in one response to a watch that is behind (etcd 3.2 mvcc/watcher_group.go
/// `watchBatchMaxRevs`).
const REVISIONS_MAX: i64 = 1000;

/// The watches of one stream.
#[derive(Default)]
pub(super) struct Watchers {
    next_id: i64,
    watches: BTreeMap<i64, Watch>,
}

struct Watch {
    keys: Keys,
    /// The next revision to look at.
    next: i64,
    prev_kv: bool,
    no_put: bool,
    no_delete: bool,
    progress: bool,
    /// When it was last told anything.
    told: Instant,
}

impl Watchers {
    /// Begins a watch. Returns the answer, in which a start behind the next revision is legal: it
    /// waits.
    pub fn create(&mut self, request: WatchCreateRequest, store: &Store) -> WatchResponse {
        let now = store.revision();
        let mut response =
            WatchResponse { header: header(now), created: true, ..WatchResponse::default() };
        let taken = self.watches.contains_key(&request.watch_id);
        if request.watch_id != 0 && taken {
            let cancel_reason = "mvcc: duplicate watch ID provided on the WatchStream".into();
            return WatchResponse { watch_id: -1, canceled: true, cancel_reason, ..response };
        }
        let id = if request.watch_id != 0 {
            request.watch_id
        } else {
            while self.watches.contains_key(&self.next_id) {
                self.next_id += 1;
            }
            self.next_id += 1;
            self.next_id - 1
        };
        response.watch_id = id;
        let filter = |kind: FilterType| request.filters.contains(&(kind as i32));
        let watch = Watch {
            next: if request.start_revision > 0 { request.start_revision } else { now + 1 },
            prev_kv: request.prev_kv,
            no_put: filter(FilterType::Noput),
            no_delete: filter(FilterType::Nodelete),
            progress: request.progress_notify,
            told: Instant::now(),
            keys: keys(&request),
        };
        self.watches.insert(id, watch);
        response
    }

    /// Ends a watch; `None` where there is none.
    pub fn cancel(&mut self, id: i64, store: &Store) -> Option<WatchResponse> {
        self.watches.remove(&id)?;
        let header = header(store.revision());
        Some(WatchResponse { header, watch_id: id, canceled: true, ..WatchResponse::default() })
    }

    /// What the watches have to be told. To be called again until it is nothing.
    pub fn poll(&mut self, store: &Store) -> Vec<WatchResponse> {
        let (now, compacted) = (store.revision(), store.compacted());
        let mut responses = Vec::new();
        let mut gone = Vec::new();
        for (id, watch) in &mut self.watches {
            let mut response =
                WatchResponse { header: header(now), watch_id: *id, ..WatchResponse::default() };
            if watch.next < compacted {
                gone.push(*id);
                response.canceled = true;
                response.compact_revision = compacted;
                responses.push(response);
                continue;
            }
            if watch.next > now {
                continue;
            }
            let to = now.min(watch.next + REVISIONS_MAX - 1);
            let events = store.events(watch.next, to).filter(|(_, event)| {
                let is_put = event.r#type == EventType::Put as i32;
                let filtered = if is_put { watch.no_put } else { watch.no_delete };
                let key = event.kv.as_ref().map(|kv| &kv.key[..]).unwrap_or_default();
                !filtered && watch.keys.contains(key)
            });
            response.events = events
                .map(|(_, event)| if watch.prev_kv { store.with_previous(event) } else { event })
                .collect();
            watch.next = to + 1;
            if !response.events.is_empty() {
                watch.told = Instant::now();
                responses.push(response);
            }
        }
        gone.iter().for_each(|id| drop(self.watches.remove(id)));
        responses
    }

    /// Whether a watch lags behind the store.
    pub fn is_behind(&self, store: &Store) -> bool {
        self.watches.values().any(|watch| watch.next <= store.revision())
    }

    /// When the first of the watches that asked for it is to be told how far the store is;
    /// `period` after it was last told anything.
    pub fn next_progress(&self, period: std::time::Duration) -> Option<Instant> {
        self.watches.values().filter(|w| w.progress).map(|w| w.told + period).min()
    }

    /// Tells those watches how far the store is.
    pub fn progress(&mut self, store: &Store, period: std::time::Duration) -> Vec<WatchResponse> {
        let now = Instant::now();
        let header = header(store.revision());
        let due = self.watches.iter_mut().filter(|(_, w)| w.progress && w.told + period <= now);
        due.map(|(id, watch)| {
            watch.told = now;
            WatchResponse { header, watch_id: *id, ..WatchResponse::default() }
        })
        .collect()
    }
}

/// The keys of a watch: no key means from the first on, as in a range request an end of `"\0"`
/// means no end.
fn keys(request: &WatchCreateRequest) -> Keys {
    let zero = bytes::Bytes::from_static(b"\0");
    let key = if request.key.is_empty() { zero } else { request.key.clone() };
    Keys::new(key, request.range_end.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn put(store: &mut Store, keys: &[&'static str]) {
        let mut write = store.write();
        for key in keys {
            write.put(Bytes::from_static(key.as_bytes()), Bytes::from_static(b"v"), 0);
        }
        write.finish();
    }

    fn on(key: &'static str, end: &'static str) -> WatchCreateRequest {
        let (key, range_end) =
            (Bytes::from_static(key.as_bytes()), Bytes::from_static(end.as_bytes()));
        WatchCreateRequest { key, range_end, ..WatchCreateRequest::default() }
    }

    #[test]
    fn a_watch_sees_what_comes_after_it_and_only_its_keys() {
        let (mut store, mut watchers) = (Store::default(), Watchers::default());
        put(&mut store, &["a"]);
        assert!(watchers.create(on("a", "b"), &store).created);
        assert!(watchers.poll(&store).is_empty());
        put(&mut store, &["a", "b"]);
        let told = watchers.poll(&store);
        assert_eq!((told.len(), told[0].events.len()), (1, 1));
        assert_eq!(told[0].header.unwrap().revision, 3);
        assert!(watchers.poll(&store).is_empty());
    }

    #[test]
    fn all_events_of_a_revision_are_in_one_response_whatever_is_behind() {
        let (mut store, mut watchers) = (Store::default(), Watchers::default());
        (0..1500).for_each(|_| put(&mut store, &["a", "b"]));
        watchers.create(WatchCreateRequest { start_revision: 2, ..on("a", "\0") }, &store);
        let first = watchers.poll(&store);
        assert_eq!(first[0].events.len(), 2000);
        assert!(watchers.is_behind(&store));
        assert_eq!(watchers.poll(&store)[0].events.len(), 1000);
        assert!(!watchers.is_behind(&store));
    }

    #[test]
    fn a_watch_on_what_was_compacted_is_cancelled_with_the_revision() {
        let (mut store, mut watchers) = (Store::default(), Watchers::default());
        (0..5).for_each(|_| put(&mut store, &["a"]));
        store.compact(4).unwrap();
        watchers.create(WatchCreateRequest { start_revision: 3, ..on("a", "") }, &store);
        let told = watchers.poll(&store);
        assert!(told[0].canceled && told[0].compact_revision == 4);
        assert!(watchers.poll(&store).is_empty());
        watchers.create(WatchCreateRequest { start_revision: 4, ..on("a", "") }, &store);
        assert_eq!(watchers.poll(&store)[0].events.len(), 3);
    }

    #[test]
    fn a_previous_pair_is_told_where_it_was_asked_for() {
        let (mut store, mut watchers) = (Store::default(), Watchers::default());
        put(&mut store, &["a"]);
        watchers.create(WatchCreateRequest { prev_kv: true, ..on("a", "") }, &store);
        put(&mut store, &["a"]);
        let told = watchers.poll(&store);
        assert_eq!(told[0].events[0].prev_kv.as_ref().unwrap().mod_revision, 2);
    }

    #[test]
    fn a_watch_of_the_future_waits_for_it() {
        let (mut store, mut watchers) = (Store::default(), Watchers::default());
        watchers.create(WatchCreateRequest { start_revision: 4, ..on("a", "") }, &store);
        put(&mut store, &["a"]);
        put(&mut store, &["a"]);
        assert!(watchers.poll(&store).is_empty());
        put(&mut store, &["a"]);
        assert_eq!(watchers.poll(&store)[0].events.len(), 1);
    }
}
