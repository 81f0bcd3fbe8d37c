//! Listening again where connections of a dead program still are.

use std::time::Duration;

use harness_sim::{Exit, Fault, Process, World, run};
use tokio::io::AsyncReadExt;
use tokio::time::{sleep, timeout};

use crate::support::*;

fn cut(from: &str, to: &str, both_ways: bool) -> Fault {
    Fault::Partition { from: side(from), to: side(to), both_ways }
}

/// Somebody on `a` who is connected to `b` and waits for the end.
fn connected(world: World) -> Process {
    let to = address(world, "b");
    world.start("a", "probe", move |env| async move {
        let mut stream = env.connect(to).await.map_err(|e| e.to_string())?;
        match stream.read(&mut [0]).await {
            Ok(0) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
}

#[test]
fn whoever_restarts_while_its_clients_are_cut_off_listens_again() {
    let report = run(machines(1, &["a", "b"]), |world| async move {
        one_millisecond(world);
        let server = world.start("b", "echo", echo);
        let probe = connected(world);
        sleep(Duration::from_secs(1)).await;
        let fault = world.begin(cut("a", "b", true));
        world.kill(&server);
        sleep(Duration::from_secs(1)).await;
        let again = world.start("b", "echo", echo);
        sleep(Duration::from_secs(1)).await;
        assert_eq!(again.exit(), None, "it listens");
        assert_eq!(probe.exit(), None, "nobody has told the client");
        world.end(fault);
        // Retransmission by then goes on within seconds.
        let told = timeout(Duration::from_secs(5), probe.exited()).await;
        assert_eq!(told, Ok(Exit::Returned(Ok(()))), "the end came when the path was whole");
        assert_eq!(connect_error(world, "a", address(world, "b")).await.0, None);
    });
    assert!(report.faults.iter().all(|fault| fault.effects > 0), "{:?}", report.faults);
}

#[test]
fn whoever_closes_and_listens_again_at_once_may_and_its_clients_learn_the_end() {
    run(machines(1, &["a", "b"]), |world| async move {
        one_millisecond(world);
        let again = world.start("b", "echo", |env| async move {
            let listener = env.listen_port(PORT).await.map_err(|e| e.to_string())?;
            let client = listener.accept().await.map_err(|e| e.to_string())?;
            drop((client, listener));
            echo(env).await
        });
        let told = timeout(Duration::from_secs(1), connected(world).exited()).await;
        assert_eq!(told, Ok(Exit::Returned(Ok(()))));
        assert_eq!(again.exit(), None, "it listens");
    });
}

#[test]
fn a_port_is_free_although_somebody_gave_up_connecting_to_it() {
    run(machines(1, &["a", "b"]), |world| async move {
        one_millisecond(world);
        let server = world.start("b", "echo", echo);
        // What b answers does not arrive, so whoever dials gives up half-way.
        let fault = world.begin(cut("b", "a", false));
        let to = address(world, "b");
        let gave_up = on(world, "a", move |env| async move {
            timeout(Duration::from_millis(300), env.connect(to)).await.is_err()
        });
        assert!(gave_up.await);
        world.end(fault);
        sleep(Duration::from_secs(10)).await;
        assert_eq!(connect_error(world, "a", to).await.0, None, "it still listens");
        world.kill(&server);
        sleep(Duration::from_secs(1)).await;
        let again = world.start("b", "echo", echo);
        sleep(Duration::from_secs(1)).await;
        assert_eq!(again.exit(), None, "it listens again");
    });
}

#[test]
fn a_port_that_somebody_listens_on_is_in_use() {
    run(machines(1, &["a", "b"]), |world| async move {
        let first = world.start("b", "echo", echo);
        sleep(Duration::from_secs(1)).await;
        let second = world.start("b", "other", echo);
        assert!(
            matches!(second.exited().await, Exit::Returned(Err(why)) if why.contains("in use"))
        );
        assert!(first.is_alive());
    });
}
