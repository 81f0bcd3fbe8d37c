//! Keeps the window like etcd: list, then watch, and again from the beginning when that fails.
//!
//! As `startCaching` in kubernetes 1.7.8 pkg/storage/cacher.go, called in a loop with a pause of
//! 1 s. Neither the list nor the watch has a time limit: a watch that goes silent is believed to
//! have nothing to say.

use std::sync::Arc;
use std::time::Duration;

use anatomy_proto::mvccpb::event::EventType;
use anatomy_proto::mvccpb::{Event, KeyValue};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Shared;
use super::window::{Change, What};
use crate::objects::{Object, codec};
use crate::registry::store::Store;

const PAUSE: Duration = Duration::from_secs(1);
/// A watch that ends sooner than this without an event is an error.
const VERY_SHORT: Duration = Duration::from_secs(1);

/// Runs for ever.
pub(super) async fn run(shared: Arc<Shared>, store: Store, incoming: mpsc::Sender<Arc<Change>>) {
    loop {
        shared.close_watchers();
        let ended = list_and_watch(&shared, &store, &incoming).await;
        let resource = shared.kind.resource();
        let was_ready = shared.ready.send_replace(false);
        if was_ready {
            tracing::info!(
                kind = "apiserver.watch-cache.restarted",
                resource,
                why = %ended,
                "the watch cache of {resource} begins anew: {ended}"
            );
        } else {
            tracing::debug!(
                kind = "apiserver.watch-cache.failed",
                resource,
                why = %ended,
                "the watch cache of {resource} could not begin: {ended}"
            );
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn list_and_watch(
    shared: &Shared,
    store: &Store,
    incoming: &mpsc::Sender<Arc<Change>>,
) -> String {
    let listed = match store.list(&shared.kind.prefix()).await {
        Ok(listed) => listed,
        Err(status) => return status.message,
    };
    let mut revision = listed.revision;
    shared.state().window.replace(listed.items, revision);
    shared.revision.send_replace(revision);
    shared.ready.send_replace(true);
    loop {
        let mut stream = match store.watch(revision).await {
            Ok(stream) => stream,
            Err(status) => return status.message,
        };
        let (began, mut seen) = (Instant::now(), false);
        while let Some(response) = stream.next().await {
            let response = match response {
                Ok(response) => response,
                Err(error) => return error.to_string(),
            };
            if response.compact_revision != 0 {
                return format!(
                    "etcd has compacted revision {revision}, the oldest is {}",
                    response.compact_revision
                );
            }
            if response.canceled {
                return format!("etcd canceled the watch: {}", response.cancel_reason);
            }
            for event in &response.events {
                let (what, object) = match read(store, event) {
                    Ok(change) => change,
                    Err(error) => return error,
                };
                revision = object.revision();
                seen = true;
                let change = shared.state().window.apply(what, object, revision);
                shared.revision.send_replace(revision);
                if incoming.send(change).await.is_err() {
                    return "the dispatcher is gone".into();
                }
            }
        }
        if !seen && began.elapsed() < VERY_SHORT {
            return "very short watch: no events received".into();
        }
    }
}

/// The change that an event of etcd tells of. A deletion has the object as it was, at the revision
/// of the deletion.
fn read(store: &Store, event: &Event) -> Result<(What, Object), String> {
    let key = |kv: &KeyValue| String::from_utf8_lossy(&kv.key).into_owned();
    let kv = event.kv.as_ref().ok_or("etcd sent an event without a key")?;
    let (what, source) = match event.r#type() {
        EventType::Delete => (What::Deleted, event.prev_kv.as_ref()),
        EventType::Put if kv.create_revision == kv.mod_revision => (What::Added, Some(kv)),
        EventType::Put => (What::Modified, Some(kv)),
    };
    let source = source.ok_or_else(|| format!("{}: deleted, and its value is gone", key(kv)))?;
    let object = codec::decode(store.kind(), &source.value, kv.mod_revision)
        .map_err(|error| format!("{}: {error}", key(kv)))?;
    Ok((what, object))
}
