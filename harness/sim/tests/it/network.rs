//! Connections: refusal, silence, partitions, flow order.

use std::io::ErrorKind;
use std::time::Duration;

use harness_sim::{Exit, Fault, Link, MachineSpec, Side, World, run};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::sleep;

use crate::support::*;

#[test]
fn connecting_to_a_dead_machine_times_out_after_the_syn_retries() {
    run(machines(1, &["a", "b"]), |world| async move {
        world.power_off("b");
        let (error, after) = connect_error(world, "a", address(world, "b")).await;
        assert_eq!(error, Some(ErrorKind::TimedOut));
        assert_eq!(after.as_secs(), 127);
    });
}

#[test]
fn connecting_to_an_address_that_nobody_holds_times_out_too() {
    let pod = "10.9.0.1".parse().expect("an address");
    let config = machines(1, &["a"]).machine(MachineSpec::new("b").pod_ips([pod]));
    run(config, move |world| async move {
        let (error, after) = connect_error(world, "a", (pod, PORT).into()).await;
        assert_eq!((error, after.as_secs()), (Some(ErrorKind::TimedOut), 127));
        let held = world.start_at("b", "pod", pod, echo);
        let (error, after) = connect_error(world, "a", (pod, PORT).into()).await;
        assert_eq!(error, None);
        assert!(after < Duration::from_secs(1));
        world.kill(&held);
        let (error, _) = connect_error(world, "a", (pod, PORT).into()).await;
        assert_eq!(error, Some(ErrorKind::TimedOut));
    });
}

#[test]
fn connecting_to_a_live_machine_without_a_listener_is_refused_at_once() {
    run(machines(1, &["a", "b"]), |world| async move {
        one_millisecond(world);
        let (error, after) = connect_error(world, "a", address(world, "b")).await;
        assert_eq!(error, Some(ErrorKind::ConnectionRefused));
        assert_eq!(after, Duration::from_millis(2));
    });
}

/// Sends numbers over a partition of this length: those that arrived, and how the connection ended.
fn stream_over_a_partition(length: Duration) -> (Vec<u32>, Option<ErrorKind>) {
    let cut = Fault::Partition { from: side("a"), to: side("b"), both_ways: true };
    let streamed = stream_under(cut, length);
    assert!(streamed.effects > 0, "the partition met a packet");
    (streamed.numbers(), streamed.ended)
}

#[test]
fn a_partition_of_100_ms_stalls_a_stream_and_then_delivers_everything_in_order() {
    let (numbers, ended) = stream_over_a_partition(Duration::from_millis(100));
    assert_eq!((numbers, ended), ((0..200).collect(), None));
}

#[test]
fn a_partition_of_10_minutes_stalls_a_stream_and_then_delivers_everything_in_order() {
    let (numbers, ended) = stream_over_a_partition(Duration::from_secs(600));
    assert_eq!((numbers, ended), ((0..200).collect(), None));
}

#[test]
fn a_partition_of_20_minutes_ends_a_connection_with_data_in_flight() {
    let (numbers, ended) = stream_over_a_partition(Duration::from_secs(1200));
    assert_eq!(ended, Some(ErrorKind::TimedOut));
    assert!(numbers.len() < 200, "{} lines arrived", numbers.len());
    assert!(numbers.iter().copied().eq(0..numbers.len() as u32), "what arrived was in order");
}

#[test]
fn an_idle_connection_survives_a_partition_of_20_minutes() {
    run(machines(1, &["a", "b"]), |world| async move {
        let probe = start_pinger(world, Duration::from_secs(1500));
        sleep(Duration::from_secs(60)).await;
        let cut = world.partition(side("a"), side("b"));
        sleep(Duration::from_secs(1200)).await;
        world.end(cut);
        assert_eq!(probe.exited().await, Exit::Returned(Ok(())));
        assert_eq!(world.faults()[0].effects, 0, "and so the partition is reported as inert");
    });
}

#[test]
fn a_one_way_partition_ends_the_connection_of_the_side_whose_data_is_never_acknowledged() {
    run(machines(1, &["a", "b"]), |world| async move {
        let probe = start_pinger(world, Duration::from_secs(10));
        sleep(Duration::from_secs(1)).await;
        world.begin(Fault::Partition { from: side("b"), to: side("a"), both_ways: false });
        assert_eq!(probe.exited().await, Exit::Returned(Err("TimedOut".into())));
        assert_eq!(world.now().as_secs(), 10 + 924);
    });
}

