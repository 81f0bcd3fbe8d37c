//! How clients are served: the v3 services over HTTP/2, and a few pages over HTTP.

mod auth;
mod authority;
mod check;
mod cluster;
mod header;
mod kv;
mod lease;
mod limits;
mod maintenance;
mod pages;
mod reflection;
mod rewound;
pub(super) mod serve;
mod watch;
mod watchers;

use std::sync::Arc;

use anatomy_proto::etcdserverpb::InternalRaftRequest;
use harness_env::Env;

use super::apply::Outcome;
use super::refusal::Refusal;
use super::shared::Shared;

/// With more committed entries than this to apply, no further request is taken (etcd 3.2
/// etcdserver/v3_server.go `maxGapBetweenApplyAndCommitIndex`).
const APPLY_GAP_MAX: u64 = 5000;

/// The services of one member.
#[derive(Clone)]
pub(super) struct Api {
    shared: Arc<Shared>,
    /// For the time on the wall.
    wall: Env,
}

impl Api {
    /// Puts a client's request into the log and waits for its outcome.
    async fn request(&self, request: InternalRaftRequest) -> Outcome {
        self.shared.check_quota(&request).await?;
        let progress = self.shared.progress.get();
        if progress.commit > progress.applied + APPLY_GAP_MAX {
            return Err(Refusal::TooManyRequests);
        }
        self.shared.propose(request).await
    }
}
