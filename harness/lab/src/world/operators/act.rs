//! What is done.
//!
//! A person whose tool reports an error tries again for a while: the deploy tool of the story did,
//! and so does everybody here.

use std::time::Duration;

use mini_apiserver::rest_client::Error;
use mini_etcd::Profile;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::Desk;
use crate::scenario::{Action, Manner, Step};
use crate::world::manifests::{self, Application, image};

/// Between two tries, and for how long.
pub(super) const RETRY: Duration = Duration::from_secs(5);
const PERSIST: Duration = Duration::from_secs(600);
/// How often somebody looks whether a pod runs.
pub(super) const POLL: Duration = Duration::from_secs(5);

impl Desk {
    /// Takes a step.
    ///
    /// # Errors
    /// What refused, in words.
    pub(super) async fn act(
        &self,
        step: &Step,
        manner: Manner,
        because: &str,
    ) -> Result<(), String> {
        match &step.action {
            Action::Deploy { service, version, replicas } => {
                self.deploy(service, version, *replicas, because).await
            }
            Action::Rollback { service } => self.rollback(service, because).await,
            Action::Scale { service, replicas } => {
                tracing::info!(kind = "step.scale", because, "scales {service} to {replicas}");
                let namespace = &self.office.namespace;
                self.insist(|| async {
                    self.api.scale(namespace, service, *replicas).await.map(|_| ())
                })
                .await
            }
            Action::RestartMesh { within } => self.restart_mesh(*within, manner, because).await,
            Action::RestartApiservers => {
                tracing::info!(
                    kind = "step.restart-apiservers",
                    because,
                    "restarts the apiservers"
                );
                self.office.machines.control_plane.restart_apiservers().await;
                Ok(())
            }
            Action::Report => {
                let what = step.symptom.expect("a report has a symptom").name();
                let kind = format!("step.report.{what}");
                tracing::info!(kind, because, "finds {}", what.replace('-', " "));
                Ok(())
            }
            Action::DeleteEmptyServices => self.delete_empty_services(because).await,
            Action::EtcdUpgrade { version } => {
                let profile: Profile = version.parse().map_err(|_| "no such etcd".to_owned())?;
                tracing::info!(kind = "step.etcd-upgrade", because, "upgrades etcd to {version}");
                self.office.machines.etcd.upgrade(&self.env, profile).await;
                tracing::info!(kind = "etcd.upgraded", "etcd is at {version}, member by member");
                Ok(())
            }
            Action::EtcdGrow { members } => {
                let from = self.office.machines.etcd.size();
                tracing::info!(
                    kind = "step.etcd-grow",
                    because,
                    "grows etcd from {from} members to {members}"
                );
                self.office.machines.etcd.grow(&self.env, *members as usize).await?;
                tracing::info!(kind = "etcd.grown", "etcd has {members} members");
                Ok(())
            }
            Action::EtcdRollingRestart => {
                let count = self.office.listed_members;
                tracing::info!(
                    kind = "step.etcd-rolling-restart",
                    because,
                    "restarts the {count} etcd members that the apiservers list, one by one"
                );
                self.office.machines.etcd.rolling_restart(&self.env, count).await;
                Ok(())
            }
            Action::Deed(deed) => self.office.faults.befall(deed, because).await,
        }
    }

    /// Tries until it succeeds, for a while.
    async fn insist<F>(&self, mut call: impl FnMut() -> F) -> Result<(), String>
    where
        F: Future<Output = Result<(), Error>>,
    {
        let began = Instant::now();
        loop {
            match call().await {
                Ok(()) => return Ok(()),
                Err(error) if began.elapsed() > PERSIST => return Err(error.to_string()),
                Err(_) => sleep(RETRY).await,
            }
        }
    }

    pub(super) fn path(&self, kind: &str) -> String {
        manifests::path(&self.office.namespace, kind)
    }

    async fn create(&self, kind: &str, object: &Value) -> Result<(), String> {
        let path = self.path(kind);
        self.insist(|| async {
            match self.api.create(&path, object).await {
                Err(error) if error.is_already_exists() => Ok(()),
                other => other.map(|_| ()),
            }
        })
        .await
    }

    async fn deploy(
        &self,
        service: &str,
        version: &str,
        replicas: u32,
        because: &str,
    ) -> Result<(), String> {
        tracing::info!(kind = "step.deploy", because, "deploys {service} {version}");
        if self.office.applications.iter().any(|app| app.name == service) {
            return self.set_image(service, Some(version)).await;
        }
        let app = Application { name: service.to_owned(), replicas, entry: None };
        for (kind, object) in app.configuration() {
            self.create(kind, &object).await?;
        }
        self.create("services", &app.service()).await?;
        let (kind, workload) = app.workload(version);
        self.create(kind, &workload).await
    }

