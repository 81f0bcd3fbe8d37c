//! Restarting the mesh, proxy by proxy, with or without a look at the first one.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::Desk;
use super::act::{POLL, RETRY};
use crate::scenario::{Manner, Symptom};
use crate::world::manifests::MESH;

/// How long a canary may take to run, and how long it is then watched. Both are choices: several
/// times what a proxy usually takes to start, and longer than one that cannot read the service
/// discovery takes to say so (10 s and less).
const COMES_BACK: Duration = Duration::from_secs(180);
const WATCHED: Duration = Duration::from_secs(120);

impl Desk {
    /// Restarts the proxies in the order in which `kubectl get pods` lists them: by name, of which the
    /// end is random.
    pub(super) async fn restart_mesh(
        &self,
        within: Duration,
        manner: Manner,
        because: &str,
    ) -> Result<(), String> {
        let proxies = loop {
            match self.pods().await {
                Some(pods) => break pods.iter().filter_map(proxy).collect::<Vec<_>>(),
                None => sleep(RETRY).await,
            }
        };
        let count = proxies.len();
        tracing::info!(
            kind = "step.restart-mesh",
            because,
            "begins to restart all {count} proxies of the mesh"
        );
        let mut others = &proxies[..];
        if manner == Manner::Canary
            && let [canary, rest @ ..] = &proxies[..]
        {
            if let Err(why) = self.try_canary(canary).await {
                tracing::info!(
                    kind = "mesh.canary.failed",
                    because = why,
                    "restarts no further proxy: the first one does not do well"
                );
                return Ok(());
            }
            others = rest;
        }
        let pace = within / (count as u32).saturating_sub(1).max(1);
        let mut first = Instant::now();
        for (n, old) in others.iter().enumerate() {
            // The pace is that of the whole; nobody waits longer because one took its time.
            sleep_until(first + pace * n as u32).await;
            self.restart_proxy(old).await;
            if n == 0 {
                first = Instant::now();
                tracing::info!(kind = "mesh.restart.first", "the first new proxy runs");
            }
        }
        tracing::info!(kind = "mesh.restarted", "all proxies have been restarted");
        Ok(())
    }

    /// Restarts one proxy and watches it, by what everybody can see: whether it runs, and what its
    /// log says.
    async fn try_canary(&self, canary: &Proxy) -> Result<(), String> {
        if timeout(COMES_BACK, self.restart_proxy(canary)).await.is_err() {
            return Err(format!("it does not run after {} s", COMES_BACK.as_secs()));
        }
        tracing::info!(kind = "mesh.restart.first", "the first new proxy runs");
        let until = Instant::now() + WATCHED;
        let of_it = format!("of {}: ", canary.node);
        while Instant::now() < until {
            let signs = self.look_for(Symptom::DiscoveryFailing).await;
            if let Some(sign) = signs.into_iter().find(|sign| sign.contains(&of_it)) {
                return Err(sign);
            }
            sleep(POLL).await;
        }
        Ok(())
    }

    /// Deletes a proxy and waits until another one runs on its node.
    async fn restart_proxy(&self, old: &Proxy) {
        let path = format!("{}/{}", self.path("pods"), old.name);
        loop {
            match self.api.delete(&path).await {
                Err(error) if !error.is_not_found() => sleep(RETRY).await,
                _ => break,
            }
        }
        loop {
            let pods = self.pods().await.unwrap_or_default();
            let successor =
                |new: &Proxy| new.node == old.node && new.name != old.name && new.running;
            if pods.iter().filter_map(proxy).any(|new| successor(&new)) {
                return;
            }
            sleep(POLL).await;
        }
    }
}

/// A pod of the mesh, as `kubectl get pods` shows it.
struct Proxy {
    name: String,
    node: String,
    running: bool,
}

fn proxy(pod: &Value) -> Option<Proxy> {
    let text = |path: &str| pod.pointer(path).and_then(Value::as_str);
    (text("/metadata/labels/app") == Some(MESH)).then_some(())?;
    Some(Proxy {
        name: text("/metadata/name")?.to_owned(),
        node: text("/spec/nodeName")?.to_owned(),
        running: text("/status/phase") == Some("Running"),
    })
}
