//! Changes of the members.

use std::time::Duration;

use anatomy_proto::etcdserverpb::cluster_server::Cluster;
use anatomy_proto::etcdserverpb::{
    Member, MemberAddRequest, MemberAddResponse, MemberListRequest, MemberListResponse,
    MemberPromoteRequest, MemberPromoteResponse, MemberRemoveRequest, MemberRemoveResponse,
    MemberUpdateRequest, MemberUpdateResponse,
};
use anatomy_proto::raftpb::ConfChangeType;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tonic::{Request, Response, Status};

use super::Api;
use super::kv::mismatch;
use crate::server::apply::Reply;
use crate::server::config::parse_url;
use crate::server::membership::{ChangeContext, new_member};
use crate::server::node::Input;
use crate::server::refusal::Refusal;

/// How long a connection must have stood to count as healthy (etcd 3.2 etcdserver/server.go
/// `HealthInterval`).
const HEALTH: Duration = Duration::from_secs(5);

#[tonic::async_trait]
impl Cluster for Api {
    async fn member_add(
        &self,
        request: Request<MemberAddRequest>,
    ) -> Result<Response<MemberAddResponse>, Status> {
        self.admit(request.metadata())?;
        let MemberAddRequest { peer_ur_ls: urls, is_learner } = request.into_inner();
        check_urls(&urls)?;
        let is_learner = is_learner && self.shared.config.profile.has_learners();
        self.may_add(is_learner)?;
        let now = self.env_wall();
        let member =
            Member { is_learner, ..new_member(urls, &self.shared.config.token, Some(now)) };
        let kind = if is_learner {
            ConfChangeType::ConfChangeAddLearnerNode
        } else {
            ConfChangeType::ConfChangeAddNode
        };
        let members = self.change(kind, member.id, member.clone(), false).await?;
        Ok(Response::new(MemberAddResponse {
            header: self.header(),
            member: Some(member),
            members,
        }))
    }

    async fn member_remove(
        &self,
        request: Request<MemberRemoveRequest>,
    ) -> Result<Response<MemberRemoveResponse>, Status> {
        self.admit(request.metadata())?;
        let id = request.into_inner().id;
        self.may_remove(id)?;
        let kind = ConfChangeType::ConfChangeRemoveNode;
        let members = self.change(kind, id, Member::default(), false).await?;
        Ok(Response::new(MemberRemoveResponse { header: self.header(), members }))
    }

    async fn member_update(
        &self,
        request: Request<MemberUpdateRequest>,
    ) -> Result<Response<MemberUpdateResponse>, Status> {
        self.admit(request.metadata())?;
        let MemberUpdateRequest { id, peer_ur_ls } = request.into_inner();
        check_urls(&peer_ur_ls)?;
        let member = Member { id, peer_ur_ls, ..Member::default() };
        let kind = ConfChangeType::ConfChangeUpdateNode;
        let members = self.change(kind, id, member, false).await?;
        Ok(Response::new(MemberUpdateResponse { header: self.header(), members }))
    }

    async fn member_list(
        &self,
        request: Request<MemberListRequest>,
    ) -> Result<Response<MemberListResponse>, Status> {
        self.admit(request.metadata())?;
        if request.into_inner().linearizable {
            self.shared.linearize().await?;
        }
        let members = self.shared.state().membership.list();
        Ok(Response::new(MemberListResponse { header: self.header(), members }))
    }

    async fn member_promote(
        &self,
        request: Request<MemberPromoteRequest>,
    ) -> Result<Response<MemberPromoteResponse>, Status> {
        self.admit(request.metadata())?;
        let id = request.into_inner().id;
        self.may_promote(id).await?;
        let kind = ConfChangeType::ConfChangeAddNode;
        let member = Member { id, ..Member::default() };
        let members = self.change(kind, id, member, true).await?;
        Ok(Response::new(MemberPromoteResponse { header: self.header(), members }))
    }
}

fn check_urls(urls: &[String]) -> Result<(), Refusal> {
    let well_formed = !urls.is_empty() && urls.iter().all(|url| parse_url(url).is_some());
    if well_formed { Ok(()) } else { Err(Refusal::BadMemberUrls) }
}

impl Api {
    async fn change(
        &self,
        kind: ConfChangeType,
        id: u64,
        member: Member,
        promote: bool,
    ) -> Result<Vec<Member>, Status> {
        match self.shared.configure(kind, id, ChangeContext { member, promote }).await? {
            Reply::Members(members) => Ok(members),
            _ => Err(mismatch()),
        }
    }

    /// A voter is added only while the started members are a quorum of what comes, and all
    /// members have been connected to this one for 5 s (etcd 3.2 etcdserver/server.go
    /// `AddMember`).
    fn may_add(&self, is_learner: bool) -> Result<(), Refusal> {
        if !self.shared.config.strict_reconfig_check {
            return Ok(());
        }
        if !is_learner && !self.shared.state().membership.ready_to_add() {
            return Err(Refusal::NotEnoughStarted);
        }
        let (connected, all) = self.healthy();
        if connected < all { Err(Refusal::Unhealthy) } else { Ok(()) }
    }

    /// A member that is down may go; one that is up may if the others are a quorum without it.
    fn may_remove(&self, id: u64) -> Result<(), Refusal> {
        if !self.shared.config.strict_reconfig_check {
            return Ok(());
        }
        {
            let state = self.shared.state();
            let Some(member) = state.membership.members.get(&id) else {
                return Err(Refusal::MemberNotFound);
            };
            if member.is_learner {
                return Ok(());
            }
            if !state.membership.ready_to_remove(id) {
                return Err(Refusal::NotEnoughStarted);
            }
        }
        if id != self.shared.id && self.shared.transport.active_since(id).is_none() {
            return Ok(());
        }
        let (connected, all) = self.healthy();
        if connected.saturating_sub(1) < 1 + (all - 1) / 2 {
            return Err(Refusal::Unhealthy);
        }
        Ok(())
    }

    /// A learner becomes a voter once it has 90 % of the leader's log (etcd 3.4
    /// etcdserver/server.go `readyPercent`). Only the leader knows; etcd's followers pass the
    /// request on to it, ours refuse it.
    async fn may_promote(&self, id: u64) -> Result<(), Refusal> {
        let (sender, receiver) = oneshot::channel();
        let question = Input::LearnerProgress { id, reply: sender };
        if self.shared.inputs.send(question).await.is_err() {
            return Err(Refusal::Stopped);
        }
        if !self.shared.is_leader() {
            return Err(Refusal::NotLeader);
        }
        {
            let members = &self.shared.state().membership.members;
            let member = members.get(&id).ok_or(Refusal::MemberNotFound)?;
            if !member.is_learner {
                return Err(Refusal::MemberNotLearner);
            }
        }
        match receiver.await {
            Ok(Some((learner, leader))) if learner as f64 > leader as f64 * 0.9 => Ok(()),
            _ => Err(Refusal::LearnerNotReady),
        }
    }

    fn healthy(&self) -> (usize, usize) {
        match Instant::now().checked_sub(HEALTH) {
            Some(since) => self.shared.connected_since(since),
            None => (0, usize::MAX),
        }
    }

    fn env_wall(&self) -> i64 {
        self.wall.wall().unix()
    }
}
