//! Every member loses its power once, up to three of five at a time. What was acknowledged stays,
//! and all members agree.

use std::net::SocketAddr;
use std::time::Duration;

use anatomy_proto::mvccpb::KeyValue;
use harness_sim::Report;

use crate::room::{Connection, client, client_addr, config, machine, put_somewhere, start};

const MEMBERS: usize = 5;

struct Outcome {
    /// Keys whose put was acknowledged, with the revision.
    acknowledged: Vec<(String, i64)>,
    /// What each member has in the end.
    members: Vec<Vec<KeyValue>>,
}

fn storm(seed: u64) -> Report<Outcome> {
    harness_sim::run(config(seed, MEMBERS), move |world| async move {
        for i in 0..MEMBERS {
            start(&world, i, MEMBERS);
        }
        let addrs: Vec<SocketAddr> = (0..MEMBERS).map(|i| client_addr(&world, i)).collect();
        let storm = async {
            let mut rng = world.rng("storm");
            let mut order: Vec<usize> = (0..MEMBERS).collect();
            rng.shuffle(&mut order);
            while !order.is_empty() {
                let pause = rng.duration(Duration::from_secs(1)..Duration::from_secs(8));
                tokio::time::sleep(pause).await;
                // One to three at a time: with three down the cluster waits.
                let many = 1 + rng.below(3.min(order.len() as u64)) as usize;
                let down: Vec<usize> = order.drain(..many).collect();
                down.iter().for_each(|i| world.power_off(&machine(*i)));
                tokio::time::sleep(rng.duration(Duration::ZERO..Duration::from_secs(6))).await;
                for i in down {
                    world.power_on(&machine(i));
                    start(&world, i, MEMBERS);
                }
            }
        };
        let writers = addrs.clone();
        let writing = client(&world, move |env| async move {
            let mut acknowledged = Vec::new();
            for n in 0..200 {
                let key = format!("k{n:03}");
                let limit = Duration::from_secs(60);
                if let Some(revision) = put_somewhere(&env, &writers, &key, limit).await {
                    acknowledged.push((key, revision));
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            acknowledged
        });
        let (acknowledged, ()) = tokio::join!(writing, storm);
        // Everybody is up. Linearizable reads through each member.
        let mut members = Vec::new();
        for addr in addrs {
            let all = client(&world, move |env| async move {
                let reading = async {
                    loop {
                        if let Some(connection) = Connection::open(&env, addr).await
                            && let Ok(response) = connection.all().await
                        {
                            return response.kvs;
                        }
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                };
                let limit = Duration::from_secs(120);
                tokio::time::timeout(limit, reading).await.expect("a member came back")
            });
            members.push(all.await);
        }
        Outcome { acknowledged, members }
    })
}

#[test]
fn no_acknowledged_put_is_lost_whenever_power_fails() {
    for seed in 0..4 {
        let report = storm(seed);
        let Outcome { acknowledged, members } = report.result;
        assert!(acknowledged.len() > 150, "seed {seed}: {} of 200", acknowledged.len());
        for kvs in &members {
            assert_eq!(*kvs, members[0], "seed {seed}: the members disagree");
        }
        for (key, revision) in acknowledged {
            let kept = members[0].iter().find(|kv| kv.key == key.as_bytes());
            let kept = kept.unwrap_or_else(|| panic!("seed {seed}: {key} is gone"));
            // A put that was tried twice may have happened twice.
            assert!(kept.create_revision <= revision && kept.mod_revision >= revision);
        }
    }
}

#[test]
fn a_cluster_begins_whenever_power_fails_while_it_does() {
    for millis in 0..12 {
        let put =
            harness_sim::run(config(millis, 1), move |world| async move {
                start(&world, 0, 1);
                tokio::time::sleep(Duration::from_millis(millis)).await;
                world.power_off(&machine(0));
                world.power_on(&machine(0));
                let member = start(&world, 0, 1);
                let addr = client_addr(&world, 0);
                let limit = Duration::from_secs(30);
                let put = client(&world, move |env| async move {
                    put_somewhere(&env, &[addr], "a", limit).await
                });
                (put.await, member.exit())
            });
        assert!(put.result.0.is_some(), "power failed after {millis} ms: {:?}", put.result.1);
    }
}
