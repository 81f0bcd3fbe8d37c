//! How a member stops.
//!
//! A leader hands its office over first to whom it has been connected longest. Up to 3.1 the
//! process then ends and its sockets with it; from 3.2 on each connection gets a GOAWAY and the
//! calls on it may finish, for as long as a request may take (watches never do, so a member with
//! watches always takes that long).

use std::time::Duration;

use tokio::time::timeout;

use super::shared::Shared;

/// Stops. Connections close when the caller drops them.
pub(crate) async fn stop(shared: &Shared, connections: impl Future<Output = ()>) {
    if let Some(limit) = shared.config.profile.graceful_stop() {
        shared.stopping.set(true);
        // Calls that did not finish end with the process.
        drop(timeout(limit, connections).await);
    }
    hand_over(shared, shared.config.request_timeout()).await;
}

async fn hand_over(shared: &Shared, within: Duration) {
    if !shared.is_leader() {
        return;
    }
    let candidate = {
        let state = shared.state();
        let voters = state.membership.voters();
        let connected = voters
            .filter_map(|member| Some((shared.transport.active_since(member.id)?, member.id)));
        connected.min()
    };
    if let Some((_, to)) = candidate
        && shared.transfer_leader(to, within).await.is_err()
    {
        tracing::debug!(kind = "etcd.transfer.failed", to, "nobody took over in time");
    }
}
