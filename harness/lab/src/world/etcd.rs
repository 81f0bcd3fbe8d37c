//! The etcd cluster: members as units, and what is done to them over the years.
//!
//! Operators work on the machines themselves here (a new binary, a restart); what they can do
//! through etcd's own API (adding a member) they do through it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness_env::Env;
use harness_sim::World;
use mini_etcd::Profile;
use mini_etcd::client::{self, Client, Generation};
use mini_etcd::server::{self, InitialState};
use tokio::time::{sleep, timeout};

use super::topology::{Place, Topology, port};
use super::unit::{Program, Unit, asked};

/// Between two members of a rolling operation: the time that a strict reconfiguration check asks
/// for (all members connected for 5 s), and people look at the dashboards besides.
const BETWEEN: Duration = Duration::from_secs(10);
/// How often an operator asks whether a member is back.
const POLL: Duration = Duration::from_secs(1);

/// The members.
pub struct Etcd {
    world: World,
    topology: Arc<Topology>,
    state: Mutex<State>,
}

struct State {
    profile: Profile,
    members: Vec<Unit>,
}

fn member_name(place: &Place) -> String {
    place.name.clone()
}

fn program(
    place: &Place,
    cluster: Vec<(String, SocketAddr)>,
    initial_state: InitialState,
    profile: Profile,
) -> Program {
    let mut config = server::Config::new(
        &member_name(place),
        place.port(port::ETCD_CLIENT),
        place.port(port::ETCD_PEER),
        profile,
    );
    config.initial_cluster = cluster;
    config.initial_state = initial_state;
    Arc::new(move |env: Env, mut stopping| {
        let config = config.clone();
        Box::pin(async move {
            server::run(env, config, async move { asked(&mut stopping).await })
                .await
                .map_err(|e| e.to_string())
        })
    })
}

impl Etcd {
    /// Starts a cluster of `members`.
    pub fn start(world: World, topology: &Arc<Topology>, members: usize, profile: Profile) -> Self {
        let etcd = Etcd {
            world,
            topology: topology.clone(),
            state: Mutex::new(State { profile, members: Vec::new() }),
        };
        let cluster = etcd.peers(members);
        for n in 0..members {
            etcd.add_unit(
                n,
                program(&topology.etcd[n], cluster.clone(), InitialState::New, profile),
            );
        }
        etcd
    }

    fn peers(&self, members: usize) -> Vec<(String, SocketAddr)> {
        let peer = |place: &Place| (member_name(place), place.port(port::ETCD_PEER));
        self.topology.etcd[..members].iter().map(peer).collect()
    }

    fn add_unit(&self, n: usize, program: Program) {
        let unit = Unit::new(self.world, &self.topology.etcd[n].name, "etcd", program);
        unit.start();
        self.state.lock().expect("no panic while locked").members.push(unit);
    }

    fn units(&self) -> Vec<Unit> {
        self.state.lock().expect("no panic while locked").members.clone()
    }

    /// How many members there are.
    pub fn size(&self) -> usize {
        self.units().len()
    }

    /// Waits until the `n`th member answers linearizable reads again, as `etcdctl endpoint health`
    /// asks.
    pub async fn healthy(&self, env: &Env, n: usize) {
        let endpoint = self.topology.etcd_client(n);
        loop {
            let client = Client::new(env, "etcdctl", config(vec![endpoint]));
            let request = anatomy_proto::etcdserverpb::RangeRequest {
                key: "health".into(),
                ..Default::default()
            };
            if let Ok(Ok(_)) = timeout(Duration::from_secs(5), client.range(request)).await {
                return;
            }
            sleep(POLL).await;
        }
    }

    /// Gives every member another binary, one after the other.
    pub async fn upgrade(&self, env: &Env, to: Profile) {
        self.state.lock().expect("no panic while locked").profile = to;
        for (n, unit) in self.units().into_iter().enumerate() {
            let cluster = self.peers(self.size());
            unit.replace(program(&self.topology.etcd[n], cluster, InitialState::New, to));
            self.restart(env, n, &unit).await;
        }
    }

    /// Restarts the first `count` members, one after the other.
    pub async fn rolling_restart(&self, env: &Env, count: usize) {
        for (n, unit) in self.units().into_iter().take(count).enumerate() {
            self.restart(env, n, &unit).await;
        }
    }

    /// Stops the `n`th member and starts it, and leaves it the time to catch up.
    async fn restart(&self, env: &Env, n: usize, unit: &Unit) {
        unit.restart().await;
        self.healthy(env, n).await;
        sleep(BETWEEN).await;
    }

    /// Adds members one at a time: announces each through the API, then starts it.
    ///
    /// # Errors
    /// What etcd refuses for longer than a few minutes.
    pub async fn grow(&self, env: &Env, to: usize) -> Result<(), String> {
        while self.size() < to {
            let n = self.size();
            let endpoints = (0..n).map(|n| self.topology.etcd_client(n)).collect();
            let client = Client::new(env, "etcdctl", config(endpoints));
            let peer = self.topology.etcd[n].port(port::ETCD_PEER);
            let mut tries = 0;
            while let Err(error) = client.member_add(vec![server::config::url(peer)]).await {
                tries += 1;
                if tries > 60 {
                    return Err(format!("member {} was not added: {error}", n + 1));
                }
                sleep(Duration::from_secs(5)).await;
            }
            let profile = self.state.lock().expect("no panic while locked").profile;
            let cluster = self.peers(n + 1);
            self.add_unit(
                n,
                program(&self.topology.etcd[n], cluster, InitialState::Existing, profile),
            );
            self.healthy(env, n).await;
            sleep(BETWEEN).await;
        }
        Ok(())
    }
}

/// `etcdctl` is of the release of the client: it has no part in the outage.
fn config(endpoints: Vec<SocketAddr>) -> client::Config {
    client::Config { endpoints, generation: Generation::Grpc105 }
}
