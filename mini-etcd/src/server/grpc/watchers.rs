//! The watches of one stream: a cursor each over the store's history.
//!
//! etcd pushes changes into a channel for each stream and lets those that fall behind catch up
//! from history. Here every watch reads history from where it is: the same events in the same
//! order, and a slow reader needs no other path. All events of a revision are in one response;
//! one that was behind gets several revisions at once, at most 1,000.

use std::collections::{BTreeMap, BTreeSet};

use anatomy_proto::etcdserverpb::watch_create_request::FilterType;
use anatomy_proto::etcdserverpb::{WatchCreateRequest, WatchResponse};
use anatomy_proto::mvccpb::Event;
use prost::Message;
use tokio::time::Instant;

use crate::defects::{Defect, Defects};
use crate::mvcc::{Keys, Store};
use crate::server::apply::header;

/// Revisions in one response to a watch that is behind (etcd 3.2 mvcc/watcher_group.go
/// `watchBatchMaxRevs`).
const REVISIONS_MAX: i64 = 1000;

/// The watches of one stream.
pub(super) struct Watchers {
    /// From how many bytes on a response is split for those that asked for it.
    largest: usize,
    next_id: i64,
    watches: BTreeMap<i64, Watch>,
    defects: Defects,
}

struct Watch {
    keys: Keys,
    /// The next revision to look at.
    next: i64,
    prev_kv: bool,
    no_put: bool,
    no_delete: bool,
    progress: bool,
    /// Responses that are too large are split.
    fragment: bool,
    /// When it was last told anything.
    told: Instant,
}

impl Watchers {
    /// No watches yet.
    pub fn new(largest: usize) -> Self {
        Watchers { largest, next_id: 0, watches: BTreeMap::new(), defects: Defects::default() }
    }

    /// Makes them wrong on purpose.
    pub fn plant(&mut self, defects: Defects) {
        self.defects = defects;
    }

