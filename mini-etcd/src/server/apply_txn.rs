//! Transactions: compares choose a branch, which is done whole or not at all.
//!
//! All that can fail is checked before the first change, so that a refused transaction changes
//! nothing on any member. Nested transactions choose their branches against the state before the
//! outermost one (etcd 3.3 etcdserver/apply.go `compareToPath`).

use std::collections::BTreeSet;

use anatomy_proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use anatomy_proto::etcdserverpb::request_op::Request;
use anatomy_proto::etcdserverpb::response_op::Response;
use anatomy_proto::etcdserverpb::{Compare, RequestOp, ResponseOp, TxnRequest, TxnResponse};
use anatomy_proto::mvccpb::KeyValue;
use bytes::Bytes;

use super::apply::{check_put, delete_range, header, put};
use super::refusal::Refusal;
use super::state::State;
use crate::lease::Lessor;
use crate::mvcc::{Keys, Store, Write, range};

/// Applies a transaction.
///
/// # Errors
/// The [`Refusal`] of the first operation that cannot be done; then nothing is.
pub fn apply(state: &mut State, txn: &TxnRequest) -> Result<TxnResponse, Refusal> {
    let mut path = Vec::new();
    choose(&state.store, txn, &mut path);
    let full = state.is_full();
    check(state, txn, &mut path.iter().copied(), &mut BTreeSet::new(), full)?;
    let mut write = state.store.write();
    let mut response = run(&mut write, &mut state.lessor, txn, &mut path.into_iter());
    response.header = header(write.finish());
    Ok(response)
}

/// Answers a transaction that only reads.
///
/// # Errors
/// The [`Refusal`] of the first read that cannot be done.
pub fn read(state: &State, txn: &TxnRequest) -> Result<TxnResponse, Refusal> {
    let mut path = Vec::new();
    choose(&state.store, txn, &mut path);
    let mut response = read_path(&state.store, txn, &mut path.into_iter())?;
    response.header = header(state.store.revision());
    Ok(response)
}

/// Whether no operation of a transaction changes anything.
pub fn is_read_only(txn: &TxnRequest) -> bool {
    txn.success.iter().chain(&txn.failure).all(|op| match &op.request {
        Some(Request::RequestRange(_)) | None => true,
        Some(Request::RequestTxn(inner)) => is_read_only(inner),
        Some(_) => false,
    })
}

/// Notes for the transaction and those nested in its branch, in order, whether they succeed.
fn choose(store: &Store, txn: &TxnRequest, path: &mut Vec<bool>) {
    let succeeded = txn.compare.iter().all(|compare| holds(store, compare));
    path.push(succeeded);
    for op in branch(txn, succeeded) {
        if let Some(Request::RequestTxn(inner)) = &op.request {
            choose(store, inner, path);
        }
    }
}

fn branch(txn: &TxnRequest, succeeded: bool) -> &[RequestOp] {
    if succeeded { &txn.success } else { &txn.failure }
}

fn holds(store: &Store, compare: &Compare) -> bool {
    let keys = Keys::new(compare.key.clone(), compare.range_end.clone());
    let kvs = store.range(&keys, 0, 0).map(|found| found.kvs).unwrap_or_default();
    if kvs.is_empty() {
        // A key that is not there has no value, and 0 for everything else.
        return compare.target() != CompareTarget::Value && fits(compare, &KeyValue::default());
    }
    kvs.iter().all(|kv| fits(compare, kv))
}

fn fits(compare: &Compare, kv: &KeyValue) -> bool {
    let number = |actual: i64| {
        let wanted = match &compare.target_union {
            Some(TargetUnion::Version(n) | TargetUnion::CreateRevision(n)) => *n,
            Some(TargetUnion::ModRevision(n) | TargetUnion::Lease(n)) => *n,
            Some(TargetUnion::Value(_)) | None => 0,
        };
        actual.cmp(&wanted)
    };
    let order = match compare.target() {
        CompareTarget::Version => number(kv.version),
        CompareTarget::Create => number(kv.create_revision),
        CompareTarget::Mod => number(kv.mod_revision),
        CompareTarget::Lease => number(kv.lease),
        CompareTarget::Value => match &compare.target_union {
            Some(TargetUnion::Value(value)) => kv.value.cmp(value),
            _ => kv.value.cmp(&Bytes::new()),
        },
    };
    match compare.result() {
        CompareResult::Equal => order.is_eq(),
        CompareResult::Greater => order.is_gt(),
        CompareResult::Less => order.is_lt(),
        CompareResult::NotEqual => order.is_ne(),
    }
}

fn check(
    state: &State,
    txn: &TxnRequest,
    path: &mut dyn Iterator<Item = bool>,
    made: &mut BTreeSet<Bytes>,
    full: bool,
) -> Result<(), Refusal> {
    let succeeded = path.next().expect("one choice for each transaction");
    for op in branch(txn, succeeded) {
        match &op.request {
            Some(Request::RequestRange(range)) => {
                state.store.readable(range.revision)?;
            }
            Some(Request::RequestPut(_)) if full => return Err(Refusal::NoSpace),
            Some(Request::RequestPut(put)) => {
                let mut exists = |key: &Bytes| {
                    made.contains(key)
                        || state.store.count(&Keys::single(key.clone()), 0).unwrap_or(0) > 0
                };
                check_put(put, &mut exists, &|lease| state.lessor.contains(lease))?;
                made.insert(put.key.clone());
            }
            Some(Request::RequestTxn(inner)) => check(state, inner, path, made, full)?,
            Some(Request::RequestDeleteRange(_)) | None => {}
        }
    }
    Ok(())
}

