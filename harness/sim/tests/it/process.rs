//! Processes: kill, pause, crash; tasks that end with their component; cores.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use harness_sim::{Exit, Fault, MachineSpec, run};
use tokio::io::AsyncReadExt;
use tokio::time::sleep;

use crate::support::*;

#[test]
fn a_killed_process_closes_its_sockets() {
    run(machines(1, &["a", "b"]), |world| async move {
        one_millisecond(world);
        let server = world.start("b", "echo", echo);
        let to = address(world, "b");
        let probe = world.start("a", "probe", move |env| async move {
            let mut stream = env.connect(to).await.map_err(|e| e.to_string())?;
            let mut byte = [0];
            match stream.read(&mut byte).await {
                Ok(0) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        });
        sleep(Duration::from_secs(1)).await;
        world.kill(&server);
        assert_eq!(server.exited().await, Exit::Killed);
        assert_eq!(probe.exited().await, Exit::Returned(Ok(())));
        assert_eq!(world.now(), Duration::from_millis(1001), "the end came one latency later");
        let (error, _) = connect_error(world, "a", to).await;
        assert_eq!(error, Some(std::io::ErrorKind::ConnectionRefused), "nobody listens any more");
    });
}

#[test]
fn a_paused_process_answers_nothing_and_loses_nothing() {
    run(machines(1, &["a", "b"]), |world| async move {
        let server = world.start("b", "echo", echo);
        let to = address(world, "b");
        let probe = world.start("a", "probe", move |env| async move {
            let mut stream = env.connect(to).await.map_err(|e| e.to_string())?;
            sleep(Duration::from_secs(2)).await;
            ping(&mut stream).await.map_err(|e| e.to_string())
        });
        sleep(Duration::from_secs(1)).await;
        world.pause(&server);
        sleep(Duration::from_secs(3000)).await;
        assert!(probe.is_alive(), "a paused peer is no dead peer");
        world.resume(&server);
        assert_eq!(probe.exited().await, Exit::Returned(Ok(())));
    });
}

#[test]
fn a_panic_is_the_process_crashing_and_nobody_else() {
    let report = run(machines(1, &["a", "b"]), |world| async move {
        let bystander = world.start("a", "echo", echo);
        let victim = world.start("a", "victim", |env| async move {
            let tasks = env.tasks();
            tasks.spawn(async {
                sleep(Duration::from_secs(1)).await;
                let nothing = std::hint::black_box(None::<u32>);
                nothing.expect("there is something");
            });
            std::future::pending().await
        });
        let Exit::Crashed(message) = victim.exited().await else { panic!("it crashed") };
        assert!(message.contains("there is something"), "{message}");
        assert!(message.contains("process.rs"), "{message}");
        assert!(bystander.is_alive());
        let (error, _) = connect_error(world, "b", address(world, "a")).await;
        assert_eq!(error, None);
    });
    assert!(report.events.iter().any(|event| event.kind == "process.crashed"));
}

#[test]
fn dropping_a_component_stops_all_of_its_tasks() {
    run(machines(1, &["a"]), |world| async move {
        let count = Arc::new(AtomicU32::new(0));
        let counter = count.clone();
        world
            .start("a", "parent", move |env| async move {
                let component = async {
                    let tasks = env.tasks();
                    for _ in 0..3 {
                        let counter = counter.clone();
                        tasks.spawn(async move {
                            loop {
                                sleep(Duration::from_millis(100)).await;
                                counter.fetch_add(1, Ordering::Relaxed);
                            }
                        });
                    }
                    std::future::pending::<()>().await;
                };
                let _ = tokio::time::timeout(Duration::from_millis(250), component).await;
                sleep(Duration::from_secs(10)).await;
                Ok(())
            })
            .exited()
            .await;
        assert_eq!(count.load(Ordering::Relaxed), 6, "two ticks of three tasks, and no more");
    });
}

#[test]
fn work_queues_for_the_cores_of_the_machine() {
    let config = machines(1, &[]).machine(MachineSpec::new("a").cores(2));
    run(config, |world| async move {
        let began = world.now();
        let workers: Vec<_> = (0..6)
            .map(|n| {
                world.start("a", &format!("worker-{n}"), |env| async move {
                    env.work(Duration::from_secs(1)).await;
                    Ok(())
                })
            })
            .collect();
        for worker in &workers {
            worker.exited().await;
        }
        assert_eq!(world.now() - began, Duration::from_secs(3), "six seconds of work on two cores");
        world.begin(Fault::SlowCores { machine: "a".into(), factor: 4.0 });
        let began = world.now();
        on(world, "a", |env| async move { env.work(Duration::from_secs(1)).await }).await;
        assert_eq!(world.now() - began, Duration::from_secs(4));
    });
}

#[test]
fn short_work_adds_up() {
    run(machines(1, &[]).machine(MachineSpec::new("a").cores(1)), |world| async move {
        on(world, "a", |env| async move {
            for _ in 0..10_000 {
                env.work(Duration::from_micros(100)).await;
            }
        })
        .await;
        let took = world.now();
        assert!((990..=1000).contains(&took.as_millis()), "{took:?}");
    });
}

#[test]
fn a_skewed_clock_is_off_for_its_machine_alone() {
    run(machines(1, &["a", "b"]), |world| async move {
        world.begin(Fault::Skew { machine: "a".into(), nanos: -5_000_000_000 });
        let a = on(world, "a", |env| async move { env.wall() }).await;
        let b = on(world, "b", |env| async move { env.wall() }).await;
        assert_eq!((b.0 - a.0) / 1_000_000_000, 5);
        world.jump_wall(harness_env::Wall::from_unix(2_000_000_000));
        let b = on(world, "b", |env| async move { env.wall() }).await;
        assert_eq!(b.unix(), 2_000_000_000);
    });
}
