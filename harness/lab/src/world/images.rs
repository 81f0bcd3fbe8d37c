//! What images are: the program behind the name in a pod's manifest.

use std::net::SocketAddr;
use std::sync::Arc;

use harness_env::Env;
use harness_env::host::BoxFuture;
use mini_apiserver::kubelet::Sandbox;

use super::bank::service::{self, ServiceConfig};
use super::manifests::{Application, BANK, MESH};
use super::topology::{Topology, Worker, port};
use crate::Scenario;
use crate::scenario::Workload;

/// A program that has not been started.
pub type Start = Box<dyn FnOnce(Env) -> BoxFuture<'static, Result<(), String>> + Send>;

/// Where the mesh's pods find their configuration and their token.
const MESH_CONFIG: &str = "/io.buoyant/linkerd/config/config.yaml";
const TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// The registry of images.
pub struct Images {
    apiserver: SocketAddr,
    database: SocketAddr,
    applications: Arc<Vec<Application>>,
    workload: Arc<Workload>,
}

impl Images {
    /// The images of a scenario.
    pub fn new(
        topology: &Topology,
        scenario: &Scenario,
        applications: &Arc<Vec<Application>>,
    ) -> Self {
        Images {
            apiserver: topology.api(),
            database: topology.database.port(port::WEB),
            applications: applications.clone(),
            workload: Arc::new(scenario.workload.clone()),
        }
    }

    /// The program of a sandbox on a node.
    ///
    /// # Errors
    /// There is no such image, or what it needs is not mounted.
    pub fn program(&self, sandbox: &Sandbox, worker: &Worker) -> Result<Start, String> {
        let (name, _tag) = sandbox.image.split_once(':').unwrap_or((&sandbox.image, "latest"));
        if name == MESH {
            return self.mesh(sandbox);
        }
        let Some(service) = name.strip_prefix(BANK) else {
            return Err(format!("there is no image {}", sandbox.image));
        };
        let entry =
            self.applications.iter().find(|app| app.name == service).and_then(|app| app.entry);
        let config = ServiceConfig {
            name: service.to_owned(),
            port: entry.unwrap_or(port::SERVICE),
            proxy: worker.place.port(port::MESH),
            database: self.database,
            workload: self.workload.clone(),
        };
        Ok(Box::new(move |env| Box::pin(service::run(env, config))))
    }

    fn mesh(&self, sandbox: &Sandbox) -> Result<Start, String> {
        let file = |path: &str| {
            sandbox.files.get(path).cloned().ok_or_else(|| format!("{path} is not mounted"))
        };
        let (text, token) = (file(MESH_CONFIG)?, file(TOKEN)?);
        let value = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
            line.map(str::to_owned).ok_or_else(|| format!("{MESH_CONFIG} says no {key}"))
        };
        let version = value("version")?.parse().map_err(|e| format!("{e}"))?;
        let mut config = mini_mesh::Config::new(self.apiserver, version);
        config.namespace = value("namespace")?;
        config.port_name = value("port")?;
        config.token = Some(token);
        Ok(Box::new(move |env| {
            Box::pin(async move { mini_mesh::run(env, config).await.map_err(|e| e.to_string()) })
        }))
    }
}
