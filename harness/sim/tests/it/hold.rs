//! Held links: what they keep arrives when they are released; until then they are partitions.

use std::io::ErrorKind;
use std::time::Duration;

use harness_sim::{Digest, Exit, Fault, Process, World, run};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use crate::support::*;

const MILLISECOND: Duration = Duration::from_millis(1);

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn hold() -> Fault {
    Fault::Hold { from: side("a"), to: side("b"), both_ways: true }
}

fn partition() -> Fault {
    Fault::Partition { from: side("a"), to: side("b"), both_ways: true }
}

/// The other way stays open.
fn one_way_hold(from: &str, to: &str) -> Fault {
    Fault::Hold { from: side(from), to: side(to), both_ways: false }
}

#[test]
fn a_held_link_delivers_everything_in_order_as_soon_as_it_is_released() {
    let held = stream_under(hold(), seconds(600));
    assert_eq!((held.numbers(), held.ended), ((0..200).collect(), None));
    assert_eq!(held.went_on_after(), Some(MILLISECOND));
    let last = held.read.last().map(|(_, late)| *late);
    assert_eq!(last, Some(MILLISECOND), "all of it was on the link");

    let cut = stream_under(partition(), seconds(600));
    assert_eq!((cut.numbers(), cut.ended), ((0..200).collect(), None));
    let late = cut.went_on_after().expect("it goes on").as_secs();
    // The timer that began at the partition's first packet fires after 564.6 s and after 684.6 s.
    assert!((84..86).contains(&late), "after a partition, the timer decides: {late} s");
}

#[test]
fn a_hold_of_20_minutes_ends_a_connection_with_data_in_flight() {
    let held = stream_under(hold(), seconds(1200));
    assert_eq!(held.ended, Some(ErrorKind::TimedOut));
    assert_eq!(held.numbers(), (0..200).collect::<Vec<_>>(), "what is on the link arrives anyhow");

    let cut = stream_under(partition(), seconds(1200));
    assert_eq!(cut.ended, Some(ErrorKind::TimedOut));
    assert!(cut.numbers().len() < 200, "and what is retransmitted in vain does not");
}

#[test]
fn an_idle_connection_survives_a_hold_of_20_minutes() {
    run(machines(1, &["a", "b"]), |world| async move {
        let pinger = start_pinger(world, seconds(1500));
        sleep(seconds(60)).await;
        let held = world.hold(side("a"), side("b"));
        sleep(seconds(1200)).await;
        world.end(held);
        assert_eq!(pinger.exited().await, Exit::Returned(Ok(())));
        assert_eq!(world.faults()[0].effects, 0, "and so the hold is reported as inert");
    });
}

#[test]
fn a_one_way_hold_keeps_the_acknowledgements_and_ends_the_connection_of_who_waits_for_them() {
    run(machines(1, &["a", "b"]), |world| async move {
        let pinger = start_pinger(world, seconds(10));
        sleep(seconds(1)).await;
        world.begin(one_way_hold("b", "a"));
        assert_eq!(pinger.exited().await, Exit::Returned(Err("TimedOut".into())));
        assert_eq!(world.now().as_secs(), 10 + 924);
    });
}

#[test]
fn every_packet_that_a_hold_keeps_is_counted() {
    let kinds = run(machines(1, &["a", "b"]), |world| async move {
        let pinger = start_pinger(world, seconds(10));
        sleep(seconds(1)).await;
        // The ping; then, after it is released, the answer that acknowledges it.
        let there = world.begin(one_way_hold("a", "b"));
        sleep(seconds(20)).await;
        let back = world.begin(one_way_hold("b", "a"));
        world.end(there);
        sleep(seconds(20)).await;
        world.end(back);
        assert_eq!(pinger.exited().await, Exit::Returned(Ok(())));
        assert_eq!(world.now(), seconds(41) + MILLISECOND);
        world.hold(side("a"), side("b"));
        world.faults()
    })
    .result;
    let told: Vec<_> = kinds.iter().map(|f| (f.kind.as_str(), f.effects)).collect();
    assert_eq!(told, [("one-way hold", 1), ("one-way hold", 2), ("hold", 0)]);
}

#[test]
fn connecting_over_a_held_link_times_out_after_the_syn_retries() {
    run(machines(1, &["a", "b"]), |world| async move {
        world.start("b", "echo", echo);
        world.hold(side("a"), side("b"));
        let (error, after) = connect_error(world, "a", address(world, "b")).await;
        assert_eq!((error, after.as_secs()), (Some(ErrorKind::TimedOut), 127));
    });
}

