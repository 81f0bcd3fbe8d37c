//! The controller-manager: what makes the cluster be as its objects say.
//!
//! Several run, one leads ([`crate::election`]). The leader runs the controllers; one that loses its
//! lease returns an error, and whoever supervises the process starts it again, as systemd did.
//!
//! A controller is a loop around a pure function. The function takes objects and says what to do
//! (`plan`, `compute`); the loop follows objects with informers and carries it out.
//!
//! | module | what it is |
//! |---|---|
//! | `informers` | what is followed, once for all controllers |
//! | [`queue`] | the work queue between informers and workers |
//! | `workload` | the loop of Deployments and DaemonSets; `deployment` and `daemonset` plan |
//! | `endpoints` | the endpoints controller; `subsets` computes |
//! | `nodes` | nodes that stopped reporting, and the pods on them |
//! | `tokens` | the default service account's token in each namespace |

mod daemonset;
mod deployment;
mod endpoints;
mod expectations;
mod informers;
mod nodes;
pub mod queue;
mod subsets;
mod template;
pub(crate) mod tokens;
mod workload;

use std::net::SocketAddr;

use harness_env::Env;

use crate::Version;
pub use crate::election::LeaderLock;
use crate::election::{Elector, Lost};
use crate::rest_client::{Client, Identity};

/// `--kube-api-qps` and `--kube-api-burst` of the controller-manager of 1.7, for each client: each
/// controller had one of its own (`ClientBuilder`).
const QPS: f64 = 20.0;
const BURST: u32 = 30;

/// How to run a controller-manager.
#[derive(Clone, Debug)]
pub struct Config {
    /// The apiserver, or the load balancer before the apiservers.
    pub server: SocketAddr,
    /// What holds the leader's lock.
    pub leader_lock: LeaderLock,
    /// Who this one is in the election: unique, `master-a`.
    pub identity: String,
    /// Which release's controllers.
    pub version: Version,
}

/// Why a controller-manager ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another leads, or may.
    #[error(transparent)]
    Lost(#[from] Lost),
}

/// Runs a controller-manager.
///
/// # Errors
/// [`Error::Lost`] when it led and lost its lease. It never ends otherwise.
pub async fn run(env: Env, config: Config) -> Result<(), Error> {
    let client = |name: &str| {
        let user = Identity::User("system:kube-controller-manager".to_string());
        let name = format!("kube-controller-manager/{name}");
        Client::new(&env, &name, config.server, user).with_rate_limit(QPS, BURST)
    };
    let elector = Elector::new(
        &env,
        client("leader-election"),
        config.leader_lock,
        "kube-controller-manager",
        &config.identity,
    );
    let version = config.version;
    let work = async {
        let tasks = env.tasks();
        let informers = informers::Informers::start(&env, &tasks, &client("shared-informers"));
        let with = || (env.clone(), informers.clone());
        tasks.spawn(workload::run(with(), client("deployment"), workload::Kind::Deployment));
        tasks.spawn(workload::run(with(), client("daemon-set"), workload::Kind::DaemonSet));
        tasks.spawn(endpoints::run(with(), client("endpoint"), version));
        tasks.spawn(nodes::run(with(), client("node")));
        tasks.spawn(tokens::run(with(), client("tokens")));
        std::future::pending().await
    };
    Ok(elector.lead(work).await?)
}
