//! Looking after a member.

use std::pin::Pin;

use anatomy_proto::etcdserverpb::maintenance_server::Maintenance;
use anatomy_proto::etcdserverpb::{
    AlarmRequest, AlarmResponse, AlarmType, DefragmentRequest, DefragmentResponse, HashKvRequest,
    HashKvResponse, HashRequest, HashResponse, InternalRaftRequest, MoveLeaderRequest,
    MoveLeaderResponse, SnapshotRequest, SnapshotResponse, StatusRequest, StatusResponse,
};
use bytes::Bytes;
use futures_util::stream::{Stream, iter};
use sha2::{Digest, Sha256};
use tonic::{Request, Response, Status};

use super::Api;
use super::kv::mismatch;
use crate::Profile;
use crate::raft::NONE;
use crate::server::apply::Reply;
use crate::server::refusal::Refusal;

/// Bytes of a database file in one message (etcd 3.4 etcdserver/api/v3rpc/maintenance.go).
const PIECE: usize = 32 << 10;

#[tonic::async_trait]
impl Maintenance for Api {
    async fn alarm(
        &self,
        request: Request<AlarmRequest>,
    ) -> Result<Response<AlarmResponse>, Status> {
        self.admit(request.metadata())?;
        // Even the question goes through the log.
        let alarm = Some(request.into_inner());
        let request = InternalRaftRequest { alarm, ..InternalRaftRequest::default() };
        let Reply::Alarm(mut response) = self.request(request).await? else {
            return Err(mismatch());
        };
        response.header = self.filled(response.header);
        Ok(Response::new(response))
    }

    async fn status(
        &self,
        request: Request<StatusRequest>,
    ) -> Result<Response<StatusResponse>, Status> {
        self.admit_local(request.metadata())?;
        let (leader, progress) = (self.shared.leader.get(), self.shared.progress.get());
        let header = self.header();
        let profile = self.shared.config.profile;
        let state = self.shared.state();
        let (size, in_use) = self.shared.database.size(state.store.bytes());
        let mut response = StatusResponse {
            header,
            version: profile.version().to_owned(),
            db_size: size as i64,
            leader: leader.id,
            raft_index: progress.commit,
            raft_term: leader.term,
            ..StatusResponse::default()
        };
        if profile >= Profile::V3_4 {
            response.raft_applied_index = progress.applied;
            response.db_size_in_use = in_use as i64;
            let me = state.membership.members.get(&self.shared.id);
            response.is_learner = me.is_some_and(|member| member.is_learner);
            if leader.id == NONE {
                response.errors.push(Refusal::NoLeader.to_string());
            }
            // As Go prints the message.
            let alarm = |(member, alarm): &(u64, i32)| {
                let name = AlarmType::try_from(*alarm).map_or("", |alarm| alarm.as_str_name());
                format!("memberID:{member} alarm:{name} ")
            };
            response.errors.extend(state.alarms.iter().map(alarm));
        }
        Ok(Response::new(response))
    }

    async fn defragment(
        &self,
        request: Request<DefragmentRequest>,
    ) -> Result<Response<DefragmentResponse>, Status> {
        self.admit(request.metadata())?;
        self.shared.database.defragment(self.shared.state().store.bytes());
        Ok(Response::new(DefragmentResponse { header: self.header() }))
    }

    /// Of the records alone; etcd's is over its whole file.
    async fn hash(&self, request: Request<HashRequest>) -> Result<Response<HashResponse>, Status> {
        self.admit(request.metadata())?;
        let hash = self.shared.state().store.hash(0).map_err(Refusal::from)?;
        Ok(Response::new(HashResponse { header: self.header(), hash }))
    }

    async fn hash_kv(
        &self,
        request: Request<HashKvRequest>,
    ) -> Result<Response<HashKvResponse>, Status> {
        self.admit(request.metadata())?;
        let (hash, compact_revision) = {
            let state = self.shared.state();
            let hash = state.store.hash(request.into_inner().revision).map_err(Refusal::from)?;
            (hash, state.store.compacted())
        };
        Ok(Response::new(HashKvResponse { header: self.header(), hash, compact_revision }))
    }

    type SnapshotStream = Pin<Box<dyn Stream<Item = Result<SnapshotResponse, Status>> + Send>>;

    /// A learner may be asked too. The file is that of etcd 3.4, made from the state as it is now.
    async fn snapshot(
        &self,
        request: Request<SnapshotRequest>,
    ) -> Result<Response<Self::SnapshotStream>, Status> {
        self.admit_local(request.metadata())?;
        let applied = self.shared.progress.get().applied;
        let file = self.shared.state().database(applied);
        let checksum = Bytes::copy_from_slice(&Sha256::digest(&file));
        let (size, file) = (file.len(), Bytes::from(file));
        let pieces = (0..size).step_by(PIECE).map(move |from| {
            let to = size.min(from + PIECE);
            (file.slice(from..to), size - to)
        });
        let pieces = pieces.chain([(checksum, 0)]).map(|(blob, left)| {
            Ok(SnapshotResponse { header: None, remaining_bytes: left as u64, blob })
        });
        Ok(Response::new(Box::pin(iter(pieces))))
    }

    async fn move_leader(
        &self,
        request: Request<MoveLeaderRequest>,
    ) -> Result<Response<MoveLeaderResponse>, Status> {
        self.admit(request.metadata())?;
        let to = request.into_inner().target_id;
        if !self.shared.is_leader() {
            return Err(Refusal::NotLeader.into());
        }
        let is_voter = {
            let state = self.shared.state();
            state.membership.members.get(&to).is_some_and(|member| !member.is_learner)
        };
        if !is_voter {
            return Err(Refusal::BadTransferee.into());
        }
        self.shared.transfer_leader(to, self.shared.config.request_timeout()).await?;
        Ok(Response::new(MoveLeaderResponse { header: self.header() }))
    }
}
