//! Power: silence, boots, what the disk keeps.

use std::io::ErrorKind;
use std::time::Duration;

use harness_sim::{Exit, run};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};

use crate::support::*;

#[test]
fn a_machine_without_power_says_nothing() {
    run(machines(1, &["a", "b"]), |world| async move {
        let server = world.start("b", "echo", echo);
        let to = address(world, "b");
        let probe = world.start("a", "probe", move |env| async move {
            let mut stream = env.connect(to).await.map_err(|e| e.to_string())?;
            let mut byte = [0];
            match timeout(Duration::from_secs(100), stream.read(&mut byte)).await {
                Err(_) => Ok(()),
                Ok(heard) => Err(format!("heard {heard:?}")),
            }
        });
        sleep(Duration::from_secs(1)).await;
        world.power_off("b");
        assert_eq!(server.exited().await, Exit::PowerLost);
        assert_eq!(probe.exited().await, Exit::Returned(Ok(())));
        assert!(world.connections("b").is_empty());
    });
}

#[test]
fn after_the_next_boot_old_connections_are_reset() {
    run(machines(1, &["a", "b"]), |world| async move {
        let probe = start_pinger(world, Duration::from_secs(30));
        sleep(Duration::from_secs(5)).await;
        world.power_off("b");
        sleep(Duration::from_secs(5)).await;
        world.power_on("b");
        world.start("b", "echo", echo);
        assert_eq!(world.boot("b"), 2);
        assert_eq!(probe.exited().await, Exit::Returned(Err("ConnectionReset".into())));
        assert!(world.now() < Duration::from_secs(31), "the reset came with the first packet");
    });
}

#[test]
fn data_sent_while_the_machine_was_off_is_reset_when_it_boots() {
    run(machines(1, &["a", "b"]), |world| async move {
        let probe = start_pinger(world, Duration::from_secs(10));
        sleep(Duration::from_secs(5)).await;
        world.power_off("b");
        sleep(Duration::from_secs(60)).await;
        assert!(probe.is_alive());
        world.power_on("b");
        assert_eq!(probe.exited().await, Exit::Returned(Err("ConnectionReset".into())));
    });
}

#[test]
fn a_server_that_boots_again_can_be_reached_by_who_kept_trying() {
    run(machines(1, &["a", "b"]), |world| async move {
        world.power_off("b");
        let to = address(world, "b");
        let probe = world.start("a", "probe", move |env| async move {
            let mut stream = env.connect(to).await.map_err(|e| e.to_string())?;
            ping(&mut stream).await.map_err(|e| e.to_string())
        });
        sleep(Duration::from_secs(20)).await;
        world.power_on("b");
        world.start("b", "echo", echo);
        assert_eq!(probe.exited().await, Exit::Returned(Ok(())));
        // SYNs leave at 0, 1, 3, 7, 15 and 31 s.
        assert_eq!(world.now().as_secs(), 31);
    });
}

#[test]
fn a_program_started_without_power_is_dead_at_once() {
    run(machines(1, &["a"]), |world| async move {
        world.power_off("a");
        assert_eq!(world.start("a", "echo", echo).exit(), Some(Exit::PowerLost));
    });
}

#[test]
fn what_was_under_way_to_a_machine_that_lost_power_is_not_lost_for_one_that_boots_in_time() {
    run(machines(1, &["a", "b"]), |world| async move {
        world.start("a", "echo", echo);
        let to = address(world, "a");
        // The other way round: the machine that keeps its power listens; the one that loses it
        // has its connection reset when its peer speaks next.
        world.start("b", "caller", move |env| async move {
            let mut stream = env.connect(to).await.map_err(|e| e.to_string())?;
            stream.write_all(b"x").await.map_err(|e| e.to_string())?;
            sleep(Duration::from_secs(1000)).await;
            Ok(())
        });
        sleep(Duration::from_secs(1)).await;
        world.power_off("b");
        world.power_on("b");
        let (error, _) = connect_error(world, "a", address(world, "b")).await;
        assert_eq!(error, Some(ErrorKind::ConnectionRefused));
    });
}

#[test]
fn a_port_is_free_after_each_boot_although_somebody_gave_up_connecting_meanwhile() {
    run(machines(1, &["a", "b"]), |world| async move {
        let to = address(world, "b");
        for _ in 0..3 {
            world.power_off("b");
            on(world, "a", move |env| async move {
                let attempt = timeout(Duration::from_millis(1200), env.connect(to)).await;
                assert!(attempt.is_err(), "nobody answers");
            })
            .await;
            sleep(Duration::from_secs(3)).await;
            world.power_on("b");
            let server = world.start("b", "echo", echo);
            sleep(Duration::from_secs(10)).await;
            assert!(server.is_alive(), "{:?}\n{}", server.exit(), world.netstat("b"));
        }
    });
}
