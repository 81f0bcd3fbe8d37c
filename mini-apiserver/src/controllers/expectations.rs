//! What a controller has done and not yet seen.
//!
//! A controller that creates three pods and looks at its store a moment later sees none of them and
//! would create three more. So it remembers what it has sent and leaves pods alone until its informer
//! has shown all of it (`ControllerExpectations`), or 5 minutes have passed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

/// `ExpectationsTimeout` of `pkg/controller/controller_utils.go`.
const TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// Outstanding creations and deletions of pods, by owner.
#[derive(Debug, Default)]
pub(super) struct Expectations {
    owners: Mutex<BTreeMap<String, Outstanding>>,
}

#[derive(Debug)]
struct Outstanding {
    since: Instant,
    /// Keys of pods.
    created: BTreeSet<String>,
    deleted: BTreeSet<String>,
}

impl Expectations {
    /// The owner is about to create and delete these pods.
    pub(super) fn expect(&self, owner: &str, created: &[String], deleted: &[String]) {
        if created.is_empty() && deleted.is_empty() {
            return;
        }
        let outstanding = Outstanding {
            since: Instant::now(),
            created: created.iter().cloned().collect(),
            deleted: deleted.iter().cloned().collect(),
        };
        self.lock().insert(owner.to_string(), outstanding);
    }

    /// The creation was seen, or it failed.
    pub(super) fn created(&self, owner: &str, pod: &str) {
        if let Some(outstanding) = self.lock().get_mut(owner) {
            outstanding.created.remove(pod);
        }
    }

    /// The deletion was seen, or it failed.
    pub(super) fn deleted(&self, owner: &str, pod: &str) {
        if let Some(outstanding) = self.lock().get_mut(owner) {
            outstanding.deleted.remove(pod);
        }
    }

    /// Whether nothing is outstanding.
    pub(super) fn satisfied(&self, owner: &str) -> bool {
        let mut owners = self.lock();
        let satisfied = owners.get(owner).is_none_or(|outstanding| {
            outstanding.created.is_empty() && outstanding.deleted.is_empty()
                || outstanding.since.elapsed() >= TIMEOUT
        });
        if satisfied {
            owners.remove(owner);
        }
        satisfied
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Outstanding>> {
        self.owners.lock().expect("no panic with the lock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_owner_waits_for_all_that_it_sent_but_not_for_ever() {
        let expectations = Expectations::default();
        assert!(expectations.satisfied("o"));
        expectations.expect("o", &["a".into()], &["b".into()]);
        expectations.created("o", "a");
        assert!(!expectations.satisfied("o"));
        expectations.deleted("o", "b");
        assert!(expectations.satisfied("o"));
        expectations.expect("o", &["c".into()], &[]);
        assert!(!expectations.satisfied("o"));
        tokio::time::advance(TIMEOUT).await;
        assert!(expectations.satisfied("o"));
    }
}