fn run(
    write: &mut Write<'_>,
    lessor: &mut Lessor,
    txn: &TxnRequest,
    path: &mut dyn Iterator<Item = bool>,
) -> TxnResponse {
    let succeeded = path.next().expect("one choice for each transaction");
    let mut responses = Vec::new();
    for op in branch(txn, succeeded) {
        let response = match &op.request {
            Some(Request::RequestRange(request)) => {
                let mut response = range::answer(write, request).expect("it was checked");
                response.header = header(write.revision());
                Response::ResponseRange(response)
            }
            Some(Request::RequestPut(request)) => {
                let key = request.key.clone();
                let (mut response, lease) = put(write, request.clone());
                lessor.attach(&key, lease);
                response.header = header(write.revision());
                Response::ResponsePut(response)
            }
            Some(Request::RequestDeleteRange(request)) => {
                let mut response = delete_range(write, request, &mut |key| lessor.attach(key, 0));
                response.header = header(write.revision());
                Response::ResponseDeleteRange(response)
            }
            Some(Request::RequestTxn(inner)) => {
                Response::ResponseTxn(run(write, lessor, inner, path))
            }
            None => continue,
        };
        responses.push(ResponseOp { response: Some(response) });
    }
    TxnResponse { header: None, succeeded, responses }
}

fn read_path(
    store: &Store,
    txn: &TxnRequest,
    path: &mut dyn Iterator<Item = bool>,
) -> Result<TxnResponse, Refusal> {
    let succeeded = path.next().expect("one choice for each transaction");
    let mut responses = Vec::new();
    for op in branch(txn, succeeded) {
        let response = match &op.request {
            Some(Request::RequestRange(request)) => {
                let mut response = range::answer(store, request)?;
                response.header = header(store.revision());
                Response::ResponseRange(response)
            }
            Some(Request::RequestTxn(inner)) => {
                Response::ResponseTxn(read_path(store, inner, path)?)
            }
            _ => continue,
        };
        responses.push(ResponseOp { response: Some(response) });
    }
    Ok(TxnResponse { header: None, succeeded, responses })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::membership::Membership;
    use anatomy_proto::etcdserverpb::{PutRequest, RangeRequest};

    fn state() -> State {
        State::new(Membership::default(), std::time::Duration::from_secs(1))
    }

    fn op(request: Request) -> RequestOp {
        RequestOp { request: Some(request) }
    }

    fn put(key: &'static str) -> RequestOp {
        let key = Bytes::from_static(key.as_bytes());
        op(Request::RequestPut(PutRequest { key, ..PutRequest::default() }))
    }

    fn get(key: &'static str, revision: i64) -> RequestOp {
        let key = Bytes::from_static(key.as_bytes());
        op(Request::RequestRange(RangeRequest { key, revision, ..RangeRequest::default() }))
    }

    /// As an apiserver creates: if the key was never put, put it; else read it.
    fn create(key: &'static str) -> TxnRequest {
        let compare = Compare {
            result: CompareResult::Equal.into(),
            target: CompareTarget::Mod.into(),
            key: Bytes::from_static(key.as_bytes()),
            target_union: Some(TargetUnion::ModRevision(0)),
            ..Compare::default()
        };
        TxnRequest { compare: vec![compare], success: vec![put(key)], failure: vec![get(key, 0)] }
    }

    #[test]
    fn the_second_of_two_creations_reads_what_the_first_made() {
        let mut state = state();
        assert!(apply(&mut state, &create("a")).unwrap().succeeded);
        let second = apply(&mut state, &create("a")).unwrap();
        assert!(!second.succeeded);
        let Some(Response::ResponseRange(range)) = &second.responses[0].response else {
            panic!("{second:?}");
        };
        assert_eq!(range.kvs[0].mod_revision, 2);
        assert_eq!(state.store.revision(), 2);
    }

    #[test]
    fn a_transaction_that_reads_the_future_changes_nothing() {
        let mut state = state();
        let txn = TxnRequest { success: vec![put("a"), get("a", 9)], ..TxnRequest::default() };
        assert_eq!(apply(&mut state, &txn), Err(Refusal::FutureRevision));
        assert_eq!(state.store.revision(), 1);
    }

    #[test]
    fn a_nested_transaction_is_of_the_same_revision() {
        let mut state = state();
        let inner = op(Request::RequestTxn(create("b")));
        let txn = TxnRequest { success: vec![put("a"), inner], ..TxnRequest::default() };
        assert!(!is_read_only(&txn));
        apply(&mut state, &txn).unwrap();
        assert_eq!(state.store.events(2, 2).count(), 2);
        assert_eq!(state.store.revision(), 2);
    }

    #[test]
    fn a_key_that_is_not_there_has_no_value() {
        let compare = Compare {
            result: CompareResult::NotEqual.into(),
            target: CompareTarget::Value.into(),
            target_union: Some(TargetUnion::Value(Bytes::from_static(b"x"))),
            key: Bytes::from_static(b"a"),
            ..Compare::default()
        };
        assert!(!holds(&Store::default(), &compare));
    }
}
