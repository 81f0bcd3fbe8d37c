//! The leader ends leases that ran out (etcd 3.2 lease/lessor.go: it looks every 500 ms; with no
//! lease to look at, nothing happens here).

use std::sync::Arc;
use std::time::Duration;

use anatomy_proto::etcdserverpb::{InternalRaftRequest, LeaseRevokeRequest};
use tokio::time::{Instant, sleep};

use super::shared::Shared;

const PERIOD: Duration = Duration::from_millis(500);
/// Leases ended in one round (etcd 3.2 etcdserver/server.go `maxPendingRevokes`).
const ROUND_MAX: usize = 16;

/// Ends leases for ever.
pub(crate) async fn run(shared: Arc<Shared>) {
    loop {
        shared.leases.wait(|watching| watching).await;
        sleep(PERIOD).await;
        let expired = shared.state().lessor.expired(Instant::now(), ROUND_MAX);
        for id in expired {
            tracing::debug!(kind = "etcd.lease.expired", lease = id, "a lease ran out");
            let lease_revoke = Some(LeaseRevokeRequest { id });
            let request = InternalRaftRequest { lease_revoke, ..InternalRaftRequest::default() };
            shared.propose_blindly(request).await;
        }
    }
}
