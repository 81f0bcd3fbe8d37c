//! History that goes away by itself (etcd 3.4 etcdserver/api/v3compactor). Every member keeps the
//! time; the leader compacts.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use anatomy_proto::etcdserverpb::{CompactionRequest, InternalRaftRequest};
use tokio::time::{Instant, sleep};

use super::config::AutoCompaction;
use super::refusal::Refusal;
use super::shared::Shared;

/// The longest time between two compactions by time, and the time between two by revisions.
const HOUR: Duration = Duration::from_secs(3600);
const BETWEEN_REVISIONS: Duration = Duration::from_secs(300);
/// How often in that time the revision is noted.
const NOTES: u32 = 10;

/// Compacts for ever, if it is to.
pub(crate) async fn run(shared: Arc<Shared>) {
    match shared.config.auto_compaction {
        None => {}
        Some(AutoCompaction::Periodic(period)) => periodic(&shared, period).await,
        Some(AutoCompaction::Revisions(kept)) => revisions(&shared, kept).await,
    }
}

/// Drops what is older than `period`: the first time after that, then every hour at most.
async fn periodic(shared: &Shared, period: Duration) {
    let between = period.min(HOUR);
    let pause = between / NOTES;
    let kept = (period.as_nanos() / pause.as_nanos().max(1)) as usize + 1;
    let mut noted: VecDeque<i64> = VecDeque::new();
    let (mut last, mut wait) = (Instant::now(), period);
    loop {
        noted.push_back(shared.revision.get());
        if noted.len() > kept {
            noted.pop_front();
        }
        sleep(pause).await;
        if !shared.is_leader() || last.elapsed() < wait {
            continue;
        }
        wait = between;
        if compact(shared, noted[0]).await {
            last = Instant::now();
        }
    }
}

/// Drops all but the last `kept` revisions, every five minutes.
async fn revisions(shared: &Shared, kept: i64) {
    let mut last = 0;
    loop {
        sleep(BETWEEN_REVISIONS).await;
        let at = shared.revision.get() - kept;
        if shared.is_leader() && at > 0 && at != last && compact(shared, at).await {
            last = at;
        }
    }
}

/// Whether history up to a revision is gone.
async fn compact(shared: &Shared, revision: i64) -> bool {
    let compaction = Some(CompactionRequest { revision, physical: false });
    let request = InternalRaftRequest { compaction, ..InternalRaftRequest::default() };
    let outcome = shared.propose(request).await;
    tracing::debug!(kind = "etcd.compaction.auto", revision, ok = outcome.is_ok(), "compacted");
    matches!(outcome, Ok(_) | Err(Refusal::Compacted))
}
