//! Requests of the sequential etcd ([`Request`]) as calls of the real one.

use anatomy_proto::etcdserverpb as pb;
use anatomy_proto::mvccpb::KeyValue;
use bytes::Bytes;
use mini_etcd::client::{Client, Error};
use pb::compare::{CompareResult, CompareTarget, TargetUnion};
use pb::request_op::Request as Op;
use pb::response_op::Response;

use crate::oracle::linearizability::kv::{Answer, Compare, Keys, Reply, Request, Step};

/// Makes a request: one step as the call of that name, more as a transaction. Returns the answer and
/// its revision.
///
/// # Errors
/// What the client says.
pub async fn call(client: Client, request: &Request) -> Result<(Answer, i64), Error> {
    let (answer, header) = match (&request.compare[..], &request.success[..]) {
        ([], [Step::Put(key, value)]) => {
            let answer = client.put(put(key, value)).await?;
            (Reply::Put.into(), answer.header)
        }
        ([], [Step::Get(keys)]) => {
            let answer = client.range(range(keys)).await?;
            (Reply::Got(pairs(&answer.kvs)).into(), answer.header)
        }
        ([], [Step::Delete(keys)]) => {
            let answer = client.delete_range(delete(keys)).await?;
            (Reply::Deleted(answer.deleted as u64).into(), answer.header)
        }
        _ => {
            let answer = client.txn(transaction(request)).await?;
            let replies = answer.responses.iter().filter_map(|op| op.response.as_ref());
            let replies = replies.map(reply).collect();
            (Answer { succeeded: answer.succeeded, replies }, answer.header)
        }
    };
    Ok((answer, header.map_or(0, |header| header.revision)))
}

/// A put.
pub fn put(key: &Bytes, value: &Bytes) -> pb::PutRequest {
    pb::PutRequest { key: key.clone(), value: value.clone(), ..pb::PutRequest::default() }
}

fn bounds(keys: &Keys) -> (Bytes, Bytes) {
    match keys {
        Keys::One(key) => (key.clone(), Bytes::new()),
        Keys::Range(from, to) => (from.clone(), to.clone()),
    }
}

/// A read of the newest.
pub fn range(keys: &Keys) -> pb::RangeRequest {
    let (key, range_end) = bounds(keys);
    pb::RangeRequest { key, range_end, ..pb::RangeRequest::default() }
}

fn delete(keys: &Keys) -> pb::DeleteRangeRequest {
    let (key, range_end) = bounds(keys);
    pb::DeleteRangeRequest { key, range_end, ..pb::DeleteRangeRequest::default() }
}

/// The transaction that a request is.
pub fn transaction(request: &Request) -> pb::TxnRequest {
    let op = |step: &Step| pb::RequestOp {
        request: Some(match step {
            Step::Put(key, value) => Op::RequestPut(put(key, value)),
            Step::Get(keys) => Op::RequestRange(range(keys)),
            Step::Delete(keys) => Op::RequestDeleteRange(delete(keys)),
        }),
    };
    pb::TxnRequest {
        compare: request.compare.iter().map(compare).collect(),
        success: request.success.iter().map(op).collect(),
        failure: request.failure.iter().map(op).collect(),
    }
}

fn compare(compare: &Compare) -> pb::Compare {
    let (key, result, target, union) = match compare {
        Compare::Value(key, value) => {
            (key, CompareResult::Equal, CompareTarget::Value, TargetUnion::Value(value.clone()))
        }
        Compare::Exists(key, there) => {
            let result = if *there { CompareResult::Greater } else { CompareResult::Equal };
            (key, result, CompareTarget::Version, TargetUnion::Version(0))
        }
    };
    pb::Compare {
        key: key.clone(),
        result: result as i32,
        target: target as i32,
        target_union: Some(union),
        ..pb::Compare::default()
    }
}

fn pairs(kvs: &[KeyValue]) -> Vec<(Bytes, Bytes)> {
    kvs.iter().map(|kv| (kv.key.clone(), kv.value.clone())).collect()
}

fn reply(response: &Response) -> Reply {
    match response {
        Response::ResponseRange(answer) => Reply::Got(pairs(&answer.kvs)),
        Response::ResponseDeleteRange(answer) => Reply::Deleted(answer.deleted as u64),
        // Nobody here asks for transactions inside transactions.
        Response::ResponsePut(_) | Response::ResponseTxn(_) => Reply::Put,
    }
}
