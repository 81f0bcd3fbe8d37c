//! The etcd cluster: members as units, and what is done to them over the years.
//!
//! Operators work on the machines themselves here (a new binary, a restart); what they can do
//! through etcd's own API (adding a member) they do through it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use anatomy_proto::etcdserverpb as pb;
use harness_env::Env;
use harness_sim::{Process, World};
use mini_etcd::Profile;
use mini_etcd::client::{self, Client, Generation};
use mini_etcd::server::{self, InitialState};
use tokio::time::{sleep, timeout};

use super::topology::{Place, port};
use super::unit::{Program, Unit, asked};

/// Between two members of a rolling operation: the time that a strict reconfiguration check asks
/// for (all members connected for 5 s), and people look at the dashboards besides.
const BETWEEN: Duration = Duration::from_secs(10);
/// How often an operator asks whether a member is back.
const POLL: Duration = Duration::from_secs(1);
/// Between two attempts to change the members.
const RETRY: Duration = Duration::from_secs(5);
/// How often a change of the members is tried.
const TRIES: usize = 60;
/// How long somebody waits for the list of the members.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a scenario makes different from the defaults in every member's settings.
pub type Tune = Arc<dyn Fn(&mut server::Config) + Send + Sync>;

/// The members.
pub struct Etcd {
    world: World,
    /// Where members may run, in the order in which they are used. No place is used twice.
    places: Vec<Place>,
    tune: Tune,
    /// The places of the members as etcd listed them last: what a new member is told.
    listed: Told,
    state: Mutex<State>,
}

/// The places of members that a member is told of when it starts.
type Told = Arc<Mutex<Vec<usize>>>;

struct State {
    profile: Profile,
    /// By place.
    members: BTreeMap<usize, Unit>,
    /// The next place that nobody has used.
    next: usize,
    /// Places whose change nobody answered for: it may have been made or not.
    doubtful: BTreeSet<usize>,
}

impl Etcd {
    /// Starts a cluster of `members` on the first of `places`.
    pub fn start(
        world: World,
        places: &[Place],
        members: usize,
        profile: Profile,
        tune: Tune,
    ) -> Self {
        let (all, doubtful) = ((0..members).collect::<Vec<usize>>(), BTreeSet::new());
        let state = State { profile, members: BTreeMap::new(), next: members, doubtful };
        let (places, listed, state) = (places.to_vec(), Told::default(), Mutex::new(state));
        let etcd = Etcd { world, places, tune, listed, state };
        let told = Told::new(Mutex::new(all.clone()));
        for n in all {
            etcd.add_unit(n, etcd.program(n, told.clone(), InitialState::New));
        }
        etcd
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic while locked")
    }

    /// The program of the member at a place, in a cluster of the members that it is told of.
    fn program(&self, n: usize, told: Told, initial_state: InitialState) -> Program {
        let place = &self.places[n];
        let (client, peer) = (place.port(port::ETCD_CLIENT), place.port(port::ETCD_PEER));
        let profile = self.state().profile;
        let mut config = server::Config::new(&place.name, client, peer, profile);
        config.initial_state = initial_state;
        (self.tune)(&mut config);
        let peer = |place: &Place| (place.name.clone(), place.port(port::ETCD_PEER));
        let peers: Vec<_> = self.places.iter().map(peer).collect();
        Arc::new(move |env: Env, mut stopping| {
            let mut config = config.clone();
            let told = told.lock().expect("no panic while locked").clone();
            config.initial_cluster = told.into_iter().map(|n| peers[n].clone()).collect();
            Box::pin(async move {
                server::run(env, config, async move { asked(&mut stopping).await })
                    .await
                    .map_err(|e| e.to_string())
            })
        })
    }

    fn add_unit(&self, n: usize, program: Program) {
        let unit = Unit::new(self.world, &self.places[n].name, "etcd", program);
        unit.start();
        self.state().members.insert(n, unit);
    }

    fn units(&self) -> BTreeMap<usize, Unit> {
        self.state().members.clone()
    }

    /// How many members there are.
    pub fn size(&self) -> usize {
        self.state().members.len()
    }

    /// Where there are members.
    pub fn members(&self) -> Vec<usize> {
        self.state().members.keys().copied().collect()
    }

    /// Where members may run.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// The program that runs at a place.
    pub fn process(&self, n: usize) -> Option<Process> {
        self.state().members.get(&n).and_then(Unit::process)
    }

    fn endpoint(&self, n: usize) -> SocketAddr {
        self.places[n].port(port::ETCD_CLIENT)
    }

    /// A client of all members.
    fn client(&self, env: &Env) -> Client {
        let endpoints = self.members().into_iter().map(|n| self.endpoint(n)).collect();
        Client::new(env, "etcdctl", config(endpoints))
    }

    /// Waits until the `n`th member answers linearizable reads again, as `etcdctl endpoint health`
    /// asks.
    pub async fn healthy(&self, env: &Env, n: usize) {
        let endpoint = self.endpoint(n);
        loop {
            let client = Client::new(env, "etcdctl", config(vec![endpoint]));
            let request = pb::RangeRequest { key: "health".into(), ..Default::default() };
            if let Ok(Ok(_)) = timeout(Duration::from_secs(5), client.range(request)).await {
                return;
            }
            sleep(POLL).await;
        }
    }

    /// Gives every member another binary, one after the other.
    pub async fn upgrade(&self, env: &Env, to: Profile) {
        self.state().profile = to;
        for (n, unit) in self.units() {
            let told = Told::new(Mutex::new(self.members()));
            unit.replace(self.program(n, told, InitialState::New));
            self.restart(env, n, &unit).await;
        }
    }

