//! The leader is suspended for longer than a lease lives, which is renewed at its successor.

use std::net::SocketAddr;
use std::time::Duration;

use harness_env::Env;
use mini_etcd::client::{Client, Config, Generation};
use mini_etcd::defects::Defects;
use mini_etcd::server;
use tokio::time::{sleep, timeout};

use crate::room::{client, client_addr, config, launch, of};

const TTL: i64 = 2;
/// Longer than the lease lives, by so many seconds.
const SUSPENDED: std::ops::Range<f64> = 3.5..7.5;
/// How many suspensions are tried.
const TRIES: u32 = 40;

fn client_of(env: &Env, name: &str, endpoints: Vec<SocketAddr>) -> Client {
    Client::new(env, name, Config { endpoints, generation: Generation::Grpc105 })
}

/// Renews a lease twice a second for as long as `lasting`. Whether it was there each time that
/// anybody answered, and how often somebody did.
async fn renew(client: &Client, id: i64, lasting: Duration) -> (bool, u32) {
    let (mut kept, mut answers) = (true, 0);
    let renewing = async {
        loop {
            if let Ok(Ok(answer)) =
                timeout(Duration::from_millis(500), client.lease_keep_alive(id)).await
            {
                kept &= answer.ttl > 0;
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
        let member = |i| launch(&world, i, server::Config { defects, ..of(&world, i, 3) });
        let members: Vec<_> = (0..3).map(member).collect();
        let addrs: Vec<SocketAddr> = (0..3).map(|i| client_addr(&world, i)).collect();
        let (all, id) = (addrs.clone(), 77);
        let leader = client(&world, move |env| async move {
            let client = client_of(&env, "granting", all.clone());
            let grant = anatomy_proto::etcdserverpb::LeaseGrantRequest { id, ttl: TTL };
            client.lease_grant(grant).await.expect("somebody leads");
            for (i, addr) in all.into_iter().enumerate() {
                let status = client.status(addr).await.expect("all serve");
                if status.header.is_some_and(|header| header.member_id == status.leader) {
                    return i;
                }
            }
            unreachable!("the lease was granted by a leader");
        })
        .await;
        let others: Vec<SocketAddr> = (0..3).filter(|i| *i != leader).map(|i| addrs[i]).collect();
        let renewing = |lasting: f64| {
            let others = others.clone();
            client(&world, move |env| async move {
                let client = client_of(&env, "renewing", others);
                renew(&client, id, Duration::from_secs_f64(lasting)).await
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
