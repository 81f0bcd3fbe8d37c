//! The masters: an apiserver, a controller-manager and a scheduler on each.
//!
//! The controller-manager and the scheduler talk to the apiserver beside them
//! (`--master=http://127.0.0.1:8080`, as the installers of 2017 set it), everybody else to the load
//! balancer. So what the leading controller-manager writes goes through one apiserver's clients.

use std::sync::Arc;

use harness_env::Env;
use harness_sim::World;
use mini_apiserver::apiserver;
use mini_apiserver::controllers::{self, LeaderLock};
use mini_apiserver::scheduler;
use tokio::time::{Duration, sleep};

use super::topology::{Topology, port};
use super::unit::{Program, Stopping, Supervised, Unit, asked};

/// What all masters are told.
#[derive(Clone)]
pub struct Config {
    /// The apiservers' settings.
    pub apiserver: apiserver::Config,
    /// What holds the lock of the leader elections.
    pub leader_lock: LeaderLock,
}

/// What the apiservers' unit is called.
const APISERVER: &str = "kube-apiserver";

/// The units of the masters.
pub struct ControlPlane {
    /// By machine.
    pub masters: Vec<Supervised>,
}

/// A program that stops when it is asked to, by being dropped.
fn until_asked<F>(program: impl Fn(Env) -> F + Send + Sync + 'static) -> Program
where
    F: Future<Output = Result<(), String>> + Send + 'static,
{
    Arc::new(move |env: Env, mut stopping: Stopping| {
        let running = program(env);
        Box::pin(async move {
            tokio::select! {
                biased;
                result = running => result,
                () = asked(&mut stopping) => Ok(()),
            }
        })
    })
}

impl ControlPlane {
    /// Starts everything.
    pub fn start(world: World, topology: &Topology, config: &Config) -> Self {
        let mut masters = Vec::new();
        for master in &topology.masters {
            let unit = |name: &str, program: Program| {
                let unit = Unit::new(world, &master.name, name, program);
                unit.start();
                unit
            };
            let api = config.apiserver.clone();
            let apiserver = unit(
                APISERVER,
                until_asked(move |env| {
                    let api = api.clone();
                    async move { apiserver::run(env, api).await.map_err(|e| e.to_string()) }
                }),
            );
            let local = master.port(port::APISERVER);
            let manager = controllers::Config {
                server: local,
                leader_lock: config.leader_lock,
                identity: master.name.clone(),
                version: config.apiserver.version,
            };
            let manager = unit(
                "kube-controller-manager",
                until_asked(move |env| {
                    let manager = manager.clone();
                    async move { controllers::run(env, manager).await.map_err(|e| e.to_string()) }
                }),
            );
            let scheduling = scheduler::Config {
                server: local,
                leader_lock: config.leader_lock,
                identity: master.name.clone(),
            };
            let scheduling = unit(
                "kube-scheduler",
                until_asked(move |env| {
                    let scheduling = scheduling.clone();
                    async move { scheduler::run(env, scheduling).await.map_err(|e| e.to_string()) }
                }),
            );
            let units = vec![apiserver, manager, scheduling];
            masters.push(Supervised { place: master.clone(), units });
        }
        ControlPlane { masters }
    }

    /// Restarts the apiservers, one shortly after the other.
    pub async fn restart_apiservers(&self) {
        let units = self.masters.iter().flat_map(|master| &master.units);
        let apiservers: Vec<&Unit> = units.filter(|unit| unit.name() == APISERVER).collect();
        for unit in apiservers {
            unit.restart().await;
            sleep(Duration::from_secs(5)).await;
        }
    }
}
