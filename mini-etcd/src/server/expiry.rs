//! The leader ends leases that ran out, and notes in the log how much is left of long ones (etcd 3.4
//! lease/lessor.go: it looks every 500 ms; with no lease to look at, nothing happens here).
//!
//! A leader that was suspended finds leases that ran out before it finds that it leads no more. What
//! it decides then must not reach its successor, at which the leases have been renewed: etcd passed
//! it on until 3.5.13 and 3.4.31 (issues 12528 and 15247; pull request 16822 has whoever missed ticks
//! ask a quorum first). Here a decision holds for the term it was made in.

use std::sync::Arc;
use std::time::Duration;

use anatomy_proto::etcdserverpb::{
    InternalRaftRequest, LeaseCheckpoint, LeaseCheckpointRequest, LeaseRevokeRequest,
};
use tokio::time::{Instant, sleep};

use super::shared::Shared;

const PERIOD: Duration = Duration::from_millis(500);
/// Leases ended in one round: half of what may be in a second (`leaseRevokeRate`).
const ROUND_MAX: usize = 500;
/// Leases noted in one entry (`maxLeaseCheckpointBatchSize`).
const NOTES_MAX: usize = 1000;

/// Looks after leases for ever.
pub(crate) async fn run(shared: Arc<Shared>) {
    loop {
        shared.leases.wait(|watching| watching).await;
        sleep(PERIOD).await;
        let now = Instant::now();
        let term = shared.leader.get().term;
        let (expired, noted) = {
            let lessor = &mut shared.state().lessor;
            (lessor.expired(now, ROUND_MAX), lessor.due_checkpoints(now, NOTES_MAX))
        };
        for id in expired {
            tracing::debug!(kind = "etcd.lease.expired", lease = id, "a lease ran out");
            let lease_revoke = Some(LeaseRevokeRequest { id });
            let request = InternalRaftRequest { lease_revoke, ..InternalRaftRequest::default() };
            shared.decide(term, request).await;
        }
        if !noted.is_empty() {
            shared.decide(term, checkpoints(noted)).await;
        }
    }
}

/// The request that notes how many seconds are left of leases.
pub(crate) fn checkpoints(noted: Vec<(i64, i64)>) -> InternalRaftRequest {
    let checkpoint = |(id, remaining_ttl)| LeaseCheckpoint { id, remaining_ttl };
    let checkpoints = noted.into_iter().map(checkpoint).collect();
    let lease_checkpoint = Some(LeaseCheckpointRequest { checkpoints });
    InternalRaftRequest { lease_checkpoint, ..InternalRaftRequest::default() }
}
