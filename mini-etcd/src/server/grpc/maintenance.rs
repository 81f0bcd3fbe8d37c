//! Looking after a member.

use std::pin::Pin;

use anatomy_proto::etcdserverpb::alarm_request::AlarmAction;
use anatomy_proto::etcdserverpb::maintenance_server::Maintenance;
use anatomy_proto::etcdserverpb::{
    AlarmMember, AlarmRequest, AlarmResponse, DefragmentRequest, DefragmentResponse, HashKvRequest,
    HashKvResponse, HashRequest, HashResponse, InternalRaftRequest, MoveLeaderRequest,
    MoveLeaderResponse, SnapshotRequest, SnapshotResponse, StatusRequest, StatusResponse,
};
use futures_util::stream::Stream;
use tonic::{Request, Response, Status};

use super::Api;
use super::kv::mismatch;
use crate::Profile;
use crate::raft::NONE;
use crate::server::apply::Reply;
use crate::server::refusal::Refusal;

#[tonic::async_trait]
impl Maintenance for Api {
    async fn alarm(
        &self,
        request: Request<AlarmRequest>,
    ) -> Result<Response<AlarmResponse>, Status> {
        let alarm = request.into_inner();
        if alarm.action() == AlarmAction::Get {
            let alarms = self.shared.state().alarms.clone();
            let asked = alarms.into_iter().filter(|(_, a)| alarm.alarm == 0 || *a == alarm.alarm);
            let alarms = asked.map(|(member_id, alarm)| AlarmMember { member_id, alarm }).collect();
            return Ok(Response::new(AlarmResponse { header: self.header(), alarms }));
        }
        let request = InternalRaftRequest { alarm: Some(alarm), ..InternalRaftRequest::default() };
        let Reply::Alarm(mut response) = self.shared.propose(request).await? else {
            return Err(mismatch());
        };
        response.header = self.filled(response.header);
        Ok(Response::new(response))
    }

    async fn status(&self, _: Request<StatusRequest>) -> Result<Response<StatusResponse>, Status> {
        let (leader, progress) = (self.shared.leader.get(), self.shared.progress.get());
        let header = self.header();
        let profile = self.shared.config.profile;
        let state = self.shared.state();
        let size = state.store.bytes() as i64;
        let mut response = StatusResponse {
            header,
            version: profile.version().to_owned(),
            db_size: size,
            leader: leader.id,
            raft_index: progress.commit,
            raft_term: leader.term,
            ..StatusResponse::default()
        };
        if profile >= Profile::V3_4 {
            response.raft_applied_index = progress.applied;
            response.db_size_in_use = size;
            let me = state.membership.members.get(&self.shared.id);
            response.is_learner = me.is_some_and(|member| member.is_learner);
            if leader.id == NONE {
                response.errors.push(Refusal::NoLeader.to_string());
            }
            let alarm = |(member, alarm): &(u64, i32)| format!("memberID:{member} alarm:{alarm} ");
            response.errors.extend(state.alarms.iter().map(alarm));
        }
        Ok(Response::new(response))
    }

    /// There is nothing to defragment: what is compacted is gone.
    async fn defragment(
        &self,
        _: Request<DefragmentRequest>,
    ) -> Result<Response<DefragmentResponse>, Status> {
        Ok(Response::new(DefragmentResponse { header: self.header() }))
    }

    async fn hash(&self, _: Request<HashRequest>) -> Result<Response<HashResponse>, Status> {
        let hash = self.shared.state().store.hash(0).map_err(Refusal::from)?;
        Ok(Response::new(HashResponse { header: self.header(), hash }))
    }

    async fn hash_kv(
        &self,
        request: Request<HashKvRequest>,
    ) -> Result<Response<HashKvResponse>, Status> {
        let (hash, compact_revision) = {
            let state = self.shared.state();
            let hash = state.store.hash(request.into_inner().revision).map_err(Refusal::from)?;
            (hash, state.store.compacted())
        };
        Ok(Response::new(HashKvResponse { header: self.header(), hash, compact_revision }))
    }

    type SnapshotStream = Pin<Box<dyn Stream<Item = Result<SnapshotResponse, Status>> + Send>>;

    /// There is no database file to send: the store is in memory.
    async fn snapshot(
        &self,
        _: Request<SnapshotRequest>,
    ) -> Result<Response<Self::SnapshotStream>, Status> {
        Err(Status::unimplemented("mini-etcd has no database file"))
    }

    async fn move_leader(
        &self,
        request: Request<MoveLeaderRequest>,
    ) -> Result<Response<MoveLeaderResponse>, Status> {
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
