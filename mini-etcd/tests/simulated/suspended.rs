//! The leader is suspended, and another is elected: what it says and decides about leases when it
//! goes on.

use std::net::SocketAddr;
use std::time::Duration;

use harness_env::Env;
use harness_sim::{Process, Side, World};
use mini_etcd::client::{Client, Config, Error, Generation};
use mini_etcd::defects::Defects;
use mini_etcd::server;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tonic::Code;

use crate::room::{client, client_addr, config, launch, machine, of};

const LEASE: i64 = 77;
/// Of the lease, in seconds.
const TTL: i64 = 2;
/// Longer than the lease lives, by so many seconds.
const SUSPENDED: std::ops::Range<f64> = 3.5..7.5;
/// How many suspensions are tried.
const TRIES: u32 = 40;

fn client_of(env: &Env, name: &str, endpoints: Vec<SocketAddr>) -> Client {
    Client::new(env, name, Config { endpoints, generation: Generation::Grpc105 })
}

/// Whether the lease was renewed or is gone; `None` where nobody said so in time.
async fn renewed(client: &Client, within: Duration) -> Option<bool> {
    match timeout(within, client.lease_keep_alive(LEASE)).await.ok()? {
        Ok(_) => Some(true),
        Err(Error::Status(Code::NotFound, _)) => Some(false),
        Err(_) => None,
    }
}

/// Renews the lease twice a second for as long as `lasting`. Whether it was there each time that
/// anybody answered, and how often somebody did.
async fn renew(client: &Client, lasting: Duration) -> (bool, u32) {
    let (mut kept, mut answers) = (true, 0);
    let renewing = async {
        loop {
            if let Some(is_there) = renewed(client, Duration::from_millis(500)).await {
                kept &= is_there;
                answers += 1;
            }
            sleep(Duration::from_millis(500)).await;
        }
    };
    let _ = timeout(lasting, renewing).await;
    (kept, answers)
}

/// Whether a lease that is renewed all the time outlives the suspension of the leader, and can be
/// renewed at its successor.
pub fn a_renewed_lease_is_kept(defects: Defects) -> bool {
    let step = (SUSPENDED.end - SUSPENDED.start) / f64::from(TRIES);
    (0..TRIES).all(|n| is_kept(u64::from(n), SUSPENDED.start + step * f64::from(n), defects))
}

fn is_kept(seed: u64, suspended: f64, defects: Defects) -> bool {
    let report = harness_sim::run(config(seed, 3), move |world| async move {
        let (members, leader) = begin(&world, TTL, defects).await;
        let others: Vec<SocketAddr> =
            (0..3).filter(|i| *i != leader).map(|i| client_addr(&world, i)).collect();
        let renewing = |lasting: f64| {
            let others = others.clone();
            client(&world, move |env| async move {
                let client = client_of(&env, "renewing", others);
                renew(&client, Duration::from_secs_f64(lasting)).await
            })
        };
        world.pause(&members[leader]);
        let (kept_meanwhile, answers_meanwhile) = renewing(suspended).await;
        world.resume(&members[leader]);
        let (kept, answers) = renewing(3.0).await;
        kept_meanwhile && kept && answers_meanwhile > 1 && answers > 2
    });
    report.result
}

/// Starts three members, and grants the lease through them. The members, and which of them leads.
async fn begin(world: &World, ttl: i64, defects: Defects) -> (Vec<Process>, usize) {
    let member = |i| launch(world, i, server::Config { defects, ..of(world, i, 3) });
    let members = (0..3).map(member).collect();
    let addrs: Vec<SocketAddr> = (0..3).map(|i| client_addr(world, i)).collect();
    let leader = client(world, move |env| async move {
        let client = client_of(&env, "granting", addrs.clone());
        let grant = anatomy_proto::etcdserverpb::LeaseGrantRequest { id: LEASE, ttl };
        client.lease_grant(grant).await.expect("somebody leads");
        for (i, addr) in addrs.into_iter().enumerate() {
            let status = client.status(addr).await.expect("all serve");
            if status.header.is_some_and(|header| header.member_id == status.leader) {
                return i;
            }
        }
        unreachable!("the lease was granted by a leader");
    });
    (members, leader.await)
}

/// What a renewal comes to that is asked of a leader which has just gone on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// It was not acknowledged.
    Refused,
    /// It was acknowledged, and the lease lived as long as that says.
    Kept,
    /// It was acknowledged, and the lease ended before.
    Broken,
}

/// Asks the leader to renew a lease when it has slept for longer than an election takes and cannot
/// hear of its successor yet.
pub fn a_renewal_at_a_former_leader(defects: Defects) -> Renewal {
    const TTL: i64 = 12;
    // Later by this than the successor began to count, the renewal promises more than that one knows.
    const SUSPENDED: Duration = Duration::from_secs(10);
    let report = harness_sim::run(config(3, 3), move |world| async move {
        let (members, leader) = begin(&world, TTL, defects).await;
        let others: Vec<usize> = (0..3).filter(|i| *i != leader).collect();
        world.pause(&members[leader]);
        let side = |i: usize| Side::Machine(machine(i));
        let cuts = others.iter().map(|i| world.partition(side(leader), side(*i)));
        let cuts: Vec<_> = cuts.collect();
        sleep(SUSPENDED).await;
        world.resume(&members[leader]);
        let asked = Instant::now();
        let former = vec![client_addr(&world, leader)];
        let acknowledged = client(&world, move |env| async move {
            let client = client_of(&env, "renewing", former);
            renewed(&client, Duration::from_secs(1)).await == Some(true)
        });
        let acknowledged = acknowledged.await;
        cuts.into_iter().for_each(|id| world.end(id));
        if !acknowledged {
            return Renewal::Refused;
        }
        sleep_until(asked + Duration::from_secs(TTL as u64 - 1)).await;
        let others = others.into_iter().map(|i| client_addr(&world, i)).collect();
        let lives = client(&world, move |env| async move {
            let client = client_of(&env, "looking", others);
            renewed(&client, Duration::from_secs(10)).await.expect("two of three serve")
        });
        if lives.await { Renewal::Kept } else { Renewal::Broken }
    });
    report.result
}
