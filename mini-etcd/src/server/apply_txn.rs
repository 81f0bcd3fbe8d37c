//! Transactions: compares choose a branch, which is done whole or not at all.
//!
//! All that can fail is checked before the first change, so that a refused transaction changes
//! nothing on any member. Nested transactions choose their branches against the state before the
//! outermost one (etcd 3.3 etcdserver/apply.go `compareToPath`).

use std::cmp::Ordering;

use anatomy_proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use anatomy_proto::etcdserverpb::request_op::Request;
use anatomy_proto::etcdserverpb::response_op::Response;
use anatomy_proto::etcdserverpb::{
    Compare, RequestOp, ResponseHeader, ResponseOp, TxnRequest, TxnResponse,
};
use anatomy_proto::mvccpb::KeyValue;
use bytes::Bytes;

use super::apply::{check_put, delete_range, header, put, put_cost};
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
    if state.is_full() && puts(txn) > 0 {
        return Err(Refusal::NoSpace);
    }
    check(state, txn, &path)?;
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

/// What the puts of a transaction may take of the database, in bytes: those of its larger branch,
/// nested ones aside (etcd 3.4 etcdserver/quota.go `costTxn`).
pub fn puts(txn: &TxnRequest) -> u64 {
    let cost = |ops: &[RequestOp]| -> u64 {
        let puts = ops.iter().filter_map(|op| match &op.request {
            Some(Request::RequestPut(request)) => Some(put_cost(request)),
            _ => None,
        });
        puts.sum()
    };
    cost(&txn.success).max(cost(&txn.failure))
}

/// A transaction whose branch is chosen already, and whether it is the first; for the planted defect
/// alone.
pub(super) fn decided(store: &Store, mut txn: TxnRequest) -> (TxnRequest, Option<bool>) {
    let succeeded = txn.compare.drain(..).all(|compare| holds(store, &compare));
    if !succeeded {
        txn.success = std::mem::take(&mut txn.failure);
    }
    (txn, Some(succeeded))
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

/// What is compared with has to be of the target's kind; otherwise it counts as not given, 0 or
/// empty. A target that does not exist is equal, and a result that does not exist holds
/// (`compareKV`).
fn fits(compare: &Compare, kv: &KeyValue) -> bool {
    let given = compare.target_union.as_ref();
    let order = match (CompareTarget::try_from(compare.target), given) {
        (Ok(CompareTarget::Version), Some(TargetUnion::Version(n))) => kv.version.cmp(n),
        (Ok(CompareTarget::Version), _) => kv.version.cmp(&0),
        (Ok(CompareTarget::Create), Some(TargetUnion::CreateRevision(n))) => {
            kv.create_revision.cmp(n)
        }
        (Ok(CompareTarget::Create), _) => kv.create_revision.cmp(&0),
        (Ok(CompareTarget::Mod), Some(TargetUnion::ModRevision(n))) => kv.mod_revision.cmp(n),
        (Ok(CompareTarget::Mod), _) => kv.mod_revision.cmp(&0),
        (Ok(CompareTarget::Lease), Some(TargetUnion::Lease(n))) => kv.lease.cmp(n),
        (Ok(CompareTarget::Lease), _) => kv.lease.cmp(&0),
        (Ok(CompareTarget::Value), Some(TargetUnion::Value(value))) => kv.value.cmp(value),
        (Ok(CompareTarget::Value), _) => kv.value.cmp(&Bytes::new()),
        (Err(_), _) => Ordering::Equal,
    };
    match CompareResult::try_from(compare.result) {
        Ok(CompareResult::Equal) => order.is_eq(),
        Ok(CompareResult::Greater) => order.is_gt(),
        Ok(CompareResult::Less) => order.is_lt(),
        Ok(CompareResult::NotEqual) => order.is_ne(),
        Err(_) => true,
    }
}

/// Whether all of the chosen operations can be done: first the puts, then the reads.
fn check(state: &State, txn: &TxnRequest, path: &[bool]) -> Result<(), Refusal> {
    each(txn, &mut path.iter().copied(), &mut |request| {
        let Request::RequestPut(put) = request else { return Ok(()) };
        let keys = Keys::single(put.key.clone());
        let exists = || state.store.count(&keys, 0).unwrap_or(0) > 0;
        check_put(put, exists, &state.lessor)
    })?;
    each(txn, &mut path.iter().copied(), &mut |request| {
        let Request::RequestRange(range) = request else { return Ok(()) };
        state.store.readable(range.revision)?;
        Ok(())
    })
}

/// Calls `check` with the chosen operations, nested ones included, up to the first refusal.
fn each(
    txn: &TxnRequest,
    path: &mut dyn Iterator<Item = bool>,
    check: &mut dyn FnMut(&Request) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let succeeded = path.next().expect("one choice for each transaction");
    for request in branch(txn, succeeded).iter().filter_map(|op| op.request.as_ref()) {
        match request {
            Request::RequestTxn(inner) => each(inner, path, check)?,
            other => check(other)?,
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
    TxnResponse { header: Some(ResponseHeader::default()), succeeded, responses }
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
    Ok(TxnResponse { header: Some(ResponseHeader::default()), succeeded, responses })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::membership::Membership;
    use anatomy_proto::etcdserverpb::{AlarmType, PutRequest, RangeRequest};

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
    fn a_full_member_takes_no_transaction_that_could_put() {
        let mut state = state();
        state.alarms.insert((1, AlarmType::Nospace as i32));
        let reads = TxnRequest { success: vec![get("a", 0)], ..TxnRequest::default() };
        assert!(apply(&mut state, &reads).is_ok());
        // Its compare fails, so it would only read.
        let mut txn = create("a");
        txn.compare[0].result = CompareResult::Greater.into();
        assert_eq!(apply(&mut state, &txn), Err(Refusal::NoSpace));
    }

    #[test]
    fn what_is_compared_with_has_to_be_of_the_targets_kind() {
        let compare = Compare {
            result: CompareResult::Equal.into(),
            target: CompareTarget::Version.into(),
            target_union: Some(TargetUnion::Lease(3)),
            key: Bytes::from_static(b"a"),
            ..Compare::default()
        };
        assert!(holds(&Store::default(), &compare), "compared with no version, which is 0");
        assert!(holds(&Store::default(), &Compare { result: 77, ..compare }));
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
