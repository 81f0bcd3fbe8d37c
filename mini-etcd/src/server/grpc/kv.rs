//! Keys and values.

use anatomy_proto::etcdserverpb::kv_server::Kv;
use anatomy_proto::etcdserverpb::request_op::Request as Op;
use anatomy_proto::etcdserverpb::{
    CompactionRequest, CompactionResponse, DeleteRangeRequest, DeleteRangeResponse,
    InternalRaftRequest, PutRequest, PutResponse, RangeRequest, RangeResponse, TxnRequest,
    TxnResponse,
};
use tonic::{Request, Response, Status};

use super::{Api, check};
use crate::defects::Defect;
use crate::mvcc::range;
use crate::server::apply::{Reply, header};
use crate::server::apply_txn;
use crate::server::refusal::Refusal;

/// Whether a read-only transaction may be answered from what this member has.
fn is_serializable(txn: &TxnRequest) -> bool {
    txn.success.iter().chain(&txn.failure).all(|op| match &op.request {
        Some(Op::RequestRange(range)) => range.serializable,
        _ => false,
    })
}

#[tonic::async_trait]
impl Kv for Api {
    async fn range(
        &self,
        request: Request<RangeRequest>,
    ) -> Result<Response<RangeResponse>, Status> {
        if request.get_ref().serializable {
            self.admit_local(request.metadata())?;
        } else {
            self.admit(request.metadata())?;
        }
        let request = request.into_inner();
        check::range(&request)?;
        if !request.serializable {
            self.shared.linearize().await?;
        }
        self.shared.metrics.ranges.add(1);
        let mut response = {
            let state = self.shared.state();
            let mut response = range::answer(&state.store, &request).map_err(Refusal::from)?;
            response.header = header(state.store.revision());
            response
        };
        response.header = self.filled(response.header);
        Ok(Response::new(response))
    }

    async fn put(&self, request: Request<PutRequest>) -> Result<Response<PutResponse>, Status> {
        self.admit(request.metadata())?;
        let put = request.into_inner();
        check::put(&put)?;
        let request = InternalRaftRequest { put: Some(put), ..InternalRaftRequest::default() };
        let Reply::Put(mut response) = self.request(request).await? else {
            return Err(mismatch());
        };
        response.header = self.filled(response.header);
        Ok(Response::new(response))
    }

    async fn delete_range(
        &self,
        request: Request<DeleteRangeRequest>,
    ) -> Result<Response<DeleteRangeResponse>, Status> {
        self.admit(request.metadata())?;
        let delete = request.into_inner();
        check::delete_range(&delete)?;
        let request =
            InternalRaftRequest { delete_range: Some(delete), ..InternalRaftRequest::default() };
        let Reply::DeleteRange(mut response) = self.request(request).await? else {
            return Err(mismatch());
        };
        response.header = self.filled(response.header);
        Ok(Response::new(response))
    }

    async fn txn(&self, request: Request<TxnRequest>) -> Result<Response<TxnResponse>, Status> {
        self.admit(request.metadata())?;
        let txn = request.into_inner();
        check::txn(&txn, self.shared.config.max_txn_ops)?;
        let mut response = if apply_txn::is_read_only(&txn) {
            if !is_serializable(&txn) {
                self.shared.linearize().await?;
            }
            apply_txn::read(&self.shared.state(), &txn)?
        } else {
            let early = self.shared.config.defects.has(Defect::CompareOutsideTransaction);
            let (txn, chosen) = match early {
                true => apply_txn::decided(&self.shared.state().store, txn),
                false => (txn, None),
            };
            let request = InternalRaftRequest { txn: Some(txn), ..InternalRaftRequest::default() };
            let Reply::Txn(mut response) = self.request(request).await? else {
                return Err(mismatch());
            };
            response.succeeded = chosen.unwrap_or(response.succeeded);
            response
        };
        response.header = self.filled(response.header);
        Ok(Response::new(response))
    }

    async fn compact(
        &self,
        request: Request<CompactionRequest>,
    ) -> Result<Response<CompactionResponse>, Status> {
        self.admit(request.metadata())?;
        let compaction = Some(request.into_inner());
        let request = InternalRaftRequest { compaction, ..InternalRaftRequest::default() };
        let Reply::Compact(mut response) = self.request(request).await? else {
            return Err(mismatch());
        };
        response.header = self.filled(response.header);
        Ok(Response::new(response))
    }
}

/// An outcome of another request: ids are unique, so this is a defect.
pub(super) fn mismatch() -> Status {
    Status::internal("the outcome is of another request")
}