/// What comes of a connection attempt to `b` that begins at the first second, where nothing gets
/// back from there until this instant; and when.
fn attempt_without_answers_until<F: Future<Output = ()> + Send + 'static>(
    heal: Duration,
    director: impl FnOnce(World) -> F + Send + 'static,
) -> (Option<ErrorKind>, u64) {
    run(machines(1, &["a", "b"]), move |world| async move {
        one_millisecond(world);
        let deaf =
            world.begin(Fault::Partition { from: side("b"), to: side("a"), both_ways: false });
        world.spawn(async move {
            sleep(heal).await;
            world.end(deaf);
        });
        let to = address(world, "b");
        let attempt = world.start("a", "client", move |env| async move {
            sleep(Duration::from_secs(1)).await;
            let connected = env.connect(to).await;
            connected.map(drop).map_err(|e| format!("{:?}", e.kind()))
        });
        world.spawn(director(world));
        let kind = match attempt.exited().await {
            Exit::Returned(Ok(())) => None,
            Exit::Returned(Err(e)) if e == "TimedOut" => Some(ErrorKind::TimedOut),
            Exit::Returned(Err(e)) if e == "ConnectionRefused" => {
                Some(ErrorKind::ConnectionRefused)
            }
            other => panic!("{other:?}"),
        };
        (kind, world.now().as_secs())
    })
    .result
}

#[test]
fn a_refusal_that_cannot_get_back_is_said_again_to_the_next_syn() {
    // SYNs leave at 1, 2, 4, 8 s.
    let refused = attempt_without_answers_until(Duration::from_secs(5), |_| async {});
    assert_eq!(refused, (Some(ErrorKind::ConnectionRefused), 8));
    let never = attempt_without_answers_until(Duration::from_secs(300), |_| async {});
    assert_eq!(never, (Some(ErrorKind::TimedOut), 1 + 127));
}

#[test]
fn a_server_that_dies_before_its_answer_gets_back_is_no_longer_there_for_the_next_syn() {
    let killed = |world: World| async move {
        let server = world.start("b", "echo", echo);
        sleep(Duration::from_secs(3)).await;
        world.kill(&server);
    };
    let heard = attempt_without_answers_until(Duration::from_secs(5), killed);
    assert_eq!(heard, (Some(ErrorKind::ConnectionRefused), 8));
    let never = attempt_without_answers_until(Duration::from_secs(300), killed);
    assert_eq!(never, (Some(ErrorKind::TimedOut), 1 + 127));
}

#[test]
fn a_machine_that_loses_power_before_its_answer_gets_back_refuses_after_its_next_boot() {
    let off_for = |off: u64| {
        move |world: World| async move {
            world.start("b", "echo", echo);
            sleep(Duration::from_secs(3)).await;
            world.power_off("b");
            sleep(Duration::from_secs(off)).await;
            world.power_on("b");
        }
    };
    let heard = attempt_without_answers_until(Duration::from_secs(5), off_for(10));
    assert_eq!(heard, (Some(ErrorKind::ConnectionRefused), 16));
    let never = attempt_without_answers_until(Duration::from_secs(5), off_for(300));
    assert_eq!(never, (Some(ErrorKind::TimedOut), 1 + 127));
}

#[test]
fn a_lossy_link_is_slow_and_loses_nothing() {
    let seconds = |loss: f64| {
        run(machines(3, &["a", "b"]), move |world| async move {
            world.set_link("a", "b", Link { loss, ..Link::WITHIN_ZONE });
            world.start("b", "echo", echo);
            let to = address(world, "b");
            on(world, "a", move |env| async move {
                let mut stream = env.connect(to).await.expect("nobody refuses");
                for _ in 0..100 {
                    ping(&mut stream).await.expect("bytes arrive");
                }
            })
            .await;
            world.now().as_secs_f64()
        })
        .result
    };
    assert!(seconds(0.2) > seconds(0.0) + 5.0);
}

#[test]
fn a_narrow_link_takes_as_long_as_its_bandwidth_says() {
    let took = run(machines(1, &["a", "b"]), |world| async move {
        let narrow = Link { bandwidth: Some(1_000_000), ..Link::with_latency(Duration::ZERO) };
        world.set_link("a", "b", narrow);
        world.start("b", "echo", echo);
        let to = address(world, "b");
        on(world, "a", move |env| async move {
            let stream = env.connect(to).await.expect("nobody refuses");
            let (mut read, mut write) = tokio::io::split(stream);
            let (sent, mut back) = (vec![7; 1_000_000], vec![0; 1_000_000]);
            let both = tokio::join!(write.write_all(&sent), read.read_exact(&mut back));
            assert!(both.0.is_ok() && both.1.is_ok());
        })
        .await;
        world.now().as_secs_f64()
    })
    .result;
    assert!((1.0..2.5).contains(&took), "one megabyte at one megabyte a second took {took} s");
}

/// One step of a random schedule of faults.
#[derive(Clone, Copy, Debug)]
enum Step {
    Cut(u64),
    CutOneWay(u64),
    Pause(u64),
    Degrade(u64),
    Hold(u64),
    HoldOneWay(u64),
    CutWhileHeld(u64),
}

