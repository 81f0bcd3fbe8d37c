//! A namespace's cache as lookups meet it: Pending lookups wait, all others are answered at once.
//!
//! An out-of-date cache answers like any other: neither a lookup nor an operator can tell that the
//! updates have stopped. What this program knows of that it does tell on its administration port,
//! which is more than linkerd did.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::Version;
use crate::k8s::{EndpointsList, Event};
use crate::namer::cache::{Effect, NsCache};
use crate::namer::exception::{Exception, non_fatal};
use crate::namer::service::Service;

/// A failing list is told once, and then at most this often.
const REPORT_EVERY: Duration = Duration::from_secs(60);

/// A namespace that is watched.
pub struct Namespace {
    name: String,
    cache: Mutex<NsCache>,
    initialized: Notify,
    health: Mutex<Health>,
}

/// What the namer knows about its own work.
#[derive(Clone, Debug, Default)]
pub struct Health {
    /// How many lists failed.
    pub list_failures: u64,
    /// Why the last one did, until one succeeds.
    pub last_failure: Option<String>,
    /// Why updates are not taken in any more.
    pub frozen: Option<String>,
    reported: Option<(Instant, u64)>,
}

/// What a name stands for.
#[derive(Clone, Debug)]
pub enum Resolution {
    /// There is no service of that name (finagle's `NameTree.Neg`).
    Neg,
    /// The service.
    Bound(Arc<Service>),
}

impl Namespace {
    /// A namespace in the state Pending, watched by nobody yet.
    pub fn new(name: &str, version: Version) -> Self {
        Namespace {
            name: name.to_owned(),
            cache: Mutex::new(NsCache::new(version)),
            initialized: Notify::new(),
            health: Mutex::default(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A copy of the cache.
    pub fn snapshot(&self) -> NsCache {
        self.cache().clone()
    }

    /// What the namer knows about its own work.
    pub fn health(&self) -> Health {
        self.health.lock().expect("no panic with the lock").clone()
    }

    /// What `service` stands for now, or `None` while Pending.
    pub fn lookup(&self, service: &str) -> Option<Resolution> {
        let cache = self.cache();
        let found = cache.services()?.get(service);
        Some(found.map_or(Resolution::Neg, |service| Resolution::Bound(Arc::clone(service))))
    }

    /// What `service` stands for, as soon as the state is not Pending. No time-out.
    pub async fn resolve(&self, service: &str) -> Resolution {
        loop {
            let initialized = self.initialized.notified();
            if let Some(resolution) = self.lookup(service) {
                return resolution;
            }
            initialized.await;
        }
    }

    /// Takes a list in.
    pub(super) fn initialize(&self, list: &EndpointsList) -> Result<(), Exception> {
        let count = {
            let mut cache = self.cache();
            non_fatal(|| cache.initialize(list))?;
            cache.services().map_or(0, |services| services.len())
        };
        let failures = {
            let mut health = self.health.lock().expect("no panic with the lock");
            health.last_failure = None;
            health.list_failures
        };
        self.initialized.notify_waiters();
        let ns = &self.name;
        tracing::info!(
            kind = "mesh.namer.ready", namespace = %ns, services = count, failures,
            "the mesh knows the {count} services of namespace {ns}"
        );
        Ok(())
    }

    /// Takes an event in.
    pub(super) fn update(&self, event: &Event) -> Result<Effect, Exception> {
        let mut cache = self.cache();
        non_fatal(|| cache.update(event))
    }

    /// A list could not be had, or not be taken in; it will be tried again.
    pub(super) fn list_failed(&self, error: &dyn std::fmt::Display) {
        let now = Instant::now();
        let mut health = self.health.lock().expect("no panic with the lock");
        health.list_failures += 1;
        health.last_failure = Some(error.to_string());
        let (ns, failures) = (&self.name, health.list_failures);
        tracing::debug!(kind = "mesh.namer.list-failed", namespace = %ns, failures, "{error}");
        if health.reported.is_some_and(|(at, _)| now.duration_since(at) < REPORT_EVERY) {
            return;
        }
        let since = failures - health.reported.map_or(0, |(_, failures)| failures);
        health.reported = Some((now, failures));
        drop(health);
        tracing::info!(
            kind = "mesh.namer.failed", namespace = %ns, failures, since,
            "k8s failed to list endpoints of {ns}, attempt {failures}: {error}"
        );
    }

    /// Updates stop here for ever. linkerd was silent about it.
    pub(super) fn freeze(&self, error: &dyn std::fmt::Display) {
        self.health.lock().expect("no panic with the lock").frozen = Some(error.to_string());
        let ns = &self.name;
        tracing::info!(
            kind = "mesh.namer.frozen", namespace = %ns,
            "the mesh's view of namespace {ns} is frozen from here on (linkerd does not say so): \
             {error}"
        );
    }

    /// A monitor of the JVM is released by an exception and not poisoned. The cache changes only
    /// where nothing can throw any more, so what an exception leaves behind is whole.
    fn cache(&self) -> MutexGuard<'_, NsCache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::k8s::{Endpoints, Meta};

    fn list(name: &str) -> EndpointsList {
        let metadata = Some(Meta { name: Some(name.into()), resource_version: None });
        let item = Endpoints { metadata, subsets: Some(vec![]) };
        EndpointsList { items: Some(vec![item]), metadata: None }
    }

    #[tokio::test(start_paused = true)]
    async fn lookups_wait_for_the_first_list_and_not_for_any_later_one() {
        let namespace = Namespace::new("default", Version::V0_9_1);
        let wait = Duration::from_secs(3600);
        assert!(tokio::time::timeout(wait, namespace.resolve("a")).await.is_err());

        let (resolution, initialized) = tokio::join!(biased; namespace.resolve("a"), async { namespace.initialize(&list("a")) });
        assert!(initialized.is_ok());
        assert!(matches!(resolution, Resolution::Bound(_)));
        assert!(matches!(namespace.lookup("b"), Some(Resolution::Neg)));
    }

    #[tokio::test(start_paused = true)]
    async fn an_exception_with_the_lock_held_poisons_nothing() {
        let namespace = Namespace::new("default", Version::V0_9_1);
        namespace.initialize(&list("a")).unwrap();
        let mut null = list("a").items.unwrap().remove(0);
        null.subsets = None;
        assert!(namespace.update(&Event::Modified(null)).is_err());
        assert!(matches!(namespace.lookup("a"), Some(Resolution::Bound(_))));
    }
}
