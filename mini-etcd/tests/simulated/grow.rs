//! A cluster grows from three members to nine, one at a time.

use std::net::SocketAddr;
use std::time::Duration;

use harness_sim::World;

use crate::room::{Connection, client, client_addr, config, join, machine, put_somewhere, start};

/// Asks the first member to add the `i`th; what it says if it does not.
async fn add(world: &World, i: usize) -> Result<(), String> {
    let peer = SocketAddr::new(world.ip(&machine(i)), 2380);
    let addr = client_addr(world, 0);
    let adding = client(world, move |env| async move {
        let connection = Connection::open(&env, addr).await.ok_or("not reachable")?;
        connection.member_add(peer).await.map_err(|status| status.message().to_owned())
    });
    adding.await
}

async fn put(world: &World, i: usize) -> bool {
    let addr = client_addr(world, i);
    let limit = Duration::from_secs(30);
    client(world, move |env| async move { put_somewhere(&env, &[addr], "a", limit).await })
        .await
        .is_some()
}

#[test]
fn a_member_is_added_only_while_all_others_are_up_for_five_seconds() {
    harness_sim::run(config(3, 9), |world| async move {
        (0..3).for_each(|i| drop(start(&world, i, 3)));
        assert!(put(&world, 0).await);
        let unhealthy = Err("etcdserver: unhealthy cluster".to_owned());
        assert_eq!(add(&world, 3).await, unhealthy, "the members have only just met");
        tokio::time::sleep(Duration::from_secs(5)).await;
        for i in 3..9 {
            assert_eq!(add(&world, i).await, Ok(()));
            assert_eq!(add(&world, i + 1 - i / 8).await, unhealthy, "member {i} has not started");
            let member = join(&world, i, i + 1);
            assert!(put(&world, i).await, "member {i}: {:?}", member.exit());
            tokio::time::sleep(Duration::from_secs(6)).await;
        }
        // Nine: a zone and one more may go.
        for i in [0, 3, 6, 1] {
            world.power_off(&machine(i));
        }
        assert!(put(&world, 4).await);
    });
}

#[test]
fn the_one_that_is_left_serves_when_the_leader_of_two_was_removed() {
    let report = harness_sim::run(config(5, 2), |world| async move {
        (0..2).for_each(|i| drop(start(&world, i, 2)));
        for i in 0..2 {
            assert!(put(&world, i).await);
        }
        let addrs = [0, 1].map(|i| client_addr(&world, i));
        let left = client(&world, move |env| async move {
            let [one, two] = [addrs[0], addrs[1]].map(|addr| Connection::open(&env, addr));
            let (one, two) = (one.await.expect("it serves"), two.await.expect("it serves"));
            let (id, leader) = one.status().await.expect("it answers");
            let (leads, left) = if id == leader { (one, 1) } else { (two, 0) };
            // Who removes itself may go before it answers.
            let _ = leads.member_remove(leader).await;
            left
        });
        let left = left.await;
        put(&world, left).await
    });
    assert!(report.result);
}

#[test]
fn a_member_that_was_told_of_another_cluster_does_not_join() {
    harness_sim::run(config(4, 6), |world| async move {
        (0..3).for_each(|i| drop(start(&world, i, 3)));
        assert!(put(&world, 0).await);
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(add(&world, 3).await, Ok(()));
        // It is told of six members, where there are four.
        let exit = join(&world, 3, 6).exited().await;
        let harness_sim::Exit::Returned(Err(error)) = exit else { panic!("{exit:?}") };
        assert!(error.contains("does not match the cluster"), "{error}");
    });
}