impl Step {
    fn millis(self) -> u64 {
        match self {
            Step::Cut(ms)
            | Step::CutOneWay(ms)
            | Step::Pause(ms)
            | Step::Degrade(ms)
            | Step::Hold(ms)
            | Step::HoldOneWay(ms)
            | Step::CutWhileHeld(ms) => ms,
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    (0..7u8, 1..5_000u64).prop_map(|(kind, ms)| match kind {
        0 => Step::Cut(ms),
        1 => Step::CutOneWay(ms),
        2 => Step::Pause(ms),
        3 => Step::Degrade(ms),
        4 => Step::Hold(ms),
        5 => Step::HoldOneWay(ms),
        _ => Step::CutWhileHeld(ms),
    })
}

/// Between two writes.
const EVERY: Duration = Duration::from_millis(300);

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn bytes_arrive_intact_under_every_fault(
        seed in any::<u64>(),
        steps in proptest::collection::vec(step(), 0..8),
        sizes in proptest::collection::vec(1..5_000usize, 1..6),
    ) {
        let first = steps.first().copied();
        // Somebody writes for as long as there are faults.
        let lasting: u64 = steps.iter().map(|step| 3 * step.millis()).sum();
        let writes = 2 + (lasting / EVERY.as_millis() as u64) as usize;
        let sizes: Vec<usize> = sizes.into_iter().cycle().take(writes).collect();
        let report = run(machines(seed, &["a", "b"]), move |world| async move {
            let (send, receive) = tokio::sync::oneshot::channel();
            let sink = world.start("b", "sink", move |env| async move {
                let listener = env.listen_port(PORT).await.map_err(|e| e.to_string())?;
                let mut stream = listener.accept().await.map_err(|e| e.to_string())?;
                let mut all = Vec::new();
                stream.read_to_end(&mut all).await.map_err(|e| e.to_string())?;
                let _ = send.send(all);
                Ok(())
            });
            let to = address(world, "b");
            let sent: Vec<u8> = (0..sizes.iter().sum::<usize>()).map(|i| (i * 31 % 251) as u8).collect();
            let bytes = sent.clone();
            world.start("a", "source", move |env| async move {
                let mut stream = env.connect(to).await.map_err(|e| e.to_string())?;
                let mut rest = &bytes[..];
                for size in sizes {
                    let (now, later) = rest.split_at(size);
                    stream.write_all(now).await.map_err(|e| e.to_string())?;
                    sleep(EVERY).await;
                    rest = later;
                }
                stream.shutdown().await.map_err(|e| e.to_string())
            });
            // Pause nobody before the connection stands.
            sleep(Duration::from_millis(10)).await;
            for step in steps {
                let (a, b) = (side("a"), side("b"));
                let (faults, ms) = match step {
                    Step::Cut(ms) => (vec![Fault::Partition { from: a, to: b, both_ways: true }], ms),
                    Step::CutOneWay(ms) => {
                        let (from, to) = if ms % 2 == 0 { (b, a) } else { (a, b) };
                        (vec![Fault::Partition { from, to, both_ways: false }], ms)
                    }
                    Step::Hold(ms) => (vec![Fault::Hold { from: a, to: b, both_ways: true }], ms),
                    Step::HoldOneWay(ms) => {
                        (vec![Fault::Hold { from: b, to: a, both_ways: false }], ms)
                    }
                    Step::CutWhileHeld(ms) => (vec![
                        Fault::Hold { from: a.clone(), to: b.clone(), both_ways: true },
                        Fault::Partition { from: a, to: b, both_ways: false },
                    ], ms),
                    Step::Degrade(ms) => (vec![Fault::Degrade {
                        from: a, to: Side::All,
                        link: Link { latency: Duration::from_millis(ms % 90), loss: 0.1,
                            jitter: Duration::from_millis(20), bandwidth: Some(2_000_000) } }], ms),
                    Step::Pause(ms) => (vec![], ms),
                };
                if faults.is_empty() {
                    world.pause(&sink);
                    sleep(Duration::from_millis(ms)).await;
                }
                let mut begun = Vec::new();
                for fault in faults {
                    begun.push(world.begin(fault));
                    sleep(Duration::from_millis(ms)).await;
                }
                for fault in begun {
                    world.end(fault);
                    sleep(Duration::from_millis(ms / 3)).await;
                }
                world.resume(&sink);
            }
            let received = tokio::time::timeout(Duration::from_secs(900), receive).await;
            received.expect("in time").expect("the sink ran to its end") == sent
        });
        prop_assert!(report.result);
        if first.is_some_and(|step| step.millis() > 1000 && !matches!(step, Step::Pause(_))) {
            prop_assert!(report.faults[0].effects > 0, "an inert fault proves nothing");
        }
    }
}
