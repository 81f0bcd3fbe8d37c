//! Same seed, same run; one cause less, everything else alike.

use std::collections::BTreeSet;
use std::time::Duration;

use harness_sim::{Fault, Link, Report, Side, first_difference, run, run_many};
use tokio::time::sleep;

use crate::support::*;

/// Two pairs of machines that talk within each pair; optionally the first pair's link is degraded
/// for a while after ten seconds.
fn two_pairs(seed: u64, degrade: bool, capture: Option<u64>) -> Report<()> {
    let mut config = machines(seed, &["a", "b", "c", "d"]).keep_trail();
    if let Some(step) = capture {
        config = config.capture_at(step);
    }
    run(config, move |world| async move {
        for (client, server) in [("a", "b"), ("c", "d")] {
            world.start(server, "echo", echo);
            let to = address(world, server);
            world.start(client, "pinger", move |env| async move {
                let mut gaps = env.rng("gaps");
                let mut stream = env.connect(to).await.map_err(|e| e.to_string())?;
                loop {
                    ping(&mut stream).await.map_err(|e| e.to_string())?;
                    sleep(gaps.exponential(Duration::from_millis(200))).await;
                }
            });
        }
        sleep(Duration::from_secs(10)).await;
        if degrade {
            world.begin(Fault::Degrade {
                from: Side::Machine("a".into()),
                to: Side::Machine("b".into()),
                link: Link::with_latency(Duration::from_millis(50)),
            });
        }
        sleep(Duration::from_secs(10)).await;
    })
}

#[test]
fn one_seed_gives_one_digest_however_many_runs_go_on_beside_it() {
    let alone = two_pairs(7, false, None);
    let mut digests = BTreeSet::new();
    let mut machines = BTreeSet::new();
    run_many(
        4,
        12,
        |n| two_pairs(if n % 3 == 0 { 7 } else { n as u64 }, false, None),
        |n, report| {
            if n % 3 == 0 {
                digests.insert(report.digest);
                machines.insert(report.machines);
            }
        },
    );
    assert_eq!(digests, BTreeSet::from([alone.digest]));
    assert_eq!(machines, BTreeSet::from([alone.machines]));
}

#[test]
fn different_seeds_give_different_digests() {
    let digests: BTreeSet<_> = (0..8).map(|seed| two_pairs(seed, false, None).digest).collect();
    assert_eq!(digests.len(), 8);
}

#[test]
fn toggling_a_fault_on_one_link_leaves_every_packet_elsewhere_bit_identical() {
    let (without, with) = (two_pairs(3, false, None), two_pairs(3, true, None));
    assert_ne!(without.digest, with.digest);
    assert!(with.faults[0].effects > 0, "what the worse link carries is counted");
    for (machine, same) in [("a", false), ("b", false), ("c", true), ("d", true)] {
        assert_eq!(without.machines[machine] == with.machines[machine], same, "{machine}");
    }
}

#[test]
fn the_first_difference_between_two_runs_is_where_the_fault_first_matters() {
    let (without, with) = (two_pairs(3, false, None), two_pairs(3, true, None));
    let step = first_difference(&without.trail, &with.trail).expect("they differ");
    let first = two_pairs(3, true, Some(step as u64)).captured.expect("the step exists");
    // Nothing differs before the tenth second, and then it is a packet between a and b.
    assert!((10.0..13.0).contains(&first.at.as_secs_f64()), "{first:?}");
    assert_eq!((first.number, first.what.kind.as_str()), (step as u64, "packet"), "{first:?}");
    assert!(["a", "b"].contains(&first.what.machine.as_str()), "{first:?}");
}

#[test]
fn hash_maps_clocks_and_entropy_of_libraries_are_the_seeds() {
    #[expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "that is the test")]
    fn observe(seed: u64) -> (Vec<u32>, std::time::SystemTime, Duration) {
        run(machines(seed, &["a"]), |world| async move {
            on(world, "a", |_| async {
                let began = std::time::Instant::now();
                sleep(Duration::from_secs(5)).await;
                let order: Vec<u32> =
                    (0..64).collect::<std::collections::HashSet<u32>>().into_iter().collect();
                (order, std::time::SystemTime::now(), began.elapsed())
            })
            .await
        })
        .result
    }
    assert_eq!(observe(1), observe(1));
    assert_ne!(observe(1).0, observe(2).0);
    let (_, wall, elapsed) = observe(1);
    assert_eq!(elapsed, Duration::from_secs(5));
    let since = wall.duration_since(std::time::SystemTime::UNIX_EPOCH).expect("after 1970");
    assert_eq!(since.as_secs(), 1_483_228_800 + 5);
}

#[test]
fn events_know_who_said_them_when_and_after_what() {
    let report = run(machines(1, &["a"]), |world| async move {
        world
            .start("a", "speaker", |env| async move {
                tracing::info!(target: "harness_test", kind = "first", "hello");
                sleep(Duration::from_secs(3)).await;
                tracing::info!(target: "harness_test", kind = "second", count = 2, "again");
                let tasks = env.tasks();
                tasks.spawn(async {
                    tracing::info!(target: "harness_test", kind = "third", "from a task")
                });
                sleep(Duration::from_secs(1)).await;
                tracing::debug!(target: "harness_test", "not kept");
                Ok(())
            })
            .exited()
            .await;
    });
    let said: Vec<_> = report
        .events
        .iter()
        .map(|e| {
            (e.at.as_secs(), e.machine.as_str(), e.process.as_str(), e.kind.as_str(), e.parent)
        })
        .collect();
    assert_eq!(
        said,
        [
            (0, "a", "speaker", "first", None),
            (3, "a", "speaker", "second", Some(0)),
            (3, "a", "speaker", "third", Some(1)),
        ]
    );
    assert_eq!(report.events[1].fields["count"], "2");
}
