//! Harm that the seed draws: a plan first, printed in full, then carried out as planned.
//!
//! Any of it may cost the quorum. Nothing here is to be harmless; in the end everything is healed,
//! and then every promise must have been kept.

use std::fmt;
use std::time::Duration;

use anatomy_proto::etcdserverpb as pb;
use harness_env::{Env, Rng};
use harness_sim::Fault;
use mini_etcd::client::{Client, Config, Generation};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use super::steps::Office;
use crate::world::faults::{cut, slow_link};
use crate::world::topology::port;

/// The mean time from one harm to the next.
const GAP: Duration = Duration::from_millis(2500);
/// How often a harm befalls the leader: it is one of many, but most promises are its to keep.
const OF_LEADER: f64 = 0.3;
/// How long a disk takes whose write is cut short. Half-way through the third: by then so much waits
/// for the one before that it takes several sectors, and a power loss tears it.
const WRITES: Duration = Duration::from_millis(400);
/// How long a change of the members may take before somebody gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// One harm. Members are counted among those that there are at that moment.
#[derive(Clone, Debug)]
enum Harm {
    Kill(usize),
    PowerLoss(usize),
    /// The power goes while the disk is at work: what was written is lost, or torn.
    LostWrite(usize),
    Pause(usize),
    Isolate(usize),
    Cut(usize, usize, bool),
    SlowLink(usize, usize, Duration),
    SlowDisk(usize, Duration),
    FullDisk(usize),
    FailingDisk(usize),
    Skew(usize, i64),
    Add,
    /// So that one change meets another that is not made yet.
    AddTwo,
    Remove(usize),
    Compact(i64),
}

/// When, what, for how long; and whether it befalls the leader of that moment in place of the member.
#[derive(Clone, Debug)]
struct Planned {
    at: Duration,
    lasts: Duration,
    harm: Harm,
    of_leader: bool,
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nth = |n: &usize| format!("member {}", n + 1);
        let what = match &self.harm {
            Harm::Kill(n) => format!("kill {}", nth(n)),
            Harm::PowerLoss(n) => format!("power loss of {}", nth(n)),
            Harm::LostWrite(n) => format!("power loss of {} while it writes", nth(n)),
            Harm::Pause(n) => format!("pause {}", nth(n)),
            Harm::Isolate(n) => format!("isolate {}", nth(n)),
            Harm::Cut(a, b, true) => format!("cut {} from {}, one way", nth(a), nth(b)),
            Harm::Cut(a, b, false) => format!("cut {} and {}", nth(a), nth(b)),
            Harm::SlowLink(a, b, by) => format!("{by:?} between {} and {}", nth(a), nth(b)),
            Harm::SlowDisk(n, by) => format!("disk of {} slower by {by:?}", nth(n)),
            Harm::FullDisk(n) => format!("disk of {} full", nth(n)),
            Harm::FailingDisk(n) => format!("disk of {} failing", nth(n)),
            Harm::Skew(n, millis) => format!("clock of {} off by {millis} ms", nth(n)),
            Harm::Add => "add a member".to_owned(),
            Harm::AddTwo => "add two members at once".to_owned(),
            Harm::Remove(n) => format!("remove {}", nth(n)),
            Harm::Compact(back) => format!("compact all but {back} revisions"),
        };
        let (at, lasts) = (self.at.as_secs_f64(), self.lasts.as_secs_f64());
        let instead = if self.of_leader { ", in place of it the leader" } else { "" };
        write!(f, "+{at:.3} s for {lasts:.3} s: {what}{instead}")
    }
}

/// Draws a plan for a cluster of so many members.
fn plan(rng: &mut Rng, within: Duration, members: usize) -> Vec<Planned> {
    let mut plan = Vec::new();
    let mut at = rng.exponential(GAP);
    while at < within {
        let lasts = rng.duration(Duration::from_millis(300)..Duration::from_secs(12));
        let some = |rng: &mut Rng| rng.below(members as u64) as usize;
        let (one, other) = (some(rng), some(rng));
        let millis = |rng: &mut Rng, most: u64| Duration::from_millis(1 + rng.below(most));
        let harm = match rng.below(28) {
            0..3 => Harm::Kill(one),
            3..6 => Harm::PowerLoss(one),
            6..8 => Harm::LostWrite(one),
            8..10 => Harm::Pause(one),
            10..14 => Harm::Isolate(one),
            14..17 => Harm::Cut(one, other, rng.chance(0.5)),
            17 => Harm::SlowLink(one, other, millis(rng, 500)),
            18..20 => Harm::SlowDisk(one, millis(rng, 1500)),
            20 => Harm::FullDisk(one),
            21 => Harm::FailingDisk(one),
            22 => Harm::Skew(one, rng.below(7_200_000) as i64 - 3_600_000),
            23 => Harm::Add,
            24 => Harm::AddTwo,
            25 => Harm::Remove(one),
            _ => Harm::Compact(rng.below(100) as i64),
        };
        plan.push(Planned { at, lasts, harm, of_leader: rng.chance(OF_LEADER) });
        at += rng.exponential(GAP);
    }
    plan
}

