//! Changes of the members.

use anatomy_proto::etcdserverpb::cluster_server::Cluster;
use anatomy_proto::etcdserverpb::{
    Member, MemberAddRequest, MemberAddResponse, MemberListRequest, MemberListResponse,
    MemberPromoteRequest, MemberPromoteResponse, MemberRemoveRequest, MemberRemoveResponse,
    MemberUpdateRequest, MemberUpdateResponse,
};
use anatomy_proto::raftpb::ConfChangeType;
use tonic::{Request, Response, Status};

use super::Api;
use crate::server::config::parse_url;
use crate::server::membership::{ChangeContext, new_member};
use crate::server::refusal::Refusal;

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
        self.shared.may_add(is_learner)?;
        let now = self.env_wall();
        let member =
            Member { is_learner, ..new_member(urls, &self.shared.config.token, Some(now)) };
        let kind = if is_learner {
            ConfChangeType::ConfChangeAddLearnerNode
        } else {
            ConfChangeType::ConfChangeAddNode
        };
        let members = self.change(kind, member.id, member.clone()).await?;
        Ok(Response::new(MemberAddResponse {
            header: self.cluster_header(),
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
        self.shared.may_remove(id)?;
        let kind = ConfChangeType::ConfChangeRemoveNode;
        let members = self.change(kind, id, Member::default()).await?;
        Ok(Response::new(MemberRemoveResponse { header: self.cluster_header(), members }))
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
        let members = self.change(kind, id, member).await?;
        Ok(Response::new(MemberUpdateResponse { header: self.cluster_header(), members }))
    }

    async fn member_list(
        &self,
        request: Request<MemberListRequest>,
    ) -> Result<Response<MemberListResponse>, Status> {
        self.admit(request.metadata())?;
        // 3.5 has a linearizable answer; up to 3.4 the field is not known.
        let members = self.shared.state().membership.list();
        Ok(Response::new(MemberListResponse { header: self.cluster_header(), members }))
    }

    async fn member_promote(
        &self,
        request: Request<MemberPromoteRequest>,
    ) -> Result<Response<MemberPromoteResponse>, Status> {
        self.admit(request.metadata())?;
        let id = request.into_inner().id;
        // Only the leader knows how far a learner is: others pass the request on.
        let members = match self.shared.promote_here(id).await {
            Err(Refusal::NotLeader) => {
                self.shared.ask_to_promote(id).await?;
                self.shared.state().membership.list()
            }
            here => here?,
        };
        Ok(Response::new(MemberPromoteResponse { header: self.cluster_header(), members }))
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
    ) -> Result<Vec<Member>, Status> {
        let context = ChangeContext { member, promote: false };
        Ok(self.shared.reconfigure(kind, id, context).await?)
    }

    fn env_wall(&self) -> i64 {
        self.wall.wall().unix()
    }
}