#[test]
fn a_connection_attempt_goes_on_as_soon_as_the_link_is_released() {
    run(machines(1, &["a", "b"]), |world| async move {
        one_millisecond(world);
        world.start("b", "echo", echo);
        let held = world.hold(side("a"), side("b"));
        world.spawn(async move {
            sleep(seconds(100)).await;
            world.end(held);
        });
        let (error, after) = connect_error(world, "a", address(world, "b")).await;
        assert_eq!((error, after), (None, seconds(100) + 2 * MILLISECOND));
    });
}

/// What a client of a machine that refuses hears, where the refusal is held for so long.
fn held_refusal(length: Duration) -> (Option<ErrorKind>, Duration) {
    run(machines(1, &["a", "b"]), move |world| async move {
        one_millisecond(world);
        let held = world.begin(one_way_hold("b", "a"));
        world.spawn(async move {
            sleep(length).await;
            world.end(held);
        });
        connect_error(world, "a", address(world, "b")).await
    })
    .result
}

#[test]
fn a_refusal_is_kept_too_and_the_client_waits_for_it_as_long_as_for_any_answer() {
    let (error, after) = held_refusal(seconds(100));
    assert_eq!((error, after), (Some(ErrorKind::ConnectionRefused), seconds(100) + MILLISECOND));
    let (error, after) = held_refusal(seconds(200));
    assert_eq!((error, after.as_secs()), (Some(ErrorKind::TimedOut), 127));
}

#[test]
fn a_client_that_gave_up_connecting_is_not_heard_of_when_the_link_is_released() {
    run(machines(1, &["a", "b"]), |world| async move {
        let server = world.start("b", "echo", echo);
        let held = world.hold(side("a"), side("b"));
        let to = address(world, "b");
        on(world, "a", move |env| async move {
            assert!(timeout(seconds(5), env.connect(to)).await.is_err());
        })
        .await;
        world.end(held);
        sleep(seconds(10)).await;
        assert_eq!(world.connections("b"), []);
        world.kill(&server);
        let again = world.start("b", "echo", echo);
        sleep(seconds(1)).await;
        assert!(again.is_alive(), "the port is free");
    });
}

/// What a server has read when its connection ends, and how it ended, where the link is held from
/// before the client's last word until after `end` has ended the client.
fn last_words(end: impl FnOnce(World, &Process) + Send + 'static) -> (Vec<u8>, Option<ErrorKind>) {
    run(machines(1, &["a", "b"]), move |world| async move {
        let (tell, told) = oneshot::channel();
        world.start("b", "server", move |env| async move {
            let listener = env.listen_port(PORT).await.map_err(|e| e.to_string())?;
            let mut stream = listener.accept().await.map_err(|e| e.to_string())?;
            // Never read by the client, whose kernel therefore closes with a reset.
            stream.write_all(b"hello").await.map_err(|e| e.to_string())?;
            let mut all = Vec::new();
            loop {
                match timeout(seconds(60), stream.read_buf(&mut all)).await {
                    Ok(Ok(1..)) => {}
                    Ok(Ok(0)) => break drop(tell.send((all, None))),
                    Ok(Err(e)) => break drop(tell.send((all, Some(e.kind())))),
                    Err(_) => break drop(tell.send((all, Some(ErrorKind::WouldBlock)))),
                }
            }
            Ok(())
        });
        let to = address(world, "b");
        let client = world.start("a", "client", move |env| async move {
            let mut stream = env.connect(to).await.map_err(|e| e.to_string())?;
            sleep(seconds(2)).await;
            stream.write_all(b"last words").await.map_err(|e| e.to_string())?;
            std::future::pending().await
        });
        sleep(seconds(1)).await;
        let held = world.begin(one_way_hold("a", "b"));
        sleep(seconds(10)).await;
        end(world, &client);
        sleep(seconds(10)).await;
        world.end(held);
        told.await.expect("the server ran to its end")
    })
    .result
}

#[test]
fn what_a_killed_process_has_sent_is_on_the_link_and_so_is_its_reset() {
    let (_, ended) = last_words(|world, client| world.kill(client));
    assert_eq!(ended, Some(ErrorKind::ConnectionReset));
}

#[test]
fn what_a_machine_has_sent_before_it_lost_power_is_on_the_link() {
    let (read, ended) = last_words(|world, _| world.power_off("a"));
    assert_eq!(read, b"last words");
    assert_eq!(ended, Some(ErrorKind::WouldBlock), "and nothing after it");
}

