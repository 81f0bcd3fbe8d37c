//! The people: they look, and they act through the cluster's own API.
//!
//! Everybody works from the office, a machine outside the cluster, as a process of their own. What
//! makes somebody act is what the monitor, the apiservers and the proxies' admin pages show at that
//! moment ([`look`]); what they do is a request to an apiserver, or work on the masters and etcd
//! machines themselves, which stands for a remote shell ([`Machines`]).

mod act;
mod look;
mod mesh;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use harness_env::Env;
use harness_sim::World;
use mini_apiserver::rest_client::{Client, Identity};
use serde_json::Value;

use super::control_plane::ControlPlane;
use super::due::{self, Due, Ledger};
use super::etcd::Etcd;
use super::faults::Faults;
use super::manifests::Application;
use super::topology::Topology;
use crate::scenario::{Manner, Step, Symptom};

/// How long somebody waits for an answer of a tool before trying again (`kubectl` waits for ever;
/// people do not).
const PATIENCE: Duration = Duration::from_secs(75);

/// What can be done on the machines themselves.
pub struct Machines {
    /// The etcd members.
    pub etcd: Arc<Etcd>,
    /// The masters.
    pub control_plane: ControlPlane,
}

/// What everybody in the office has.
#[derive(Clone)]
pub struct Office {
    /// The world, to start people in.
    pub world: World,
    /// Who is where.
    pub topology: Arc<Topology>,
    /// The remote shell.
    pub machines: Arc<Machines>,
    /// Harm, which is nobody's work.
    pub faults: Faults,
    /// The namespace of the bank's services.
    pub namespace: String,
    /// Where the monitor tells of its alarms.
    pub alarms: SocketAddr,
    /// The members that the apiservers list.
    pub listed_members: usize,
    /// The bank's services as they were first rolled out.
    pub applications: Arc<Vec<Application>>,
    /// How steps are taken.
    pub ledger: Ledger,
}

/// Somebody at a desk.
struct Desk {
    env: Env,
    office: Office,
    api: Client,
}

impl Desk {
    fn new(env: Env, office: Office, who: &str) -> Self {
        let user = Identity::User(who.to_owned());
        let api = Client::new(&env, "kubectl", office.topology.api(), user).with_timeout(PATIENCE);
        Desk { env, office, api }
    }

    /// A JSON document of any of the cluster's web pages.
    async fn page(&self, at: SocketAddr, path: &str) -> Option<Value> {
        let user = Identity::User("on-call".to_owned());
        let client = Client::new(&self.env, "curl", at, user).with_timeout(Duration::from_secs(5));
        client.get(path).await.ok()
    }
}

impl due::Desk for Desk {
    async fn sees(&self, symptom: Symptom) -> Vec<String> {
        self.look_for(symptom).await
    }

    async fn takes(&self, step: &Step, manner: Manner, because: &str) -> Result<(), String> {
        self.act(step, manner, because).await
    }
}

impl Office {
    /// Has somebody take a step, if the settings and what is to be seen call for it. Returns when
    /// it is done.
    pub async fn take(self, due: Due) {
        let ledger = self.ledger.clone();
        ledger.take(due, |env, actor| Desk::new(env, self, actor)).await;
    }

    /// Rolls out the bank: what stands before the story begins.
    pub async fn build(&self, mesh_version: &str) -> Result<(), String> {
        let (office, mesh_version) = (self.clone(), mesh_version.to_owned());
        let builder = self.world.start(&self.topology.office.name, "founders", |env| async move {
            let desk = Desk::new(env, office, "founders");
            desk.build(&mesh_version).await
        });
        match builder.exited().await {
            harness_sim::Exit::Returned(result) => result,
            other => Err(format!("the cluster was not built: {other:?}")),
        }
    }
}
