//! How many members a cluster can lose.

use std::net::SocketAddr;
use std::time::Duration;

use harness_sim::World;
use tokio::time::Instant;

use crate::room::{Connection, client, client_addr, config, machine, put_somewhere, start};

/// Whether a put succeeds after the machines `lost` lost their power, and how long the first
/// attempt took to fail where it does not.
fn after_losing(members: usize, lost: &'static [usize]) -> (bool, Option<(Duration, String)>) {
    harness_sim::run(config(1, members), move |world| async move {
        for i in 0..members {
            start(&world, i, members);
        }
        let addrs: Vec<SocketAddr> =
            (0..members).filter(|i| !lost.contains(i)).map(|i| client_addr(&world, i)).collect();
        assert!(put(&world, addrs.clone(), 30).await, "the whole cluster takes writes");
        for i in lost {
            world.power_off(&machine(*i));
        }
        if put(&world, addrs.clone(), 60).await {
            return (true, None);
        }
        let refusal = client(&world, move |env| async move {
            let connection = Connection::open(&env, addrs[0]).await.expect("it still listens");
            let begun = Instant::now();
            let error = connection.put("x", "v").await.expect_err("there is no quorum");
            (begun.elapsed(), error.message().to_owned())
        });
        (false, Some(refusal.await))
    })
    .result
}

async fn put(world: &World, addrs: Vec<SocketAddr>, seconds: u64) -> bool {
    let limit = Duration::from_secs(seconds);
    let put =
        client(world, move |env| async move { put_somewhere(&env, &addrs, "a", limit).await });
    put.await.is_some()
}

#[test]
fn nine_members_in_three_zones_survive_a_zone_and_one_more() {
    // Members 0, 3 and 6 are in zone a.
    assert!(after_losing(9, &[0, 3, 6]).0);
    assert!(after_losing(9, &[0, 3, 6, 1]).0);
}

#[test]
fn a_second_more_is_too_many_and_requests_time_out_after_seven_seconds() {
    let (alive, refusal) = after_losing(9, &[0, 3, 6, 1, 2]);
    assert!(!alive);
    let (took, text) = refusal.unwrap();
    assert!(text.starts_with("etcdserver: request timed out"), "{text}");
    assert!((7.0..7.1).contains(&took.as_secs_f64()), "{took:?}");
}

#[test]
fn four_members_do_not_survive_the_zone_with_two() {
    assert!(!after_losing(4, &[0, 3]).0);
    assert!(after_losing(4, &[1]).0);
}
