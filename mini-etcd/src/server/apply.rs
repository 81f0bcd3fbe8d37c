//! Applying requests from the log. What happens is a function of the state and the request, so
//! that all members agree; time plays no part, except that a leader notes when a lease runs out.

use anatomy_proto::etcdserverpb::alarm_request::AlarmAction;
use anatomy_proto::etcdserverpb::{
    AlarmMember, AlarmRequest, AlarmResponse, CompactionResponse, DeleteRangeRequest,
    DeleteRangeResponse, InternalRaftRequest, LeaseGrantResponse, LeaseRevokeResponse, Member,
    PutRequest, PutResponse, Request, ResponseHeader, TxnResponse,
};
use tokio::time::Instant;

use super::apply_txn;
use super::refusal::Refusal;
use super::state::State;
use crate::lease::Lessor;
use crate::mvcc::{Keys, Write};

/// What came of a request. Headers have their revision alone.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// To a put.
    Put(PutResponse),
    /// To a deletion.
    DeleteRange(DeleteRangeResponse),
    /// To a transaction.
    Txn(TxnResponse),
    /// To a compaction.
    Compact(CompactionResponse),
    /// To a lease's grant.
    LeaseGrant(LeaseGrantResponse),
    /// To a lease's end.
    LeaseRevoke(LeaseRevokeResponse),
    /// To a change of alarms.
    Alarm(AlarmResponse),
    /// To a change of the members: all there are now.
    Members(Vec<Member>),
    /// To what has no answer.
    Done,
}

/// What a request comes to.
pub type Outcome = Result<Reply, Refusal>;

/// A header that has its revision alone.
pub fn header(revision: i64) -> Option<ResponseHeader> {
    Some(ResponseHeader { revision, ..ResponseHeader::default() })
}

/// Applies a request.
pub fn apply(state: &mut State, request: InternalRaftRequest, now: Instant) -> Outcome {
    if state.is_corrupt() && changes_store(&request) {
        return Err(Refusal::Corrupt);
    }
    if state.is_full() && (request.put.is_some() || request.lease_grant.is_some()) {
        return Err(Refusal::NoSpace);
    }
    if let Some(put) = request.put {
        return apply_put(state, put).map(Reply::Put);
    }
    if let Some(delete) = request.delete_range {
        let mut write = state.store.write();
        let mut response = delete_range(&mut write, &delete, &mut |key| {
            state.lessor.attach(key, 0);
        });
        response.header = header(write.finish());
        return Ok(Reply::DeleteRange(response));
    }
    if let Some(txn) = request.txn {
        return apply_txn::apply(state, &txn).map(Reply::Txn);
    }
    if let Some(compaction) = request.compaction {
        state.store.compact(compaction.revision)?;
        let header = header(state.store.revision());
        return Ok(Reply::Compact(CompactionResponse { header }));
    }
    if let Some(grant) = request.lease_grant {
        let ttl = state.lessor.grant(grant.id, grant.ttl, now)?;
        let header = header(state.store.revision());
        let error = String::new();
        return Ok(Reply::LeaseGrant(LeaseGrantResponse { header, id: grant.id, ttl, error }));
    }
    if let Some(revoke) = request.lease_revoke {
        let keys = state.lessor.revoke(revoke.id)?;
        let mut write = state.store.write();
        for key in keys {
            write.delete_range(&Keys::single(key));
        }
        let header = header(write.finish());
        return Ok(Reply::LeaseRevoke(LeaseRevokeResponse { header }));
    }
    if let Some(noted) = request.lease_checkpoint {
        for checkpoint in noted.checkpoints {
            state.lessor.checkpoint(checkpoint.id, checkpoint.remaining_ttl, now);
        }
        return Ok(Reply::Done);
    }
    if let Some(alarm) = request.alarm {
        return Ok(Reply::Alarm(apply_alarm(state, &alarm)));
    }
    if let Some(request) = request.v2 {
        apply_attributes(state, &request);
    }
    Ok(Reply::Done)
}

