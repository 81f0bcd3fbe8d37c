//! One pod, from its binding to its end.
//!
//! A task for each pod, as the real kubelet has a worker for each: mount, start, watch over, stop. A
//! program that ends is started again after 10 s, doubled up to 5 minutes while it keeps ending; it
//! keeps its address and files. Stopping is seen through to the end even when the object is gone.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;

use super::addresses::Address;
use super::{Desired, Node, manifest, volumes};
use crate::election::stamp;
use crate::rest_client::view;

/// `MaxContainerBackOff` and `backOffPeriod`. A program that ran this long starts at the first again.
const RESTART: Duration = Duration::from_secs(10);
const RESTART_MAX: Duration = Duration::from_secs(5 * 60);
const RESTART_FORGOTTEN: Duration = Duration::from_secs(10 * 60);
/// How long to wait for a free address.
const ADDRESS_RETRY: Duration = Duration::from_secs(10);
/// The grace of a pod that names none.
const GRACE_SECONDS: i64 = 30;

/// Looks after a pod until it is stopped.
pub(super) async fn run(node: Arc<Node>, mut desired: watch::Receiver<Desired>) {
    let pod = desired.borrow().pod.clone();
    let mut worker = Worker {
        restarts: view::items(&pod, "/status/containerStatuses")
            .first()
            .and_then(|status| view::number(status, "/restartCount"))
            .unwrap_or_default(),
        since: stamp(node.env.wall()),
        node,
        pod,
        address: None,
    };
    let leaves = {
        let mut desired = desired.clone();
        async move {
            let left = desired.wait_for(Desired::leaves).await.is_ok();
            // The kubelet itself is ending where the sender is gone: then nothing is stopped.
            if !left {
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        biased;
        () = leaves => {}
        () = worker.keep_running() => {}
    }
    let last = desired.borrow_and_update().clone();
    worker.stop(&last).await;
}

struct Worker {
    node: Arc<Node>,
    pod: Arc<Value>,
    address: Option<Address>,
    restarts: i64,
    /// When the container last changed its state.
    since: String,
}

/// How the container is.
enum Container<'a> {
    Waiting(&'a str),
    Running,
    Ended,
}

impl Worker {
    /// Starts the pod and keeps it running, for ever.
    async fn keep_running(&mut self) {
        let node = self.node.clone();
        let (uid, key) = (view::uid(&self.pod).to_string(), view::key(&self.pod));
        let mut files = None;
        let mut pause = RESTART;
        if node.pleg.is_running(&uid) {
            self.adopt();
        }
        loop {
            if !node.pleg.is_running(&uid) {
                if files.is_none() {
                    self.report(&Container::Waiting("ContainerCreating"));
                    files = Some(volumes::mount_all(&node, &self.pod).await);
                }
                let ip = self.address().await;
                let sandbox = manifest::sandbox(&self.pod, ip, files.clone().unwrap_or_default());
                if let Err(why) = node.runtime.start(sandbox).await {
                    tracing::info!(
                        kind = "pod.start-failed", node = %node.name, pod = %key, %why,
                        "{key} does not start on {}: {why}", node.name
                    );
                    self.report(&Container::Waiting("CrashLoopBackOff"));
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(RESTART_MAX);
                    continue;
                }
                self.since = stamp(node.env.wall());
                tracing::info!(
                    kind = "pod.started", node = %node.name, pod = %key, ip = %ip,
                    "{key} runs on {} at {ip}", node.name
                );
                node.pleg.is_running(&uid);
            }
            self.report(&Container::Running);
            let begun = Instant::now();
            tokio::select! {
                biased;
                () = node.pleg.exited(&uid) => {}
                () = volumes::refresh(&node, &self.pod) => {}
            }
            self.restarts += 1;
            self.since = stamp(node.env.wall());
            tracing::info!(
                kind = "container.exited", node = %node.name, pod = %key, restarts = self.restarts,
                "{key} on {} ended by itself", node.name
            );
            self.report(&Container::Waiting("CrashLoopBackOff"));
            if begun.elapsed() >= RESTART_FORGOTTEN {
                pause = RESTART;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RESTART_MAX);
        }
    }

    /// Takes over a sandbox that a kubelet before this one started.
    fn adopt(&mut self) {
        let ip = view::text(&self.pod, "/status/podIP").parse().ok();
        self.address = match ip {
            Some(ip) if !manifest::host_network(&self.pod) => self.node.addresses.claim(ip),
            _ => None,
        };
        let since = view::items(&self.pod, "/status/containerStatuses").first();
        if let Some(since) = since.map(|status| view::text(status, "/state/running/startedAt"))
            && !since.is_empty()
        {
            self.since = since.to_string();
        }
    }

    /// The pod's address; waits for one to be free.
    async fn address(&mut self) -> std::net::IpAddr {
        loop {
            if let Some(address) = &self.address {
                return address.ip();
            }
            self.address = if manifest::host_network(&self.pod) {
                Some(Address::of_the_node(self.node.env.ip()))
            } else {
                self.node.addresses.take()
            };
            if self.address.is_none() {
                let (node, pod) = (&self.node.name, view::key(&self.pod));
                tracing::info!(
                    kind = "pod.no-address", %node, %pod, "{node} has no address left for {pod}"
                );
                tokio::time::sleep(ADDRESS_RETRY).await;
            }
        }
    }

    async fn stop(&mut self, desired: &Desired) {
        let pod = &desired.pod;
        let uid = view::uid(pod);
        let grace = view::number(pod, "/metadata/deletionGracePeriodSeconds")
            .or_else(|| view::number(pod, "/spec/terminationGracePeriodSeconds"))
            .unwrap_or(GRACE_SECONDS);
        let ran = self.node.pleg.is_running(uid);
        if ran {
            self.node.runtime.stop(uid, Duration::from_secs(grace.max(0) as u64)).await;
            let (node, key) = (&self.node.name, view::key(pod));
            tracing::info!(kind = "pod.stopped", %node, pod = %key, "{key} on {node} was stopped");
        }
        self.since = stamp(self.node.env.wall());
        if !desired.gone {
            self.pod = pod.clone();
            let status = self.status(&Container::Ended);
            self.node.statuses.set(pod, status, true);
        }
        self.address = None;
    }

    fn report(&self, container: &Container<'_>) {
        self.node.statuses.set(&self.pod, self.status(container), false);
    }

    fn status(&self, container: &Container<'_>) -> Value {
        let wall = stamp(self.node.env.wall());
        let ready = matches!(container, Container::Running);
        let started = match view::text(&self.pod, "/status/startTime") {
            "" => view::text(&self.pod, "/metadata/creationTimestamp"),
            started => started,
        };
        let first = view::items(&self.pod, "/spec/containers").first();
        let state = match container {
            Container::Waiting(reason) => json!({ "waiting": { "reason": reason } }),
            Container::Running => json!({ "running": { "startedAt": self.since } }),
            Container::Ended => json!({ "terminated": {
                "exitCode": 0, "reason": "Completed", "finishedAt": self.since,
                "startedAt": self.since,
            } }),
        };
        let phase = match container {
            Container::Waiting("ContainerCreating") => "Pending",
            _ => "Running",
        };
        let condition = |kind: &str, holds: bool| {
            let status = if holds { "True" } else { "False" };
            json!({ "type": kind, "status": status, "lastTransitionTime": wall })
        };
        let mut status = json!({
            "phase": phase,
            "hostIP": self.node.env.ip().to_string(),
            "startTime": (!started.is_empty()).then_some(started),
            "conditions": [
                condition("Initialized", true),
                condition("Ready", ready),
                condition("PodScheduled", true),
            ],
            "containerStatuses": [{
                "name": first.map(|first| view::text(first, "/name")).unwrap_or_default(),
                "image": first.map(|first| view::text(first, "/image")).unwrap_or_default(),
                "imageID": "",
                "ready": ready,
                "restartCount": self.restarts,
                "state": state,
            }],
        });
        let known = match &self.address {
            Some(address) => address.ip().to_string(),
            None => view::text(&self.pod, "/status/podIP").to_string(),
        };
        if !known.is_empty() {
            status["podIP"] = known.into();
        }
        status
    }
}
