//! Hands each change to every watcher.
//!
//! One task for all watchers of a resource, as in the real server: while it waits for a slow
//! watcher, nobody gets anything. The wait is bounded by the [`Budget`]; then the watcher is cut
//! off.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Shared;
use super::budget::Budget;
use super::window::Change;

/// Runs until there will be no changes any more.
pub(super) async fn run(shared: Arc<Shared>, mut changes: mpsc::Receiver<Arc<Change>>) {
    let mut budget = Budget::new(Instant::now());
    while let Some(change) = changes.recv().await {
        dispatch(&shared, &change, &mut budget).await;
    }
}

async fn dispatch(shared: &Shared, change: &Arc<Change>, budget: &mut Budget) {
    let full: Vec<(u64, mpsc::Sender<Arc<Change>>)> = {
        let state = shared.state();
        let interested = state.watchers.iter().filter(|(_, watcher)| watcher.wants(change));
        let blocked = interested.filter_map(|(id, watcher)| {
            match watcher.sender.try_send(change.clone()) {
                Err(mpsc::error::TrySendError::Full(_)) => Some((*id, watcher.sender.clone())),
                // A closed one is about to be forgotten.
                Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => None,
            }
        });
        blocked.collect()
    };
    for (id, sender) in full {
        let patience = budget.take(Instant::now());
        let began = Instant::now();
        let sent = tokio::time::timeout(patience, sender.send(change.clone())).await;
        if sent.is_err() {
            let resource = shared.kind.resource();
            tracing::debug!(
                kind = "apiserver.watch-cut",
                resource,
                "a watch of {resource} was closed: its client reads too slowly"
            );
            shared.forget(id);
        }
        budget.put_back(patience.saturating_sub(began.elapsed()));
    }
}
