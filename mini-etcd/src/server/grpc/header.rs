//! What every answer says about who gave it, and what every call is asked first.

use anatomy_proto::etcdserverpb::ResponseHeader;
use tonic::Status;
use tonic::metadata::MetadataMap;

use super::Api;
use crate::raft::NONE;
use crate::server::refusal::Refusal;

impl Api {
    /// A header with the store's revision as of now.
    pub fn header(&self) -> Option<ResponseHeader> {
        let revision = self.shared.state().store.revision();
        self.filled(Some(ResponseHeader { revision, ..ResponseHeader::default() }))
    }

    /// A header of the cluster service: without a revision (etcd 3.4
    /// etcdserver/api/v3rpc/member.go).
    pub fn cluster_header(&self) -> Option<ResponseHeader> {
        self.filled(None)
    }

    /// Completes a header that has its revision.
    pub fn filled(&self, header: Option<ResponseHeader>) -> Option<ResponseHeader> {
        Some(ResponseHeader {
            cluster_id: self.shared.state().membership.id,
            member_id: self.shared.id,
            revision: header.map_or(0, |header| header.revision),
            raft_term: self.shared.leader.get().term,
        })
    }

    /// Whether a call may be made: a learner takes none but reads of what it has itself, and a call
    /// that asks for a leader needs one (etcd 3.4 etcdserver/api/v3rpc/interceptor.go).
    pub fn admit(&self, metadata: &MetadataMap) -> Result<(), Status> {
        let is_learner = {
            let state = self.shared.state();
            state.membership.members.get(&self.shared.id).is_some_and(|member| member.is_learner)
        };
        if is_learner {
            return Err(Refusal::NotForLearner.into());
        }
        self.admit_local(metadata)
    }

    /// Whether a call that a learner may answer may be made.
    pub fn admit_local(&self, metadata: &MetadataMap) -> Result<(), Status> {
        if wants_leader(metadata) && self.shared.leader.get().id == NONE {
            return Err(Refusal::NoLeader.into());
        }
        Ok(())
    }
}

/// Whether the caller set `hasleader: true` (clientv3's `WithRequireLeader`).
pub(super) fn wants_leader(metadata: &MetadataMap) -> bool {
    metadata.get("hasleader").is_some_and(|value| value.as_bytes() == b"true")
}
