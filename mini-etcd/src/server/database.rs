//! The state as a database file of etcd 3.4, for `etcdctl snapshot save`.

use anatomy_proto::etcdserverpb::{AlarmMember, Member};
use prost::Message;
use serde_json::json;

use super::state::State;
use crate::mvcc::Revision;
use crate::mvcc::backend::{KEY_BUCKET, key};
use crate::storage::bolt::{self, Row};

/// A lease in the file (etcd 3.4 lease/leasepb/lease.proto).
#[derive(Clone, PartialEq, prost::Message)]
struct LeaseRow {
    #[prost(int64, tag = "1")]
    id: i64,
    #[prost(int64, tag = "2")]
    ttl: i64,
    #[prost(int64, tag = "3")]
    remaining: i64,
}

impl State {
    /// The file of a member that has applied the log up to `applied`. Nothing about users and roles
    /// is in it but that authentication is off.
    pub fn database(&self, applied: u64) -> Vec<u8> {
        let compacted = self.store.compacted();
        let mut meta: Vec<Row> =
            vec![(b"consistent_index".to_vec(), applied.to_be_bytes().to_vec())];
        if compacted > 0 {
            let at = key(Revision { main: compacted, sub: 0 }, false);
            meta.push((b"finishedCompactRev".to_vec(), at.clone()));
            meta.push((b"scheduledCompactRev".to_vec(), at));
        }
        let leases = self.lessor.image().into_iter().map(|lease| {
            let row = LeaseRow { id: lease.id, ttl: lease.ttl, remaining: lease.remaining };
            (lease.id.to_be_bytes().to_vec(), row.encode_to_vec())
        });
        let mut leases: Vec<Row> = leases.collect();
        leases.sort();
        let alarms = self.alarms.iter().map(|(member_id, alarm)| {
            (AlarmMember { member_id: *member_id, alarm: *alarm }.encode_to_vec(), Vec::new())
        });
        let mut alarms: Vec<Row> = alarms.collect();
        alarms.sort();
        let members = self.membership.members.values();
        let mut members: Vec<Row> =
            members.map(|m| (format!("{:x}", m.id).into_bytes(), member(m))).collect();
        members.sort();
        let removed = self.membership.removed.iter();
        let mut removed: Vec<Row> =
            removed.map(|id| (format!("{id:x}").into_bytes(), b"removed".to_vec())).collect();
        removed.sort();
        let off = vec![
            (b"authEnabled".to_vec(), vec![0]),
            (b"authRevision".to_vec(), 1u64.to_be_bytes().to_vec()),
        ];
        bolt::file(vec![
            (b"alarm", alarms),
            (b"auth", off),
            (b"authRoles", Vec::new()),
            (b"authUsers", Vec::new()),
            (b"cluster", Vec::new()),
            (KEY_BUCKET, self.store.rows().collect()),
            (b"lease", leases),
            (b"members", members),
            (b"members_removed", removed),
            (b"meta", meta),
        ])
    }
}

/// A member as etcd writes it: JSON (etcd 3.4 etcdserver/api/membership/member.go).
fn member(member: &Member) -> Vec<u8> {
    let mut row = json!({ "id": member.id, "peerURLs": member.peer_ur_ls });
    if member.is_learner {
        row["isLearner"] = true.into();
    }
    if !member.name.is_empty() {
        row["name"] = member.name.clone().into();
        row["clientURLs"] = member.client_ur_ls.clone().into();
    }
    row.to_string().into_bytes()
}