/// Whether a request is one that a cluster whose members disagree takes no more (etcd 3.4
/// etcdserver/corrupt.go `applierV3Corrupt`).
fn changes_store(request: &InternalRaftRequest) -> bool {
    request.put.is_some()
        || request.delete_range.is_some()
        || request.txn.is_some()
        || request.compaction.is_some()
        || request.lease_grant.is_some()
        || request.lease_revoke.is_some()
}

fn apply_put(state: &mut State, put: PutRequest) -> Result<PutResponse, Refusal> {
    let mut write = state.store.write();
    check_put(&put, || write.get(&put.key).is_some(), &state.lessor)?;
    let key = put.key.clone();
    let (mut response, lease) = self::put(&mut write, put);
    response.header = header(write.finish());
    state.lessor.attach(&key, lease);
    Ok(response)
}

/// Whether a put can be done.
pub(super) fn check_put(
    put: &PutRequest,
    exists: impl FnOnce() -> bool,
    lessor: &Lessor,
) -> Result<(), Refusal> {
    if put.lease != 0 && !lessor.contains(put.lease) {
        return Err(Refusal::LeaseNotFound);
    }
    if (put.ignore_value || put.ignore_lease) && !exists() {
        return Err(Refusal::KeyNotFound);
    }
    Ok(())
}

/// What a put may take of the database, in bytes (etcd 3.2 etcdserver/quota.go `costPut`).
pub fn put_cost(put: &PutRequest) -> u64 {
    const OVERHEAD: u64 = 256;
    OVERHEAD + (put.key.len() + put.value.len()) as u64
}

/// Does a put that was checked. Returns the lease that the key hangs on now.
pub(super) fn put(write: &mut Write<'_>, put: PutRequest) -> (PutResponse, i64) {
    let (mut value, mut lease) = (put.value, put.lease);
    if put.ignore_value || put.ignore_lease {
        let old = write.get(&put.key).unwrap_or_default();
        value = if put.ignore_value { old.value } else { value };
        lease = if put.ignore_lease { old.lease } else { lease };
    }
    let previous = write.put(put.key, value, lease);
    let prev_kv = previous.filter(|_| put.prev_kv);
    (PutResponse { header: None, prev_kv }, lease)
}

/// Does a deletion, calling `detach` with each key.
pub(super) fn delete_range(
    write: &mut Write<'_>,
    request: &DeleteRangeRequest,
    detach: &mut dyn FnMut(&bytes::Bytes),
) -> DeleteRangeResponse {
    let keys = Keys::new(request.key.clone(), request.range_end.clone());
    let gone = write.delete_range(&keys);
    gone.iter().for_each(|kv| detach(&kv.key));
    DeleteRangeResponse {
        header: None,
        deleted: gone.len() as i64,
        prev_kvs: if request.prev_kv { gone } else { Vec::new() },
    }
}

fn apply_alarm(state: &mut State, request: &AlarmRequest) -> AlarmResponse {
    let alarm = (request.member_id, request.alarm);
    let changed = match request.action() {
        AlarmAction::Activate => {
            state.alarms.insert(alarm);
            vec![alarm]
        }
        AlarmAction::Deactivate if state.alarms.remove(&alarm) => vec![alarm],
        AlarmAction::Deactivate => Vec::new(),
        AlarmAction::Get => {
            let asked = |(_, which): &&(u64, i32)| request.alarm == 0 || *which == request.alarm;
            state.alarms.iter().filter(asked).copied().collect()
        }
    };
    let alarms = changed.into_iter().map(|(member_id, alarm)| AlarmMember { member_id, alarm });
    AlarmResponse { header: header(state.store.revision()), alarms: alarms.collect() }
}

