//! How a namespace's cache is filled and kept up to date: linkerd 0.9.1's `Ns.watch` and
//! `Watchable.watch`, with their ways to end.
//!
//! * The first list is tried for ever. An exception while it is taken in counts as its failure.
//! * The events of the watch are taken in by a traversal that nobody waits for. An exception in it
//!   ends it, and nothing begins it again: from there on the cache is frozen, and lookups are
//!   answered from it. The stream itself is read on, because finding its last event forces it; so
//!   the apiserver goes on seeing a healthy watch.
//! * At the end of a stream the watch goes on from the last event's version. Where the last event
//!   has none (an ERROR) or there was no event, there is a new list, whose items pass through the
//!   traversal as MODIFIED events; the watch after it is begun only by a traversal that gets there.
//! * 5xx and failed connections are retried for ever; every other refusal ends the stream.

use std::sync::Arc;
use std::time::Duration;

use harness_env::Env;

use crate::backoff::ExponentialJittered;
use crate::k8s::{Api, ApiError, EndpointsList, Event, Watching};
use crate::namer::cache::Effect;
use crate::namer::namespace::Namespace;

/// Between tries of the first list (linkerd 0.9.1 `EndpointsNamer`: `Backoff.exponentialJittered`).
const LIST_BACKOFF: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(10));
/// Between tries of a watch or a list after it (linkerd 0.9.1 `Watchable.DefaultBackoff`).
const WATCH_BACKOFF: (Duration, Duration) = (Duration::from_millis(1), Duration::from_secs(5));

/// Fills the cache and keeps it up to date; returns when nothing will change it any more.
pub async fn keep(env: Env, api: Api, namespace: Arc<Namespace>) {
    let stream = |what: &str| env.rng(&format!("mesh.{what}/{}", namespace.name()));
    let mut waits = ExponentialJittered::new(LIST_BACKOFF.0, LIST_BACKOFF.1, stream("list"));
    let version = loop {
        match initialize(&api, &namespace).await {
            Ok(version) => break version,
            Err(error) => {
                namespace.list_failed(&error);
                tokio::time::sleep(waits.next_wait()).await;
            }
        }
    };
    let waits = ExponentialJittered::new(WATCH_BACKOFF.0, WATCH_BACKOFF.1, stream("watch"));
    let mut follower = Follower { api, waits, traversal: Traversal { namespace, ended: false } };
    if let Err(error) = follower.follow(version).await {
        follower.traversal.end(&error);
    }
}

/// One list, taken in. Gives the version to watch from.
async fn initialize(
    api: &Api,
    namespace: &Namespace,
) -> Result<Option<String>, Box<dyn std::error::Error + Send + Sync>> {
    let list = api.list().await?;
    namespace.initialize(&list)?;
    Ok(list.resource_version().map(str::to_owned))
}

/// Who takes the events in, `updates.foreach(cache.update)`.
struct Traversal {
    namespace: Arc<Namespace>,
    ended: bool,
}

impl Traversal {
    fn take(&mut self, event: &Event) {
        if self.ended {
            return;
        }
        if let Event::Error(status) = event {
            let code = status.code.unwrap_or_default();
            let text = status.message.as_deref().unwrap_or_default();
            tracing::debug!(kind = "mesh.watch.error", code, "k8s watch error: {text}");
        }
        match self.namespace.update(event) {
            Ok(Effect::UnknownService) => tracing::debug!(
                kind = "mesh.watch.unknown-service",
                "k8s received a watch event for an unknown service"
            ),
            Ok(_) => {}
            Err(exception) => self.end(&exception),
        }
    }

    fn end(&mut self, error: &dyn std::fmt::Display) {
        if !self.ended {
            self.ended = true;
            self.namespace.freeze(error);
        }
    }
}

struct Follower {
    api: Api,
    waits: ExponentialJittered,
    traversal: Traversal,
}

impl Follower {
    /// Follows the namespace from `version` on. `Ok` when the traversal ended before a list's end.
    async fn follow(&mut self, mut version: Option<String>) -> Result<(), ApiError> {
        loop {
            let last = self.watch(version.as_deref()).await?;
            version = match last {
                Some(version) => Some(version),
                None => {
                    let list = self.list().await?;
                    for item in list.items.iter().flatten() {
                        self.traversal.take(&Event::Modified(item.clone()));
                    }
                    if self.traversal.ended {
                        return Ok(());
                    }
                    list.resource_version().map(str::to_owned)
                }
            };
        }
    }

    /// One watch to its end. Gives the version of its last event.
    async fn watch(&mut self, version: Option<&str>) -> Result<Option<String>, ApiError> {
        self.waits.reset();
        let mut stream = loop {
            match self.api.watch(version).await {
                Ok(Watching::Stream(stream)) => break stream,
                Ok(Watching::Gone) => return Ok(None),
                Err(error) => self.wait_after(error).await?,
            }
        };
        let mut last = None;
        while let Some(events) = stream.next().await? {
            for event in &events {
                self.traversal.take(event);
                last = event.resource_version().map(str::to_owned);
            }
        }
        Ok(last)
    }

    async fn list(&mut self) -> Result<EndpointsList, ApiError> {
        self.waits.reset();
        loop {
            match self.api.list().await {
                Ok(list) => return Ok(list),
                Err(error) => self.wait_after(error).await?,
            }
        }
    }

    async fn wait_after(&mut self, error: ApiError) -> Result<(), ApiError> {
        if !error.is_retried() {
            return Err(error);
        }
        tracing::debug!(kind = "mesh.watch.retry", "retrying k8s request: {error}");
        tokio::time::sleep(self.waits.next_wait()).await;
        Ok(())
    }
}
