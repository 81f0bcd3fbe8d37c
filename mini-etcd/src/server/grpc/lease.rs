//! Leases.

use std::pin::Pin;

use anatomy_proto::etcdserverpb::lease_server::Lease;
use anatomy_proto::etcdserverpb::{
    InternalRaftRequest, LeaseGrantRequest, LeaseGrantResponse, LeaseKeepAliveRequest,
    LeaseKeepAliveResponse, LeaseLeasesRequest, LeaseLeasesResponse, LeaseRevokeRequest,
    LeaseRevokeResponse, LeaseStatus, LeaseTimeToLiveRequest, LeaseTimeToLiveResponse,
};
use futures_util::stream::{Stream, unfold};
use tonic::{Request, Response, Status, Streaming};

use super::Api;
use super::header::wants_leader;
use super::kv::mismatch;
use crate::server::apply::Reply;
use crate::server::refusal::Refusal;

#[tonic::async_trait]
impl Lease for Api {
    async fn lease_grant(
        &self,
        request: Request<LeaseGrantRequest>,
    ) -> Result<Response<LeaseGrantResponse>, Status> {
        self.admit(request.metadata())?;
        let mut grant = request.into_inner();
        if grant.id == 0 {
            grant.id = (self.shared.next_id() & i64::MAX as u64) as i64;
        }
        let request =
            InternalRaftRequest { lease_grant: Some(grant), ..InternalRaftRequest::default() };
        let Reply::LeaseGrant(mut response) = self.request(request).await? else {
            return Err(mismatch());
        };
        response.header = self.filled(response.header);
        Ok(Response::new(response))
    }

    async fn lease_revoke(
        &self,
        request: Request<LeaseRevokeRequest>,
    ) -> Result<Response<LeaseRevokeResponse>, Status> {
        self.admit(request.metadata())?;
        let lease_revoke = Some(request.into_inner());
        let request = InternalRaftRequest { lease_revoke, ..InternalRaftRequest::default() };
        let Reply::LeaseRevoke(mut response) = self.request(request).await? else {
            return Err(mismatch());
        };
        response.header = self.filled(response.header);
        Ok(Response::new(response))
    }

    type LeaseKeepAliveStream =
        Pin<Box<dyn Stream<Item = Result<LeaseKeepAliveResponse, Status>> + Send>>;

    async fn lease_keep_alive(
        &self,
        request: Request<Streaming<LeaseKeepAliveRequest>>,
    ) -> Result<Response<Self::LeaseKeepAliveStream>, Status> {
        self.admit(request.metadata())?;
        let needs_leader = wants_leader(request.metadata());
        let calls = request.into_inner();
        let answers = unfold(Some((self.clone(), calls)), move |state| async move {
            let (api, mut calls) = state?;
            let next = tokio::select! {
                biased;
                () = api.no_leader(), if needs_leader => Err(Refusal::NoLeader.into()),
                next = calls.message() => next,
            };
            match next {
                Ok(Some(call)) => match api.keep_alive(call.id).await {
                    Ok(answer) => Some((Ok(answer), Some((api, calls)))),
                    Err(refusal) => Some((Err(refusal.into()), None)),
                },
                Ok(None) => None,
                Err(status) => Some((Err(status), None)),
            }
        });
        Ok(Response::new(Box::pin(answers)))
    }

    async fn lease_time_to_live(
        &self,
        request: Request<LeaseTimeToLiveRequest>,
    ) -> Result<Response<LeaseTimeToLiveResponse>, Status> {
        self.admit(request.metadata())?;
        let LeaseTimeToLiveRequest { id, keys } = request.into_inner();
        let known = self.shared.lease(id, false).await;
        let header = self.header();
        let response = match known {
            Ok(lease) => LeaseTimeToLiveResponse {
                header,
                id,
                ttl: lease.remaining,
                granted_ttl: lease.granted,
                keys: if keys { lease.keys } else { Vec::new() },
            },
            // A lease that is gone is no error.
            Err(Refusal::LeaseNotFound) => LeaseTimeToLiveResponse {
                header,
                id,
                ttl: -1,
                ..LeaseTimeToLiveResponse::default()
            },
            Err(refusal) => return Err(refusal.into()),
        };
        Ok(Response::new(response))
    }

    async fn lease_leases(
        &self,
        request: Request<LeaseLeasesRequest>,
    ) -> Result<Response<LeaseLeasesResponse>, Status> {
        self.admit(request.metadata())?;
        let ids = self.shared.state().lessor.ids();
        let leases = ids.into_iter().map(|id| LeaseStatus { id }).collect();
        Ok(Response::new(LeaseLeasesResponse { header: self.header(), leases }))
    }
}

impl Api {
    async fn keep_alive(&self, id: i64) -> Result<LeaseKeepAliveResponse, Refusal> {
        // As of before: what the answer says is no newer than the renewal.
        let header = self.header();
        let ttl = match self.shared.lease(id, true).await {
            Ok(lease) => lease.granted,
            // A lease that is gone has no time left; the stream goes on.
            Err(Refusal::LeaseNotFound) => 0,
            Err(refusal) => return Err(refusal),
        };
        Ok(LeaseKeepAliveResponse { header, id, ttl })
    }

    /// Ends when there has been no leader for three election time-outs (etcd 3.2
    /// etcdserver/api/v3rpc/interceptor.go `maxNoLeaderCnt`).
    pub(super) async fn no_leader(&self) {
        let leader = &self.shared.leader;
        loop {
            leader.wait(|l| l.id == crate::raft::NONE).await;
            let patience = 3 * self.shared.config.election;
            let elected = leader.wait(|l| l.id != crate::raft::NONE);
            if tokio::time::timeout(patience, elected).await.is_err() {
                return;
            }
        }
    }
}
