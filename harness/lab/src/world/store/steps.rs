//! Taking a step: people at their desk. What befalls machines is the same in every world
//! ([`mod@crate::world::faults`]).

use std::sync::Arc;
use std::time::Duration;

use anatomy_proto::etcdserverpb as pb;
use bytes::Bytes;
use futures_util::future::join_all;
use harness_env::Env;
use harness_sim::World;
use mini_etcd::client::{Client, Config, Generation};
use tokio::time::{Instant, timeout};

use super::chaos;
use super::end;
use super::machines::Machines;
use super::notes::Notes;
use crate::scenario::{Action, Deed, Manner, Step, Symptom, Target};
use crate::world::due::{self, Due, Ledger};
use crate::world::etcd::Etcd;
use crate::world::faults::{Faults, list};
use crate::world::topology::{Place, port};

/// How long somebody waits for `etcdctl`: longer than etcd takes to say that it could not write (7 s). A
/// read that times out is asked again by the client itself, for as long as somebody waits.
const PATIENCE: Duration = Duration::from_secs(10);

/// What everybody in the office has.
#[derive(Clone)]
pub struct Office {
    /// The world, to start people in.
    pub world: World,
    /// Who is where.
    pub machines: Arc<Machines>,
    /// The members.
    pub etcd: Arc<Etcd>,
    /// Harm.
    pub faults: Faults,
    /// What clients lived through.
    pub notes: Notes,
    /// How steps are taken.
    pub ledger: Ledger,
    /// Whoever removes members.
    pub changing: Arc<tokio::sync::Mutex<()>>,
}

/// Somebody at a desk.
struct Desk {
    env: Env,
    office: Office,
}

impl due::Desk for Desk {
    async fn sees(&self, symptom: Symptom) -> Vec<String> {
        match symptom {
            Symptom::MembersSilent => {
                let silent = self.office.silent(&self.env).await;
                silent.iter().map(|machine| format!("{machine} does not answer")).collect()
            }
            // A scenario of this world was checked to have none of the bank's.
            _ => Vec::new(),
        }
    }

    async fn takes(&self, step: &Step, _: Manner, because: &str) -> Result<(), String> {
        self.office.act(&self.env, step, because).await
    }
}

impl Office {
    /// Has somebody take a step, if the settings and what is to be seen call for it. Returns when
    /// it is done.
    pub async fn take(self, due: Due) {
        let ledger = self.ledger.clone();
        ledger.take(due, |env, _| Desk { env, office: self }).await;
    }

    async fn act(&self, env: &Env, step: &Step, because: &str) -> Result<(), String> {
        match &step.action {
            Action::EtcdGrow { members } => {
                let from = self.etcd.size();
                tracing::info!(
                    kind = "step.etcd-grow",
                    because,
                    "grows etcd from {from} members to {members}"
                );
                self.etcd.grow(env, *members as usize).await?;
                tracing::info!(kind = "etcd.grown", "etcd has {members} members");
                Ok(())
            }
            Action::EtcdUpgrade { version } => {
                let profile = version.parse().map_err(|_| "no such etcd".to_owned())?;
                tracing::info!(kind = "step.etcd-upgrade", because, "upgrades etcd to {version}");
                self.etcd.upgrade(env, profile).await;
                tracing::info!(kind = "etcd.upgraded", "etcd is at {version}, member by member");
                Ok(())
            }
            Action::EtcdRollingRestart => {
                let count = self.etcd.size();
                tracing::info!(
                    kind = "step.etcd-rolling-restart",
                    because,
                    "restarts the {count} etcd members one by one"
                );
                self.etcd.rolling_restart(env, count).await;
                Ok(())
            }
            Action::Deed(deed) => self.deed(env, deed, because).await,
            // The scenario was checked: a world of etcd alone has none of the others.
            other => Err(format!("nobody here can {}", other.name())),
        }
    }

