//! What is wrong with a request by itself, before it goes anywhere (etcd 3.4
//! etcdserver/api/v3rpc/key.go).

use anatomy_proto::etcdserverpb::request_op::Request;
use anatomy_proto::etcdserverpb::{
    DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, TxnRequest,
};

use crate::mvcc::Keys;
use crate::server::refusal::Refusal;

/// Operations in a transaction (etcd 3.2 embed/config.go `DefaultMaxTxnOps`).
const OPS_MAX: usize = 128;

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

pub(super) fn txn(request: &TxnRequest) -> Result<(), Refusal> {
    let TxnRequest { compare, success, failure } = request;
    if [compare.len(), success.len(), failure.len()].into_iter().any(|n| n > OPS_MAX) {
        return Err(Refusal::TooManyOps);
    }
    if compare.iter().any(|compare| compare.key.is_empty()) {
        return Err(Refusal::EmptyKey);
    }
    for branch in [success, failure] {
        for op in branch {
            match &op.request {
                Some(Request::RequestRange(request)) => range(request)?,
                Some(Request::RequestPut(request)) => put(request)?,
                Some(Request::RequestDeleteRange(request)) => delete_range(request)?,
                Some(Request::RequestTxn(request)) => txn(request)?,
                None => {}
            }
        }
        changes(branch)?;
    }
    Ok(())
}

/// What a branch puts and deletes. A key may be put once, and not also be deleted.
fn changes(branch: &[RequestOp]) -> Result<(Vec<Keys>, Vec<Keys>), Refusal> {
    let (mut puts, mut deletes): (Vec<Keys>, Vec<Keys>) = (Vec::new(), Vec::new());
    for op in branch {
        let (new_puts, new_deletes) = match &op.request {
            Some(Request::RequestPut(put)) => (vec![Keys::single(put.key.clone())], vec![]),
            Some(Request::RequestDeleteRange(delete)) => {
                (vec![], vec![Keys::new(delete.key.clone(), delete.range_end.clone())])
            }
            Some(Request::RequestTxn(inner)) => {
                // One of the branches is done: two of them may change the same key.
                let (mut puts, mut deletes) = changes(&inner.success)?;
                let other = changes(&inner.failure)?;
                puts.extend(other.0);
                deletes.extend(other.1);
                (puts, deletes)
            }
            Some(Request::RequestRange(_)) | None => continue,
        };
        let hits = |a: &[Keys], b: &[Keys]| a.iter().any(|a| b.iter().any(|b| a.overlaps(b)));
        if hits(&new_puts, &puts) || hits(&new_puts, &deletes) || hits(&new_deletes, &puts) {
            return Err(Refusal::DuplicateKey);
        }
        puts.extend(new_puts);
        deletes.extend(new_deletes);
    }
    Ok((puts, deletes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

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
        txn(&TxnRequest { success, ..TxnRequest::default() })
    }

    #[test]
    fn a_key_may_be_changed_once_in_a_transaction() {
        assert_eq!(check(vec![put_op("a"), put_op("b"), delete_op("c", "")]), Ok(()));
        assert_eq!(check(vec![put_op("a"), put_op("a")]), Err(Refusal::DuplicateKey));
        assert_eq!(check(vec![put_op("b"), delete_op("a", "c")]), Err(Refusal::DuplicateKey));
        assert_eq!(check(vec![delete_op("a", "\0"), put_op("b")]), Err(Refusal::DuplicateKey));
        assert_eq!(check(vec![delete_op("a", "c"), delete_op("b", "")]), Ok(()));
    }

    #[test]
    fn both_branches_of_a_nested_transaction_may_change_a_key() {
        let inner =
            TxnRequest { compare: vec![], success: vec![put_op("a")], failure: vec![put_op("a")] };
        let nested = || RequestOp { request: Some(Request::RequestTxn(inner.clone())) };
        assert_eq!(check(vec![nested()]), Ok(()));
        assert_eq!(check(vec![nested(), put_op("a")]), Err(Refusal::DuplicateKey));
    }

    #[test]
    fn a_transaction_has_at_most_128_operations() {
        let many = |n| (0..n).map(|_| RequestOp { request: None }).collect();
        assert_eq!(check(many(128)), Ok(()));
        assert_eq!(check(many(129)), Err(Refusal::TooManyOps));
    }
}