/// After how long a ping at the tenth second is answered, under faults that begin and end at these
/// seconds.
fn answered_at(faults: impl IntoIterator<Item = (Fault, u64, u64)>) -> Duration {
    let faults: Vec<_> = faults.into_iter().collect();
    run(machines(1, &["a", "b"]), move |world| async move {
        let pinger = start_pinger(world, seconds(10));
        for (fault, from, until) in faults {
            world.spawn(async move {
                sleep(seconds(from)).await;
                let fault = world.begin(fault);
                sleep(seconds(until - from)).await;
                world.end(fault);
            });
        }
        assert_eq!(pinger.exited().await, Exit::Returned(Ok(())));
        world.now()
    })
    .result
}

#[test]
fn of_two_holds_the_later_to_end_releases() {
    for second in [hold(), one_way_hold("a", "b")] {
        let at = answered_at([(hold(), 1, 20), (second, 5, 40)]);
        assert_eq!(at, seconds(40) + 2 * MILLISECOND);
    }
}

#[test]
fn a_sender_that_was_cut_off_puts_its_packets_on_a_held_link_when_its_timer_fires() {
    // The ping is lost at 10 s; the timer fires at 16.2 s, 22.6 s, 35.4 s, 61 s.
    let timer_fired = answered_at([(partition(), 1, 20), (hold(), 19, 30)]);
    assert_eq!(timer_fired, seconds(30) + 2 * MILLISECOND);
    let released_before = answered_at([(partition(), 1, 20), (hold(), 19, 21)]);
    assert_eq!(released_before.as_secs(), 22);
}

#[test]
fn what_is_released_into_a_partition_is_lost_and_retransmitted() {
    let at = answered_at([(hold(), 1, 30), (partition(), 20, 40)]);
    assert_eq!(at.as_secs(), 61);
    let outlived = answered_at([(hold(), 1, 30), (partition(), 15, 20)]);
    assert_eq!(outlived, seconds(30) + 2 * MILLISECOND, "what is kept is not lost by the way");
}

/// One hold or partition between `a` and `b`: which, when it begins and how long it lasts.
type Spell = (u8, u64, u64);

/// Echoes numbers from `a` to `b` under these spells, optionally while another link flaps. Returns
/// the digests of `a` and `b` and how many numbers came back.
fn echoes_under(spells: Vec<Spell>, flapping: bool) -> (Vec<Digest>, u32) {
    let report = run(machines(1, &["a", "b", "c", "d"]), move |world| async move {
        for server in ["b", "d"] {
            world.start(server, "echo", echo);
        }
        let (tell, told) = oneshot::channel();
        for (client, to, tell) in
            [("a", address(world, "b"), Some(tell)), ("c", address(world, "d"), None)]
        {
            world.start(client, "client", move |env| async move {
                let mut stream = env.connect(to).await.map_err(|e| e.to_string())?;
                for n in 0..100 {
                    stream.write_u32(n).await.map_err(|e| e.to_string())?;
                    assert_eq!(stream.read_u32().await.map_err(|e| e.to_string())?, n);
                    sleep(Duration::from_millis(70)).await;
                }
                tell.map_or(Ok(()), |tell| tell.send(100).map_err(|n| n.to_string()))
            });
        }
        for (kind, from, length) in spells {
            world.spawn(async move {
                sleep(Duration::from_millis(from)).await;
                let fault = world.begin(match kind {
                    0 => hold(),
                    1 => one_way_hold("a", "b"),
                    2 => one_way_hold("b", "a"),
                    _ => partition(),
                });
                sleep(Duration::from_millis(length)).await;
                world.end(fault);
            });
        }
        if flapping {
            world.spawn(async move {
                loop {
                    let cut = world.partition(side("c"), side("d"));
                    sleep(Duration::from_millis(90)).await;
                    world.end(cut);
                    sleep(Duration::from_millis(140)).await;
                }
            });
        }
        timeout(seconds(300), told).await.expect("in time").expect("the client ran to its end")
    });
    let digests = report.machines.into_iter().filter(|(name, _)| name == "a" || name == "b");
    (digests.map(|(_, digest)| digest).collect(), report.result)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn holds_and_partitions_in_any_order_lose_nothing_and_depend_on_no_other_link(
        spells in proptest::collection::vec((0..4u8, 0..8_000u64, 1..4_000u64), 0..10),
    ) {
        let alone = echoes_under(spells.clone(), false);
        prop_assert_eq!(alone.1, 100);
        prop_assert_eq!(alone, echoes_under(spells, true));
    }
}
