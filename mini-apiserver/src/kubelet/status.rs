//! What is reported about pods, one pod after another.
//!
//! After `pkg/kubelet/status/status_manager.go`: a single loop reads the pod, checks that it is still
//! the same one, and writes its status. A slow apiserver therefore makes a queue here. What failed is
//! tried again at the next batch, within 10 s. A pod whose containers have stopped after it was deleted
//! is deleted for good by the same loop.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::rest_client::throttle::Throttle;
use crate::rest_client::{Client, Error, view};

/// `syncPeriod`.
const BATCH: Duration = Duration::from_secs(10);

/// The reports that wait, and the last one of each pod.
#[derive(Default)]
pub(super) struct Statuses {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    sequence: u64,
    /// In the order of their being made.
    waiting: BTreeMap<u64, Report>,
    /// The last status of each pod, by uid.
    last: BTreeMap<String, Value>,
}

#[derive(Clone, Debug)]
struct Report {
    uid: String,
    namespace: String,
    name: String,
    status: Value,
    /// Whether the pod has stopped and its object shall go.
    delete: bool,
    not_before: Instant,
}

impl Statuses {
    /// Reports how a pod is; `stopped`: it was to stop and has.
    pub(super) fn set(&self, pod: &Value, status: Value, stopped: bool) {
        let mut state = self.state.lock().expect("no panic with the lock");
        let uid = view::uid(pod).to_string();
        state.last.insert(uid.clone(), status.clone());
        state.waiting.retain(|_, report| report.uid != uid);
        state.push(Report {
            uid,
            namespace: view::namespace(pod).to_string(),
            name: view::name(pod).to_string(),
            status,
            delete: stopped,
            not_before: Instant::now(),
        });
        drop(state);
        self.changed.notify_one();
    }

    /// The pod is gone.
    pub(super) fn forget(&self, uid: &str) {
        let mut state = self.state.lock().expect("no panic with the lock");
        state.last.remove(uid);
        state.waiting.retain(|_, report| report.uid != uid);
    }

    /// Reports again where somebody else has written that a pod which is ready is not.
    pub(super) fn reconcile(&self, pod: &Value) {
        let last = {
            let state = self.state.lock().expect("no panic with the lock");
            if state.waiting.values().any(|report| report.uid == view::uid(pod)) {
                return;
            }
            state.last.get(view::uid(pod)).cloned()
        };
        if let Some(last) = last
            && view::is_ready(&json!({ "status": last })) != view::is_ready(pod)
        {
            self.set(pod, last, false);
        }
    }

    /// Writes reports, for ever.
    pub(super) async fn run(&self, client: &Client) {
        let mut throttle = Throttle::default();
        loop {
            let report = self.next().await;
            match write(client, &report).await {
                Ok(()) => throttle.clear("status"),
                Err(error) => {
                    if let Some(times) = throttle.admit("status") {
                        let pod = view::join(&report.namespace, &report.name);
                        tracing::info!(
                            kind = "pod.report-failed", %pod, times, %error,
                            "cannot report how {pod} is: {error}"
                        );
                    }
                    self.retry(report);
                }
            }
        }
    }

    async fn next(&self) -> Report {
        loop {
            let earliest = {
                let mut state = self.state.lock().expect("no panic with the lock");
                let now = Instant::now();
                let due = state.waiting.iter().find(|(_, report)| report.not_before <= now);
                if let Some(at) = due.map(|(at, _)| *at)
                    && let Some(report) = state.waiting.remove(&at)
                {
                    return report;
                }
                state.waiting.values().map(|report| report.not_before).min()
            };
            match earliest {
                Some(at) => tokio::select! {
                    biased;
                    () = self.changed.notified() => {}
                    () = tokio::time::sleep_until(at) => {}
                },
                None => self.changed.notified().await,
            }
        }
    }

    /// Keeps a failed report for the next batch, unless there is a newer one or the pod is gone.
    fn retry(&self, report: Report) {
        let mut state = self.state.lock().expect("no panic with the lock");
        let newer = state.waiting.values().any(|other| other.uid == report.uid);
        if !newer && state.last.contains_key(&report.uid) {
            state.push(Report { not_before: Instant::now() + BATCH, ..report });
        }
    }
}

impl State {
    fn push(&mut self, report: Report) {
        self.sequence += 1;
        self.waiting.insert(self.sequence, report);
    }
}

async fn write(client: &Client, report: &Report) -> Result<(), Error> {
    let path = format!("/api/v1/namespaces/{}/pods/{}", report.namespace, report.name);
    let mut pod = match client.get(&path).await {
        Ok(pod) => pod,
        Err(error) if error.is_not_found() => return Ok(()),
        Err(error) => return Err(error),
    };
    if view::uid(&pod) != report.uid {
        return Ok(());
    }
    pod["status"] = report.status.clone();
    client.update(&format!("{path}/status"), &pod).await?;
    if report.delete {
        let options = json!({
            "gracePeriodSeconds": 0,
            "preconditions": { "uid": report.uid },
        });
        match client.delete_with(&path, &options).await {
            Err(error) if !error.is_not_found() && !error.is_conflict() => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
