//! What is wrong with a request by itself, before it goes anywhere (etcd 3.4
//! etcdserver/api/v3rpc/key.go).

use std::collections::BTreeSet;

use anatomy_proto::etcdserverpb::request_op::Request;
use anatomy_proto::etcdserverpb::{
    DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, TxnRequest,
};
use bytes::Bytes;

use crate::mvcc::Keys;
use crate::server::refusal::Refusal;

pub(super) fn range(request: &RangeRequest) -> Result<(), Refusal> {
    if request.key.is_empty() { Err(Refusal::EmptyKey) } else { Ok(()) }
}

pub(super) fn put(request: &PutRequest) -> Result<(), Refusal> {
    if request.key.is_empty() {
        return Err(Refusal::EmptyKey);
    }
    if request.ignore_value && !request.value.is_empty() {
        return Err(Refusal::ValueProvided);
    }
    if request.ignore_lease && request.lease != 0 {
        return Err(Refusal::LeaseProvided);
    }
    Ok(())
}

pub(super) fn delete_range(request: &DeleteRangeRequest) -> Result<(), Refusal> {
    if request.key.is_empty() { Err(Refusal::EmptyKey) } else { Ok(()) }
}

/// A transaction of at most `ops_max` operations (`--max-txn-ops`) on its longest path.
pub(super) fn txn(request: &TxnRequest, ops_max: usize) -> Result<(), Refusal> {
    operations(request, ops_max)?;
    changes(&request.success)?;
    changes(&request.failure)?;
    Ok(())
}

fn operations(request: &TxnRequest, ops_max: usize) -> Result<(), Refusal> {
    let TxnRequest { compare, success, failure } = request;
    let longest = compare.len().max(success.len()).max(failure.len());
    let left = ops_max.checked_sub(longest).ok_or(Refusal::TooManyOps)?;
    if compare.iter().any(|compare| compare.key.is_empty()) {
        return Err(Refusal::EmptyKey);
    }
    for op in success.iter().chain(failure) {
        match &op.request {
            Some(Request::RequestRange(request)) => range(request)?,
            Some(Request::RequestPut(request)) => put(request)?,
            Some(Request::RequestDeleteRange(request)) => delete_range(request)?,
            Some(Request::RequestTxn(request)) => operations(request, left)?,
            None => return Err(Refusal::KeyNotFound),
        }
    }
    Ok(())
}

/// What a branch puts and deletes. A key may be put once, and not also be deleted
/// (`checkIntervals`).
///
/// As in etcd, a nested transaction's puts are held against the deletions of those before it and of
/// its surroundings, but not its deletions against their puts; and a deletion without an end
/// (`"\0"`) is held against nothing.
fn changes(branch: &[RequestOp]) -> Result<(BTreeSet<Bytes>, Vec<Keys>), Refusal> {
    let requests = || branch.iter().filter_map(|op| op.request.as_ref());
    let mut deleted: Vec<Keys> = requests()
        .filter_map(|request| match request {
            Request::RequestDeleteRange(delete) if delete.range_end[..] != [0] => {
                Some(Keys::new(delete.key.clone(), delete.range_end.clone()))
            }
            _ => None,
        })
        .collect();
    let mut put: BTreeSet<Bytes> = BTreeSet::new();
    for request in requests() {
        let Request::RequestTxn(inner) = request else { continue };
        let (success, failure) = (changes(&inner.success)?, changes(&inner.failure)?);
        // One of the branches is done: both may put the same key.
        let may_be: BTreeSet<Bytes> = success.0.union(&failure.0).cloned().collect();
        for key in may_be {
            note_put(key, &mut put, &deleted)?;
        }
        deleted.extend(success.1.into_iter().chain(failure.1));
    }
    for request in requests() {
        let Request::RequestPut(request) = request else { continue };
        note_put(request.key.clone(), &mut put, &deleted)?;
    }
    Ok((put, deleted))
}

fn note_put(key: Bytes, put: &mut BTreeSet<Bytes>, deleted: &[Keys]) -> Result<(), Refusal> {
    let is_deleted = deleted.iter().any(|keys| keys.contains(&key));
    if is_deleted || !put.insert(key) { Err(Refusal::DuplicateKey) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put_op(key: &'static str) -> RequestOp {
        let key = Bytes::from_static(key.as_bytes());
        let put = PutRequest { key, ..PutRequest::default() };
        RequestOp { request: Some(Request::RequestPut(put)) }
    }

    fn delete_op(key: &'static str, end: &'static str) -> RequestOp {
        let (key, range_end) =
            (Bytes::from_static(key.as_bytes()), Bytes::from_static(end.as_bytes()));
        let delete = DeleteRangeRequest { key, range_end, prev_kv: false };
        RequestOp { request: Some(Request::RequestDeleteRange(delete)) }
    }

    fn check(success: Vec<RequestOp>) -> Result<(), Refusal> {
        txn(&TxnRequest { success, ..TxnRequest::default() }, 128)
    }

    #[test]
    fn a_key_may_be_changed_once_in_a_transaction() {
        assert_eq!(check(vec![put_op("a"), put_op("b"), delete_op("c", "")]), Ok(()));
        assert_eq!(check(vec![put_op("a"), put_op("a")]), Err(Refusal::DuplicateKey));
        assert_eq!(check(vec![put_op("b"), delete_op("a", "c")]), Err(Refusal::DuplicateKey));
        assert_eq!(check(vec![put_op("b"), delete_op("b", "")]), Err(Refusal::DuplicateKey));
        assert_eq!(check(vec![delete_op("a", "\0"), put_op("b")]), Ok(()), "as etcd 3.4.23");
        assert_eq!(check(vec![delete_op("a", "c"), delete_op("b", "")]), Ok(()));
    }

    fn nested(success: Vec<RequestOp>, failure: Vec<RequestOp>) -> RequestOp {
        let inner = TxnRequest { compare: vec![], success, failure };
        RequestOp { request: Some(Request::RequestTxn(inner)) }
    }

    #[test]
    fn both_branches_of_a_nested_transaction_may_change_a_key() {
        let both = || nested(vec![put_op("a")], vec![put_op("a")]);
        assert_eq!(check(vec![both()]), Ok(()));
        assert_eq!(check(vec![both(), put_op("a")]), Err(Refusal::DuplicateKey));
        assert_eq!(check(vec![both(), both()]), Err(Refusal::DuplicateKey));
    }

    #[test]
    fn a_nested_put_is_held_against_the_deletions_before_and_around_it() {
        let deletes = || nested(vec![delete_op("a", "")], vec![]);
        let puts = || nested(vec![put_op("a")], vec![]);
        assert_eq!(check(vec![puts(), delete_op("a", "")]), Err(Refusal::DuplicateKey));
        assert_eq!(check(vec![deletes(), puts()]), Err(Refusal::DuplicateKey));
        assert_eq!(check(vec![puts(), deletes()]), Ok(()));
    }

    #[test]
    fn a_transaction_has_at_most_128_operations_nested_ones_included() {
        let many = |n: usize| -> Vec<RequestOp> { (0..n).map(|_| delete_op("a", "")).collect() };
        assert_eq!(check(many(128)), Ok(()));
        assert_eq!(check(many(129)), Err(Refusal::TooManyOps));
        assert_eq!(check(vec![nested(many(127), vec![])]), Ok(()));
        assert_eq!(check(vec![nested(many(128), vec![])]), Err(Refusal::TooManyOps));
    }

    #[test]
    fn an_operation_of_no_kind_is_refused() {
        assert_eq!(check(vec![RequestOp { request: None }]), Err(Refusal::KeyNotFound));
    }
}