/// A member tells its name and client addresses: `PUT /0/members/{id}/attributes` of the v2 store
/// (etcd 3.4 etcdserver/api/membership/store.go).
fn apply_attributes(state: &mut State, request: &Request) {
    let id = request
        .path
        .strip_prefix("/0/members/")
        .and_then(|rest| rest.strip_suffix("/attributes"))
        .and_then(|id| u64::from_str_radix(id, 16).ok());
    let Some(member) = id.and_then(|id| state.membership.members.get_mut(&id)) else {
        return;
    };
    let Ok(attributes) = serde_json::from_str::<serde_json::Value>(&request.val) else {
        return;
    };
    member.name = attributes["name"].as_str().unwrap_or_default().to_owned();
    let urls = attributes["clientURLs"].as_array().into_iter().flatten();
    member.client_ur_ls = urls.filter_map(|url| Some(url.as_str()?.to_owned())).collect();
}

/// The request by which a member tells its name and client addresses.
pub fn attributes(id: u64, name: &str, client_urls: &[String]) -> Request {
    Request {
        id: 0,
        method: "PUT".into(),
        path: format!("/0/members/{id:x}/attributes"),
        val: serde_json::json!({ "name": name, "clientURLs": client_urls }).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::membership::Membership;
    use anatomy_proto::etcdserverpb::{LeaseGrantRequest, LeaseRevokeRequest};
    use bytes::Bytes;

    fn state() -> State {
        let addr = ([10, 0, 0, 1], 2380).into();
        let membership = Membership::initial(&[("a".into(), addr)], "t");
        State::new(membership, std::time::Duration::from_secs(1))
    }

    fn apply(state: &mut State, request: InternalRaftRequest) -> Outcome {
        super::apply(state, request, Instant::now())
    }

    fn put(key: &'static str, lease: i64) -> PutRequest {
        PutRequest { key: Bytes::from_static(key.as_bytes()), lease, ..PutRequest::default() }
    }

    fn put_request(put: PutRequest) -> InternalRaftRequest {
        InternalRaftRequest { put: Some(put), ..InternalRaftRequest::default() }
    }

    #[test]
    fn a_put_with_an_unknown_lease_is_refused() {
        let outcome = apply(&mut state(), put_request(put("a", 5)));
        assert_eq!(outcome, Err(Refusal::LeaseNotFound));
    }

    #[test]
    fn a_put_may_keep_the_value_of_a_key_that_exists_alone() {
        let mut state = state();
        let keep = || put_request(PutRequest { ignore_value: true, ..put("a", 0) });
        assert_eq!(apply(&mut state, keep()), Err(Refusal::KeyNotFound));
        let value = Bytes::from_static(b"1");
        apply(&mut state, put_request(PutRequest { value: value.clone(), ..put("a", 0) })).unwrap();
        apply(&mut state, keep()).unwrap();
        let kv = state.store.range(&Keys::single(Bytes::from_static(b"a")), 0, 0).unwrap();
        assert_eq!((kv.kvs[0].value.clone(), kv.kvs[0].version), (value, 2));
    }

    #[test]
    fn a_revoked_lease_takes_its_keys_along_in_one_revision() {
        let mut state = state();
        let grant = LeaseGrantRequest { id: 5, ttl: 10 };
        let grant =
            InternalRaftRequest { lease_grant: Some(grant), ..InternalRaftRequest::default() };
        apply(&mut state, grant).unwrap();
        apply(&mut state, put_request(put("a", 5))).unwrap();
        apply(&mut state, put_request(put("b", 5))).unwrap();
        let revoke = InternalRaftRequest {
            lease_revoke: Some(LeaseRevokeRequest { id: 5 }),
            ..InternalRaftRequest::default()
        };
        apply(&mut state, revoke).unwrap();
        assert_eq!(state.store.events(4, 4).count(), 2);
        assert_eq!(state.store.revision(), 4);
    }

    #[test]
    fn a_member_without_a_name_gets_one_by_its_attributes() {
        let mut state = state();
        let id = *state.membership.members.keys().next().unwrap();
        let v2 = Some(attributes(id, "a", &["http://10.0.0.1:2379".to_owned()]));
        apply(&mut state, InternalRaftRequest { v2, ..InternalRaftRequest::default() }).unwrap();
        let member = &state.membership.members[&id];
        assert_eq!((member.name.as_str(), member.client_ur_ls.len()), ("a", 1));
    }
}