    async fn rollback(&self, service: &str, because: &str) -> Result<(), String> {
        tracing::info!(kind = "step.rollback", because, "rolls {service} back");
        self.set_image(service, None).await
    }

    /// Sets the image of a version, or of the version before. The deploy tool notes on the object
    /// what it replaced.
    async fn set_image(&self, service: &str, version: Option<&str>) -> Result<(), String> {
        const BEFORE: &str = "bank/image-before";
        let path = format!("{}/{service}", self.path("deployments"));
        self.insist(|| async {
            let mut deployment = self.api.get(&path).await?;
            let noted = deployment["metadata"]["annotations"][BEFORE].as_str().map(str::to_owned);
            let containers = deployment.pointer_mut("/spec/template/spec/containers");
            let Some(container) = containers.and_then(|list| list.get_mut(0)) else {
                return Ok(());
            };
            let current = container["image"].clone();
            let Some(image) = version.map(|version| image(service, version)).or(noted) else {
                return Ok(());
            };
            if current == json!(image) {
                return Ok(());
            }
            container["image"] = json!(image);
            deployment["metadata"]["annotations"][BEFORE] = current;
            self.api.update(&path, &deployment).await.map(|_| ())
        })
        .await
    }

    async fn delete_empty_services(&self, because: &str) -> Result<(), String> {
        tracing::info!(
            kind = "step.delete-empty-services",
            because,
            "deletes the Services that have no endpoints"
        );
        let path = format!("{}?resourceVersion=0", self.path("endpoints"));
        let list = std::sync::Mutex::new(Value::Null);
        self.insist(|| async {
            let found = self.api.list(&path).await?;
            *list.lock().expect("no panic while locked") = found;
            Ok(())
        })
        .await?;
        let list = list.into_inner().expect("no panic while locked");
        let is_empty =
            |endpoints: &&Value| endpoints["subsets"].as_array().is_none_or(Vec::is_empty);
        let items = list["items"].as_array().into_iter().flatten();
        let empty: Vec<&str> =
            items.filter(is_empty).filter_map(|one| one["metadata"]["name"].as_str()).collect();
        for name in empty {
            let path = format!("{}/{name}", self.path("services"));
            self.insist(|| async {
                match self.api.delete(&path).await {
                    Err(error) if error.is_not_found() => Ok(()),
                    other => other.map(|_| ()),
                }
            })
            .await?;
            tracing::info!(kind = "service.deleted", service = %name, "the empty service {name} is deleted");
        }
        Ok(())
    }

    /// Rolls out the bank and waits until every pod runs.
    pub(super) async fn build(&self, mesh_version: &str) -> Result<(), String> {
        for name in ["default", "kube-system", &self.office.namespace] {
            let namespace =
                json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
            self.insist(|| async {
                match self.api.create("/api/v1/namespaces", &namespace).await {
                    Err(error) if error.is_already_exists() => Ok(()),
                    other => other.map(|_| ()),
                }
            })
            .await?;
        }
        let config = manifests::mesh_config(&self.office.namespace, mesh_version);
        self.create("configmaps", &config).await?;
        self.create("daemonsets", &manifests::mesh(mesh_version)).await?;
        let mut pods = self.office.topology.workers.len();
        for app in self.office.applications.iter() {
            for (kind, object) in app.configuration() {
                self.create(kind, &object).await?;
            }
            self.create("services", &app.service()).await?;
            let (kind, workload) = app.workload(FIRST_VERSION);
            self.create(kind, &workload).await?;
            pods += match app.entry {
                Some(_) => self.office.topology.workers.len(),
                None => app.replicas as usize,
            };
        }
        let began = Instant::now();
        loop {
            let running = |pod: &&Value| {
                pod.pointer("/status/phase").and_then(Value::as_str) == Some("Running")
            };
            let found = self.pods().await.unwrap_or_default();
            let ready = found.iter().filter(running).count();
            if ready >= pods {
                return Ok(());
            }
            if began.elapsed() > 2 * PERSIST {
                return Err(format!("{ready} of {pods} pods run"));
            }
            sleep(POLL).await;
        }
    }
}

/// What every service runs at first.
const FIRST_VERSION: &str = "v1";
