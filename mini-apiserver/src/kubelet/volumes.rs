//! Fetching what a pod mounts.
//!
//! After the volume manager of 1.7. Each volume is set up on its own; one that fails is tried again
//! after 0.5 s, doubled up to 2 min 2 s. The pod waits 2 min 3 s for all of them, complains, and waits
//! again: until then it stays `ContainerCreating`. A ConfigMap is a plain GET, which the apiserver
//! answers from etcd; the kubelet's cache of them (kubernetes#46470) came later.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::Value;

use super::Node;
use super::manifest::{self, Mount, Source};
use super::secrets::Content;
use crate::rest_client::{Error, view};

/// `exponentialbackoff`: first and longest pause.
const BACKOFF: Duration = Duration::from_millis(500);
const BACKOFF_MAX: Duration = Duration::from_secs(122);
/// `podAttachAndMountTimeout`, and the pause of a pod's worker after an error (`backOffPeriod`).
const WAIT: Duration = Duration::from_secs(123);
const PAUSE: Duration = Duration::from_secs(10);
/// A running pod's volumes are looked at again after 60 to 90 s (`resyncInterval` with jitter 0.5).
const REFRESH: std::ops::Range<Duration> = Duration::from_secs(60)..Duration::from_secs(90);

/// Fetches all that the pod mounts; returns its files, however long it takes.
pub(super) async fn mount_all(node: &Node, pod: &Value) -> BTreeMap<String, String> {
    let mounts = manifest::mounts(pod);
    for mount in mounts.iter().filter(|mount| mount.source == Source::Secret) {
        node.secrets.forget(view::namespace(pod), &mount.object);
    }
    let fetched = join_all(mounts.iter().map(|mount| insist(node, pod, mount)));
    let complaints = async {
        loop {
            tokio::time::sleep(WAIT).await;
            complain(node, pod, "timeout expired waiting for volumes to attach/mount");
            tokio::time::sleep(PAUSE).await;
        }
    };
    let contents: Vec<Content> = tokio::select! {
        biased;
        contents = fetched => contents,
        () = complaints => Vec::new(),
    };
    manifest::files(mounts.iter().zip(contents.iter().map(|content| &**content)))
}

/// Fetches one volume, as often as it takes.
async fn insist(node: &Node, pod: &Value, mount: &Mount) -> Content {
    let mut pause = BACKOFF;
    loop {
        match fetch(node, view::namespace(pod), mount).await {
            Ok(content) => return content,
            Err(error) => {
                let volume = &mount.volume;
                complain(
                    node,
                    pod,
                    &format!("MountVolume.SetUp failed for volume {volume}: {error}"),
                );
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(BACKOFF_MAX);
    }
}

async fn fetch(node: &Node, namespace: &str, mount: &Mount) -> Result<Content, Error> {
    let name = &mount.object;
    match mount.source {
        Source::Secret => node.secrets.get(namespace, name).await,
        Source::ConfigMap => {
            let path = format!("/api/v1/namespaces/{namespace}/configmaps/{name}");
            let object = node.client.get(&path).await?;
            Ok(Arc::new(view::map(&object, "/data")))
        }
    }
}

/// Fetches what a running pod mounts again and again, so that changes reach its files. Only the asking
/// is of interest here: it is most of what kubelets ask for on a quiet day.
pub(super) async fn refresh(node: &Node, pod: &Value) {
    let mounts = manifest::mounts(pod);
    let mut rng = node.env.rng(&format!("refresh {}", view::key(pod)));
    loop {
        tokio::time::sleep(rng.duration(REFRESH)).await;
        let fetches = mounts.iter().map(|mount| fetch(node, view::namespace(pod), mount));
        for error in join_all(fetches).await.into_iter().filter_map(Result::err) {
            let throttled = node.throttle.lock().expect("no panic with the lock").admit("refresh");
            if let Some(times) = throttled {
                tracing::info!(
                    kind = "pod.refresh-failed", node = %node.name, pod = %view::key(pod), times,
                    %error, "cannot look at the configuration of {}: {error}", view::key(pod)
                );
            }
        }
    }
}

fn complain(node: &Node, pod: &Value, why: &str) {
    let pod = view::key(pod);
    let throttled = node.throttle.lock().expect("no panic with the lock").admit("mount");
    if let Some(times) = throttled {
        tracing::info!(
            kind = "pod.mount-failed", node = %node.name, %pod, times, why,
            "{pod} cannot start: {why}"
        );
    } else {
        tracing::debug!(kind = "pod.mount-failed", %pod, why, "{pod} cannot start: {why}");
    }
}
