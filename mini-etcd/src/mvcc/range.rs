//! How a range request is answered: filters, order, limit.

use std::cmp::Ordering;

use anatomy_proto::etcdserverpb::range_request::{SortOrder, SortTarget};
use anatomy_proto::etcdserverpb::{RangeRequest, RangeResponse};
use anatomy_proto::mvccpb::KeyValue;
use bytes::Bytes;

use super::store::Found;
use super::{Keys, Store, StoreError, Write};

/// Something that can be read: the store, or a transaction on it.
pub trait Read {
    /// As [`Store::range`].
    ///
    /// # Errors
    /// [`StoreError`] where the revision cannot be read.
    fn find(&self, keys: &Keys, at: i64, limit: usize) -> Result<Found, StoreError>;
}

impl Read for Store {
    fn find(&self, keys: &Keys, at: i64, limit: usize) -> Result<Found, StoreError> {
        self.range(keys, at, limit)
    }
}

impl Read for Write<'_> {
    fn find(&self, keys: &Keys, at: i64, limit: usize) -> Result<Found, StoreError> {
        self.range(keys, at, limit)
    }
}

/// Answers a request, without the header.
///
/// # Errors
/// [`StoreError`] where the revision cannot be read.
pub fn answer(from: &impl Read, request: &RangeRequest) -> Result<RangeResponse, StoreError> {
    let keys = Keys::new(request.key.clone(), request.range_end.clone());
    if request.count_only {
        // A limit of 0 would mean all; the one pair that is read is not used.
        let count = from.find(&keys, request.revision, 1)?.count as i64;
        return Ok(RangeResponse { count, ..RangeResponse::default() });
    }
    let limit = usize::try_from(request.limit).unwrap_or(0);
    let all = request.sort_order != SortOrder::None as i32 || is_filtered(request);
    let found =
        from.find(&keys, request.revision, if all || limit == 0 { 0 } else { limit + 1 })?;
    let mut kvs = found.kvs;
    kvs.retain(|kv| passes(request, kv));
    sort(request, &mut kvs);
    let more = limit > 0 && kvs.len() > limit;
    if more {
        kvs.truncate(limit);
    }
    if request.keys_only {
        kvs.iter_mut().for_each(|kv| kv.value = Bytes::new());
    }
    Ok(RangeResponse { header: None, kvs, more, count: found.count as i64 })
}

fn is_filtered(r: &RangeRequest) -> bool {
    [r.min_mod_revision, r.max_mod_revision, r.min_create_revision, r.max_create_revision]
        .iter()
        .any(|bound| *bound != 0)
}

fn passes(r: &RangeRequest, kv: &KeyValue) -> bool {
    let within = |low: i64, high: i64, x: i64| (low == 0 || x >= low) && (high == 0 || x <= high);
    within(r.min_mod_revision, r.max_mod_revision, kv.mod_revision)
        && within(r.min_create_revision, r.max_create_revision, kv.create_revision)
}

/// Sorts, ties in key order. A target other than the key without an order means ascending.
fn sort(request: &RangeRequest, kvs: &mut [KeyValue]) {
    let target = request.sort_target();
    let descending = request.sort_order() == SortOrder::Descend;
    if target == SortTarget::Key && !descending {
        return;
    }
    let compare = |a: &KeyValue, b: &KeyValue| -> Ordering {
        match target {
            SortTarget::Key => a.key.cmp(&b.key),
            SortTarget::Version => a.version.cmp(&b.version),
            SortTarget::Create => a.create_revision.cmp(&b.create_revision),
            SortTarget::Mod => a.mod_revision.cmp(&b.mod_revision),
            SortTarget::Value => a.value.cmp(&b.value),
        }
    };
    kvs.sort_by(|a, b| if descending { compare(b, a) } else { compare(a, b) });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> Store {
        let mut store = Store::default();
        for (key, value) in [("a", "3"), ("b", "1"), ("c", "2"), ("a", "4")] {
            let mut write = store.write();
            write.put(Bytes::from_static(key.as_bytes()), Bytes::from_static(value.as_bytes()), 0);
            write.finish();
        }
        store
    }

    fn all() -> RangeRequest {
        let (key, range_end) = (Bytes::from_static(b"\0"), Bytes::from_static(b"\0"));
        RangeRequest { key, range_end, ..RangeRequest::default() }
    }

    fn keys(response: &RangeResponse) -> String {
        response.kvs.iter().map(|kv| String::from_utf8_lossy(&kv.key).into_owned()).collect()
    }

    #[test]
    fn a_limit_cuts_the_pairs_but_not_the_count() {
        let response = answer(&store(), &RangeRequest { limit: 2, ..all() }).unwrap();
        assert_eq!((keys(&response).as_str(), response.more, response.count), ("ab", true, 3));
    }

    #[test]
    fn the_limit_applies_after_the_order() {
        let newest = RangeRequest {
            limit: 1,
            sort_order: SortOrder::Descend.into(),
            sort_target: SortTarget::Create.into(),
            ..all()
        };
        assert_eq!(keys(&answer(&store(), &newest).unwrap()), "c");
        let by_value = RangeRequest { sort_target: SortTarget::Value.into(), ..all() };
        assert_eq!(keys(&answer(&store(), &by_value).unwrap()), "bca");
    }

    #[test]
    fn filters_are_inclusive_bounds() {
        let request = RangeRequest { max_create_revision: 3, ..all() };
        assert_eq!(keys(&answer(&store(), &request).unwrap()), "ab");
    }

    #[test]
    fn keys_only_and_count_only_leave_the_rest_out() {
        let response = answer(&store(), &RangeRequest { keys_only: true, ..all() }).unwrap();
        assert!(response.kvs.iter().all(|kv| kv.value.is_empty()));
        let response = answer(&store(), &RangeRequest { count_only: true, ..all() }).unwrap();
        assert_eq!((response.kvs.len(), response.count), (0, 3));
    }

    #[test]
    fn a_revision_that_is_gone_or_to_come_is_an_error() {
        let mut store = store();
        store.compact(4).unwrap();
        let at = |revision| answer(&store, &RangeRequest { revision, ..all() });
        assert_eq!(at(3), Err(StoreError::Compacted));
        assert_eq!(at(6), Err(StoreError::Future));
        assert_eq!(keys(&at(4).unwrap()), "abc");
    }
}
