//! Which sandboxes run.
//!
//! The real kubelet lists containers every second and makes events of the differences (the pod
//! lifecycle event generator). One list serves all pods here too.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::runtime::Runtime;

/// `plegRelistPeriod`.
const RELIST: Duration = Duration::from_secs(1);

/// The last known set of running sandboxes.
pub(super) struct Pleg {
    runtime: Arc<dyn Runtime>,
    running: watch::Sender<BTreeSet<String>>,
}

impl Pleg {
    pub(super) fn new(runtime: Arc<dyn Runtime>) -> Self {
        let running = runtime.running().into_iter().collect();
        Pleg { runtime, running: watch::Sender::new(running) }
    }

    /// Looks once a second, for ever.
    pub(super) async fn run(&self) {
        loop {
            tokio::time::sleep(RELIST).await;
            self.relist();
        }
    }

    fn relist(&self) {
        let now: BTreeSet<String> = self.runtime.running().into_iter().collect();
        self.running.send_if_modified(|running| {
            let differs = *running != now;
            *running = now;
            differs
        });
    }

    /// Whether the sandbox runs now.
    pub(super) fn is_running(&self, uid: &str) -> bool {
        self.relist();
        self.running.borrow().contains(uid)
    }

    /// Returns when the sandbox, which was running, no longer is.
    pub(super) async fn exited(&self, uid: &str) {
        // The sender is this struct's own.
        let _ = self.running.subscribe().wait_for(|running| !running.contains(uid)).await;
    }
}