    async fn deed(&self, env: &Env, deed: &Deed, because: &str) -> Result<(), String> {
        let on = |target: &Target| self.faults.machines(target);
        let kind = format!("step.{}", deed.name());
        let tell = |text: String| tracing::info!(kind, because, "{text}");
        match deed {
            Deed::Replace(target) => {
                let machines = on(target);
                tell(format!("replaces the member on {}", list(&machines)));
                for machine in &machines {
                    let place = self.faults.place(machine).ok_or("there is no member")?;
                    self.etcd.remove(env, place, REPEATED).await?;
                    self.put_in_place_of(env, machine).await?;
                }
            }
            Deed::Silent(replace) => {
                // One at a time, who looks again before: others may have changed the members.
                let _alone = self.changing.lock().await;
                let silent = self.silent(env).await;
                let verb = if *replace { "replaces" } else { "removes" };
                tell(format!("{verb} the members that do not answer: {}", list(&silent)));
                for machine in &silent {
                    let place = self.faults.place(machine).ok_or("there is no member")?;
                    self.etcd.remove(env, place, 0).await?;
                }
                // While somebody is silent nobody is added.
                for machine in silent.iter().filter(|_| *replace) {
                    self.put_in_place_of(env, machine).await?;
                }
            }
            Deed::Put(target) => {
                for machine in on(target) {
                    let told = self.put(env, &machine).await;
                    tell(format!("puts through {machine}: {told}"));
                }
            }
            Deed::Get(target, serializable) => {
                for machine in on(target) {
                    let told = self.get(env, &machine, *serializable).await;
                    let what = if *serializable { "what it has" } else { "the newest" };
                    tell(format!("reads {what} through {machine}: {told}"));
                }
            }
            Deed::Audit => {
                let told = end::audit(env, &self.machines, &self.notes, PATIENCE).await;
                tell(format!("compares with what was acknowledged: {told}"));
            }
            Deed::Chaos(within) => chaos::play(env, self, *within).await,
            harm => self.faults.befall(harm, because).await?,
        }
        Ok(())
    }

    /// Adds a member on a machine that was not in use.
    async fn put_in_place_of(&self, env: &Env, machine: &str) -> Result<(), String> {
        let new = self.etcd.add(env, REPEATED).await?;
        let serves = timeout(STARTING, self.etcd.healthy(env, new)).await;
        let new = &self.etcd.places()[new].name;
        serves.map_err(|_| format!("{new} does not serve after {STARTING:?}"))?;
        tracing::info!(kind = "step.replaced", "{new} takes the place of {machine}");
        Ok(())
    }

    /// The machines whose member says nothing of itself, as `etcdctl endpoint status` finds it: that
    /// needs no quorum.
    async fn silent(&self, env: &Env) -> Vec<String> {
        let looks = self.etcd.members().into_iter().map(|n| async move {
            let place = &self.etcd.places()[n];
            let client = self.etcdctl(env, &place.name);
            let status = client.status(place.port(port::ETCD_CLIENT));
            let answered = matches!(timeout(GLANCE, status).await, Ok(Ok(_)));
            (!answered).then(|| place.name.clone())
        });
        join_all(looks).await.into_iter().flatten().collect()
    }

    fn at(&self, machine: &str) -> Option<&Place> {
        self.machines.etcd.iter().find(|place| place.name == machine)
    }

    fn etcdctl(&self, env: &Env, machine: &str) -> Client {
        let endpoints = self.at(machine).map(|place| place.port(port::ETCD_CLIENT));
        let endpoints = endpoints.into_iter().collect();
        Client::new(env, "etcdctl", Config { endpoints, generation: Generation::Grpc105 })
    }

    async fn put(&self, env: &Env, machine: &str) -> String {
        let began = Instant::now();
        let key = Bytes::from_static(b"by-hand");
        let put = pb::PutRequest { key, value: Bytes::from("x"), ..Default::default() };
        let client = self.etcdctl(env, machine);
        match timeout(PATIENCE, client.put(put)).await {
            Ok(Ok(_)) => "done".to_owned(),
            Ok(Err(error)) => format!("{error} after {:.0} s", began.elapsed().as_secs_f64()),
            Err(_) => format!("no answer for {:.0} s", began.elapsed().as_secs_f64()),
        }
    }

    async fn get(&self, env: &Env, machine: &str, serializable: bool) -> String {
        let began = Instant::now();
        let all = pb::RangeRequest {
            key: Bytes::from_static(b"\0"),
            range_end: Bytes::from_static(b"\0"),
            count_only: true,
            serializable,
            ..Default::default()
        };
        let client = self.etcdctl(env, machine);
        match timeout(PATIENCE, client.range(all)).await {
            Ok(Ok(answer)) if answer.count > 0 => "answered".to_owned(),
            Ok(Ok(_)) => "answered: nothing is there".to_owned(),
            Ok(Err(error)) => format!("{error} after {:.0} s", began.elapsed().as_secs_f64()),
            Err(_) => format!("no answer for {:.0} s", began.elapsed().as_secs_f64()),
        }
    }
}

/// How long somebody waits for a member to say how it is.
const GLANCE: Duration = Duration::from_secs(2);
/// How long somebody waits for a new member to serve.
const STARTING: Duration = Duration::from_secs(60);
/// How often somebody repeats a change of the members that is refused.
const REPEATED: usize = 12;
