//! What was cut off is back soon after the path is whole: rafthttp notices a silence within 5 s and
//! dials again and again, so nothing waits for the kernel's retransmissions, which by then are up to
//! two minutes apart.

use std::time::Duration;

use harness_sim::{Fault, Side};
use tokio::time::Instant;

use crate::room::{client, client_addr, config, machine, put_somewhere, start};

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