    /// Begins a watch. Returns the answer, in which a start behind the next revision is legal: it
    /// waits.
    pub fn create(&mut self, request: WatchCreateRequest, store: &Store) -> WatchResponse {
        let now = store.revision();
        let mut response =
            WatchResponse { header: header(now), created: true, ..WatchResponse::default() };
        let keys = keys(&request);
        let taken = request.watch_id != 0 && self.watches.contains_key(&request.watch_id);
        let reason = match keys.bounds() {
            None => "mvcc: watcher range is empty",
            Some(_) if taken => "mvcc: duplicate watch ID provided on the WatchStream",
            Some(_) => "",
        };
        if !reason.is_empty() {
            let cancel_reason = reason.into();
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
            next: if request.start_revision == 0 { now + 1 } else { request.start_revision },
            prev_kv: request.prev_kv,
            no_put: filter(FilterType::Noput),
            no_delete: filter(FilterType::Nodelete),
            progress: request.progress_notify,
            told: Instant::now(),
            fragment: request.fragment,
            keys,
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
            let events = store.events_where(watch.next, to, |key, deleted| {
                let filtered = if deleted { watch.no_delete } else { watch.no_put };
                !filtered && watch.keys.contains(key)
            });
            response.events = events
                .map(|(_, event)| if watch.prev_kv { store.with_previous(event) } else { event })
                .collect();
            if self.defects.has(Defect::WatchCatchUpLoses) && watch.next < to {
                last_of_each_key(&mut response.events);
            }
            watch.next = to + 1;
            if !response.events.is_empty() {
                watch.told = Instant::now();
                if self.defects.has(Defect::WatchSplitsRevision) {
                    responses.extend(one_by_one(response));
                } else if watch.fragment {
                    responses.extend(fragments(response, self.largest));
                } else {
                    responses.push(response);
                }
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

/// Splits a response into several below `largest` bytes, each of at least one event (etcd 3.4
/// etcdserver/api/v3rpc/watch.go `sendFragments`).
fn fragments(mut response: WatchResponse, largest: usize) -> Vec<WatchResponse> {
    if response.encoded_len() < largest {
        return vec![response];
    }
    let events = std::mem::take(&mut response.events);
    let empty = response.encoded_len();
    let mut parts: Vec<WatchResponse> = Vec::new();
    let mut size = usize::MAX;
    for event in events {
        let one = event.encoded_len();
        // With its tag and its length.
        let needed = 1 + prost::length_delimiter_len(one) + one;
        if size.saturating_add(needed) >= largest {
            parts.push(WatchResponse { fragment: true, ..response.clone() });
            size = empty + 2;
        }
        size += needed;
        parts.last_mut().expect("the first event begins a part").events.push(event);
    }
    if let Some(last) = parts.last_mut() {
        last.fragment = false;
    }
    parts
}

/// What a planted defect makes of the events of several revisions.
fn last_of_each_key(events: &mut Vec<Event>) {
    let key = |event: &Event| event.kv.as_ref().map(|kv| kv.key.clone());
    let mut later = BTreeSet::new();
    events.reverse();
    events.retain(|event| later.insert(key(event)));
    events.reverse();
}

/// What a planted defect makes of a response.
fn one_by_one(mut response: WatchResponse) -> impl Iterator<Item = WatchResponse> {
    let events = std::mem::take(&mut response.events);
    events.into_iter().map(move |event| WatchResponse { events: vec![event], ..response.clone() })
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
        let (mut store, mut watchers) = (Store::default(), Watchers::new(usize::MAX));
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
        let (mut store, mut watchers) = (Store::default(), Watchers::new(usize::MAX));
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
        let (mut store, mut watchers) = (Store::default(), Watchers::new(usize::MAX));
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
        let (mut store, mut watchers) = (Store::default(), Watchers::new(usize::MAX));
        put(&mut store, &["a"]);
        watchers.create(WatchCreateRequest { prev_kv: true, ..on("a", "") }, &store);
        put(&mut store, &["a"]);
        let told = watchers.poll(&store);
        assert_eq!(told[0].events[0].prev_kv.as_ref().unwrap().mod_revision, 2);
    }

    #[test]
    fn a_response_that_is_too_large_is_split_for_those_that_asked_for_it() {
        let (mut store, mut watchers) = (Store::default(), Watchers::new(60));
        watchers.create(WatchCreateRequest { fragment: true, ..on("a", "\0") }, &store);
        watchers.create(on("a", "\0"), &store);
        put(&mut store, &["a", "b", "c", "d", "e"]);
        let told = watchers.poll(&store);
        let whole = told.last().unwrap();
        assert_eq!((whole.watch_id, whole.events.len(), whole.fragment), (1, 5, false));
        let parts = &told[..told.len() - 1];
        assert!(parts.len() > 1);
        assert!(parts.iter().all(|part| part.watch_id == 0 && !part.events.is_empty()));
        assert!(parts.iter().all(|part| part.events.len() == 1 || part.encoded_len() < 60));
        let more: Vec<bool> = parts.iter().map(|part| part.fragment).collect();
        assert_eq!(more.iter().filter(|more| !**more).count(), 1, "the last says so: {more:?}");
        assert!(!more[more.len() - 1]);
        let events: Vec<_> = parts.iter().flat_map(|part| part.events.clone()).collect();
        assert_eq!(events, whole.events);
    }

    #[test]
    fn a_watch_of_no_keys_or_with_a_number_that_is_taken_is_refused() {
        let (store, mut watchers) = (Store::default(), Watchers::new(usize::MAX));
        let refused = watchers.create(on("b", "a"), &store);
        assert!(refused.created && refused.canceled && refused.watch_id == -1);
        assert_eq!(refused.cancel_reason, "mvcc: watcher range is empty");
        let seven = || WatchCreateRequest { watch_id: 7, ..on("a", "") };
        assert_eq!(watchers.create(seven(), &store).watch_id, 7);
        assert!(watchers.create(seven(), &store).cancel_reason.contains("duplicate watch ID"));
    }

    #[test]
    fn filters_leave_puts_or_deletions_out() {
        let (mut store, mut watchers) = (Store::default(), Watchers::new(usize::MAX));
        let filtered =
            |kind: FilterType| WatchCreateRequest { filters: vec![kind.into()], ..on("a", "") };
        watchers.create(filtered(FilterType::Noput), &store);
        watchers.create(filtered(FilterType::Nodelete), &store);
        put(&mut store, &["a"]);
        let told = watchers.poll(&store);
        assert_eq!((told.len(), told[0].watch_id), (1, 1));
        let mut write = store.write();
        write.delete_range(&Keys::single(Bytes::from_static(b"a")));
        write.finish();
        let told = watchers.poll(&store);
        assert_eq!((told.len(), told[0].watch_id), (1, 0));
    }

    #[test]
    fn a_watch_of_the_future_waits_for_it() {
        let (mut store, mut watchers) = (Store::default(), Watchers::new(usize::MAX));
        watchers.create(WatchCreateRequest { start_revision: 4, ..on("a", "") }, &store);
        put(&mut store, &["a"]);
        put(&mut store, &["a"]);
        assert!(watchers.poll(&store).is_empty());
        put(&mut store, &["a"]);
        assert_eq!(watchers.poll(&store)[0].events.len(), 1);
    }
}