    /// Restarts the first `count` members, one after the other.
    pub async fn rolling_restart(&self, env: &Env, count: usize) {
        for (n, unit) in self.units().into_iter().take(count) {
            self.restart(env, n, &unit).await;
        }
    }

    /// Stops the `n`th member and starts it, and leaves it the time to catch up.
    async fn restart(&self, env: &Env, n: usize, unit: &Unit) {
        unit.restart().await;
        self.healthy(env, n).await;
        sleep(BETWEEN).await;
    }

    /// Adds members one at a time.
    ///
    /// # Errors
    /// What etcd refuses for longer than a few minutes.
    pub async fn grow(&self, env: &Env, to: usize) -> Result<(), String> {
        while self.size() < to {
            let n = self.add(env, TRIES).await?;
            self.healthy(env, n).await;
            sleep(BETWEEN).await;
        }
        Ok(())
    }

    /// Announces a member through the API, then starts it. Returns its place.
    ///
    /// # Errors
    /// What etcd refuses more than `tries` times, and if there is no place left.
    pub async fn add(&self, env: &Env, tries: usize) -> Result<usize, String> {
        let next = self.state().next;
        // Not in a zone in which nothing that was ever used has power.
        let is_lit = |n: &usize| {
            let zone = &self.places[*n].zone;
            let mut used =
                self.places[..next].iter().filter(|place| place.zone == *zone).peekable();
            used.peek().is_none() || used.any(|place| self.world.has_power(&place.name))
        };
        let n = (next..self.places.len()).find(is_lit).ok_or("there is no machine left")?;
        let place = &self.places[n];
        let url = server::config::url(place.port(port::ETCD_PEER));
        let client = self.client(env);
        self.state().next = n + 1;
        self.state().doubtful.insert(n);
        let answer = insist(tries, || client.member_add(vec![url.clone()]))
            .await
            .map_err(|error| format!("member {} was not added: {error}", n + 1))?;
        self.list(&with_urls(answer.members));
        self.begin(n);
        self.state().doubtful.remove(&n);
        Ok(n)
    }

    /// Starts a member that was announced.
    fn begin(&self, n: usize) {
        self.add_unit(n, self.program(n, self.listed.clone(), InitialState::Existing));
    }

    /// Notes what etcd lists. A member that has not joined yet is told of it when it tries again.
    fn list(&self, members: &[(u64, String)]) {
        let url = |n: &usize| server::config::url(self.places[*n].port(port::ETCD_PEER));
        let is_listed = |n: &usize| members.iter().any(|(_, at)| *at == url(n));
        let listed = (0..self.places.len()).filter(is_listed).collect();
        *self.listed.lock().expect("no panic while locked") = listed;
    }

    /// Takes the member at a place out of the cluster and stops it.
    ///
    /// # Errors
    /// What etcd refuses more than `tries` times.
    pub async fn remove(&self, env: &Env, n: usize, tries: usize) -> Result<(), String> {
        let url = server::config::url(self.places[n].port(port::ETCD_PEER));
        let client = self.client(env);
        let id = listed(&client).await?.into_iter().find(|(_, at)| *at == url);
        let (id, _) = id.ok_or("it is no member")?;
        self.state().doubtful.insert(n);
        insist(tries, || client.member_remove(id))
            .await
            .map_err(|error| format!("member {} was not removed: {error}", n + 1))?;
        self.dismiss(n).await;
        self.state().doubtful.remove(&n);
        Ok(())
    }

    /// Stops a member that was taken out.
    async fn dismiss(&self, n: usize) {
        let unit = self.state().members.remove(&n);
        if let Some(unit) = unit {
            unit.stop().await;
        }
    }

    /// Looks what became of changes that nobody answered for: starts who is a member after all,
    /// stops who is none. Whoever answers may be behind, so it is worth doing again.
    ///
    /// # Errors
    /// Nobody lists the members.
    pub async fn settle(&self, env: &Env) -> Result<(), String> {
        let doubtful = self.state().doubtful.clone();
        if doubtful.is_empty() {
            return Ok(());
        }
        let listed = listed(&self.client(env)).await?;
        self.list(&listed);
        for n in doubtful {
            let url = server::config::url(self.places[n].port(port::ETCD_PEER));
            let is_member = listed.iter().any(|(_, at)| *at == url);
            match (is_member, self.members().contains(&n)) {
                (true, false) => self.begin(n),
                (false, true) => self.dismiss(n).await,
                _ => {}
            }
        }
        Ok(())
    }
}

/// The members as etcd lists them: id and peer address.
async fn listed(client: &Client) -> Result<Vec<(u64, String)>, String> {
    let list = timeout(PATIENCE, client.member_list()).await;
    let list = list.map_err(|_| "nobody lists the members")?.map_err(|e| e.to_string())?;
    Ok(with_urls(list.members))
}

fn with_urls(members: Vec<pb::Member>) -> Vec<(u64, String)> {
    let one = |member: pb::Member| member.peer_ur_ls.first().map(|url| (member.id, url.clone()));
    members.into_iter().filter_map(one).collect()
}

/// Calls until it succeeds, or has failed more than so many times.
async fn insist<T, F>(tries: usize, mut call: impl FnMut() -> F) -> Result<T, String>
where
    F: Future<Output = Result<T, client::Error>>,
{
    let mut failed = 0;
    loop {
        match call().await {
            Ok(answer) => return Ok(answer),
            Err(error) => {
                failed += 1;
                if failed > tries {
                    return Err(error.to_string());
                }
                sleep(RETRY).await;
            }
        }
    }
}

/// `etcdctl` is of the release of the client: it has no part in the outage.
fn config(endpoints: Vec<SocketAddr>) -> client::Config {
    client::Config { endpoints, generation: Generation::Grpc105 }
}