/// Plans and carries out.
pub async fn play(env: &Env, office: &Office, within: Duration) {
    let members = office.etcd.size();
    let plan = plan(&mut office.world.rng("chaos"), within, members);
    tracing::info!(
        kind = "step.chaos",
        "{} harms to {members} members within {within:?}",
        plan.len()
    );
    for planned in &plan {
        tracing::info!(kind = "step.chaos.planned", "{planned}");
    }
    let began = Instant::now();
    let (done, mut all) = mpsc::channel::<()>(1);
    let tasks = env.tasks();
    for planned in plan {
        let (env, office, done) = (env.clone(), office.clone(), done.clone());
        tasks.spawn(async move {
            sleep_until(began + planned.at).await;
            carry_out(&env, &office, planned).await;
            drop(done);
        });
    }
    drop(done);
    // Nothing is ever sent: the channel closes when the last harm is done.
    all.recv().await;
    sleep_until(began + within).await;
}

async fn carry_out(env: &Env, office: &Office, planned: Planned) {
    let members = office.etcd.members();
    let places = office.etcd.places();
    let leader = planned.of_leader.then(|| office.faults.leader()).flatten();
    let leader = leader.and_then(|machine| office.faults.place(&machine));
    let at = |n: usize| leader.unwrap_or(members[n % members.len()]);
    let machine = |n: usize| places[at(n)].name.clone();
    let other = |n: usize| places[members[n % members.len()]].name.clone();
    let everybody = || members.iter().map(|n| places[*n].name.clone()).collect::<Vec<_>>();
    let (faults, lasts) = (&office.faults, planned.lasts);
    tracing::info!(kind = "chaos", "{planned}");
    let lasting = match planned.harm {
        Harm::Kill(n) => return faults.kill(&[machine(n)]),
        Harm::Pause(n) => return faults.pause(&[machine(n)], lasts).await,
        Harm::PowerLoss(n) | Harm::LostWrite(n) => {
            let machine = [machine(n)];
            if let Harm::LostWrite(_) = planned.harm {
                let slow = Fault::SlowDisk { machine: machine[0].clone(), by: WRITES };
                faults.last(vec![slow], Some(WRITES * 5 / 2)).await;
            }
            faults.power_off(&machine);
            tokio::time::sleep(lasts).await;
            return faults.power_on(&machine);
        }
        Harm::Add => return change(office.etcd.add(env, 0)).await,
        Harm::AddTwo => {
            let (one, other) = (office.etcd.add(env, 0), office.etcd.add(env, 0));
            tokio::join!(change(one), change(other));
            return;
        }
        // Of two members neither can be removed safely: the other one may fail before it learns that
        // the change is committed, and is alone then with an entry that it needs both for (etcd's
        // raft, README, "Implementation notes").
        Harm::Remove(_) if members.len() <= 2 => return,
        Harm::Remove(n) => return change(office.etcd.remove(env, at(n), 0)).await,
        Harm::Compact(back) => return compact(env, office, back).await,
        Harm::Isolate(n) => cut(&[machine(n)], &everybody(), false),
        Harm::Cut(a, b, one_way) => cut(&[machine(a)], &[other(b)], one_way),
        Harm::SlowLink(a, b, by) => slow_link(&[machine(a)], &[other(b)], by),
        Harm::SlowDisk(n, by) => vec![Fault::SlowDisk { machine: machine(n), by }],
        Harm::FullDisk(n) => vec![Fault::FullDisk { machine: machine(n) }],
        Harm::FailingDisk(n) => vec![Fault::FailingDisk { machine: machine(n) }],
        Harm::Skew(n, millis) => {
            vec![Fault::Skew { machine: machine(n), nanos: millis * 1_000_000 }]
        }
    };
    faults.last(lasting, Some(lasts)).await;
}

/// A change of the members, which etcd may well refuse.
async fn change<T>(change: impl Future<Output = Result<T, String>>) {
    match timeout(PATIENCE, change).await {
        Ok(Ok(_)) => {}
        Ok(Err(why)) => tracing::info!(kind = "chaos.refused", "{why}"),
        Err(_) => tracing::info!(kind = "chaos.refused", "nobody answers"),
    }
}

async fn compact(env: &Env, office: &Office, back: i64) {
    let at = |n: usize| office.etcd.places()[n].port(port::ETCD_CLIENT);
    let endpoints = office.etcd.members().into_iter().map(at).collect();
    let client = Client::new(env, "etcdctl", Config { endpoints, generation: Generation::Grpc105 });
    let compacting = async {
        let now = client.range(pb::RangeRequest { key: "lookup".into(), ..Default::default() });
        let now = now.await.map_err(|error| error.to_string())?;
        let revision = now.header.map_or(0, |header| header.revision) - back;
        if revision < 2 {
            return Ok(());
        }
        let latest = office.notes.all().compacted.max(revision);
        office.notes.all().compacted = latest;
        let request = pb::CompactionRequest { revision, ..Default::default() };
        client.compact(request).await.map(|_| ()).map_err(|error| error.to_string())
    };
    change(compacting).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_a_function_of_its_stream_and_has_every_kind_of_harm() {
        let minute = Duration::from_secs(60);
        let told = |seed| {
            let plan = plan(&mut Rng::from_key(seed), minute, 5);
            assert!(plan.iter().all(|planned| planned.at < minute));
            plan.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(told(1), told(1));
        assert_ne!(told(1), told(2));
        let all: Vec<String> = (0..40).flat_map(told).collect();
        for harm in [
            "kill",
            "power loss",
            "while it writes",
            "pause",
            "isolate",
            "one way",
            " and ",
            "between",
            "slower",
            "full",
            "failing",
            "clock",
            "add a member",
            "add two",
            "in place of it the leader",
            "remove",
            "compact",
        ] {
            assert!(all.iter().any(|planned| planned.contains(harm)), "{harm}");
        }
    }
}
