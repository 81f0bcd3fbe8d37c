//! What is to be seen, and what it is based on.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::Desk;
use crate::scenario::Symptom;
use crate::world::topology::port;

/// How long a pod may take to start before people wonder.
const STARTING: Duration = Duration::from_secs(120);

impl Desk {
    /// The signs of a symptom; none where there are none.
    pub(super) async fn look_for(&self, symptom: Symptom) -> Vec<String> {
        match symptom {
            Symptom::JourneysFailing => self.alarms().await,
            Symptom::MeshStale => self.stale_routes().await,
            Symptom::PodsNotStarting => self.waiting_pods().await,
            Symptom::DiscoveryFailing => self.failing_discovery().await,
            // A scenario with this world's symptoms was checked to have no other.
            Symptom::MembersSilent => Vec::new(),
        }
    }

    /// The alarms that the pager has raised.
    async fn alarms(&self) -> Vec<String> {
        let Some(alarms) = self.page(self.office.alarms, "/alarms").await else {
            return Vec::new();
        };
        let alarms = alarms.as_array().cloned().unwrap_or_default();
        let name = |alarm: &Value| Some(format!("alarm: {} fails", alarm["journey"].as_str()?));
        alarms.iter().filter_map(name).collect()
    }

    /// Proxies that send requests to addresses that no pod has.
    async fn stale_routes(&self) -> Vec<String> {
        let Some(pods) = self.pods().await else { return Vec::new() };
        let alive: BTreeSet<&str> =
            pods.iter().filter_map(|pod| pod.pointer("/status/podIP")?.as_str()).collect();
        let mut signs = Vec::new();
        for (node, routes) in self.routes().await {
            let mut dead: Vec<String> = Vec::new();
            for (service, known) in services(&routes) {
                let addresses = known["endpoints"].as_array().cloned().unwrap_or_default();
                let gone =
                    addresses.iter().filter_map(Value::as_str).find(|ip| !alive.contains(ip));
                dead.extend(gone.map(|ip| format!("{service} at {ip}")));
            }
            if let Some(first) = dead.first() {
                signs.push(format!("the proxy of {node} knows {first}, where no pod is"));
            }
        }
        signs
    }

    /// Pods that have been waiting to start for minutes.
    async fn waiting_pods(&self) -> Vec<String> {
        let Some(pods) = self.pods().await else { return Vec::new() };
        let now = self.env.wall().unix();
        let waiting = |pod: &Value| {
            let created = pod.pointer("/metadata/creationTimestamp")?.as_str()?;
            let created: jiff::Timestamp = created.parse().ok()?;
            let phase = pod.pointer("/status/phase")?.as_str()?;
            let age = now - created.as_second();
            let name = pod.pointer("/metadata/name")?.as_str()?;
            (phase == "Pending" && age >= STARTING.as_secs() as i64)
                .then(|| format!("{name} has been Pending for {} min", age / 60))
        };
        pods.iter().filter_map(waiting).collect()
    }

    /// Proxies whose log says that they cannot read the service discovery.
    async fn failing_discovery(&self) -> Vec<String> {
        let mut signs = Vec::new();
        for (node, routes) in self.routes().await {
            for namespace in routes.as_object().into_iter().flat_map(|map| map.values()) {
                if namespace["state"] == "pending"
                    && let Some(failure) = namespace["last_failure"].as_str()
                {
                    signs.push(format!("log of the proxy of {node}: {failure}"));
                }
            }
        }
        signs
    }

    /// The admin page of every proxy that answers.
    async fn routes(&self) -> Vec<(String, Value)> {
        let mut pages = Vec::new();
        for worker in &self.office.topology.workers {
            let at = worker.place.port(port::MESH_ADMIN);
            if let Some(page) = self.page(at, "/admin/routes.json").await {
                pages.push((worker.place.name.clone(), page));
            }
        }
        pages
    }

    /// All pods, from the apiserver's cache.
    pub(super) async fn pods(&self) -> Option<Vec<Value>> {
        let list = self.api.list("/api/v1/pods?resourceVersion=0").await.ok()?;
        list["items"].as_array().cloned()
    }
}

/// The services that a proxy's page shows, of all namespaces.
fn services(routes: &Value) -> impl Iterator<Item = (String, Value)> {
    let namespaces = routes.as_object().cloned().unwrap_or_default();
    namespaces
        .into_iter()
        .flat_map(|(_, namespace)| namespace["services"].as_object().cloned().unwrap_or_default())
}
