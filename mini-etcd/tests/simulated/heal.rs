//! What was cut off is back soon after the path is whole: rafthttp notices a silence within 5 s and
//! dials again and again, so nothing waits for the kernel's retransmissions, which by then are up to
//! two minutes apart.

use std::net::SocketAddr;
use std::time::Duration;

use harness_sim::{Fault, Side};
use tokio::time::Instant;

use crate::room::{Connection, client, client_addr, config, join, machine, put_somewhere, start};

#[test]
fn a_member_that_was_cut_off_for_a_minute_serves_seconds_after_the_path_is_whole() {
    for both_ways in [true, false] {
        let report = harness_sim::run(config(5, 3), move |world| async move {
            (0..3).for_each(|i| drop(start(&world, i, 3)));
            let put = |i: usize| {
                let addr = client_addr(&world, i);
                let within = Duration::from_secs(30);
                client(&world, move |env| async move {
                    let began = Instant::now();
                    let put = put_somewhere(&env, &[addr], "a", within).await;
                    put.map(|_| began.elapsed())
                })
            };
            assert!(put(2).await.is_some());
            let cut = |to: usize| Fault::Partition {
                from: Side::Machine(machine(2)),
                to: Side::Machine(machine(to)),
                both_ways,
            };
            let cuts = [world.begin(cut(0)), world.begin(cut(1))];
            tokio::time::sleep(Duration::from_secs(60)).await;
            cuts.iter().for_each(|id| world.end(*id));
            put(2).await
        });
        let took = report.result.expect("it serves");
        assert!(took < Duration::from_secs(9), "both ways {both_ways}: {took:?}");
        assert!(report.faults.iter().all(|fault| fault.effects > 0));
    }
}

/// Whoever was cut off when a member joined does not know it. If that one leads when the path is
/// whole, it has to be answered all the same: rafthttp adds a "remote" for it.
#[test]
fn a_member_catches_up_with_a_leader_that_joined_while_it_was_cut_off() {
    harness_sim::run(config(9, 4), |world| async move {
        (0..3).for_each(|i| drop(start(&world, i, 3)));
        let put = |i: usize, within: u64| {
            let (addr, within) = (client_addr(&world, i), Duration::from_secs(within));
            client(
                &world,
                move |env| async move { put_somewhere(&env, &[addr], "a", within).await },
            )
        };
        for i in 0..3 {
            assert!(put(i, 30).await.is_some());
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
        let cut = |to: usize| Fault::Partition {
            from: Side::Machine(machine(2)),
            to: Side::Machine(machine(to)),
            both_ways: true,
        };
        let cuts = [0, 1, 3].map(|to| world.begin(cut(to)));
        // Before anybody has noticed the silence, for then nobody is added.
        let peer = SocketAddr::new(world.ip(&machine(3)), 2380);
        let addr = client_addr(&world, 0);
        let added = client(&world, move |env| async move {
            Connection::open(&env, addr).await.expect("it serves").member_add(peer).await.is_ok()
        });
        assert!(added.await);
        join(&world, 3, 4);
        assert!(put(3, 30).await.is_some());
        let addrs = [0, 1, 3].map(|i| client_addr(&world, i));
        let leads = client(&world, move |env| async move {
            let open = |addr| Connection::open(&env, addr);
            let third = open(addrs[2]).await.expect("it serves");
            let (id, _) = third.status().await.expect("it answers");
            for addr in [addrs[0], addrs[1]] {
                let _ = open(addr).await.expect("it serves").move_leader(id).await;
            }
            third.status().await.expect("it answers") == (id, id)
        });
        assert!(leads.await);
        // By then it has asked for votes in later terms, and nobody listened.
        tokio::time::sleep(Duration::from_secs(10)).await;
        cuts.iter().for_each(|id| world.end(*id));
        assert!(put(2, 9).await.is_some());
    });
}
