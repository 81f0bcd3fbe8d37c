//! Disks that fill up or fail: the member stops, says which file, and comes back from what it has.

use std::time::Duration;

use harness_sim::Fault;

use crate::room::{client, client_addr, config, machine, put_somewhere, start};

const MEMBERS: usize = 3;

/// What a member that stopped said, and whether what was put before, meanwhile and after is kept.
fn broken(seed: u64, fault: impl Fn(String) -> Fault + Send + 'static) -> (String, usize) {
    let report = harness_sim::run(config(seed, MEMBERS), move |world| async move {
        let members: Vec<_> = (0..MEMBERS).map(|i| start(&world, i, MEMBERS)).collect();
        let addrs: Vec<_> = (0..MEMBERS).map(|i| client_addr(&world, i)).collect();
        let limit = Duration::from_secs(60);
        let puts = |keys: [&'static str; 2]| {
            let addrs = addrs.clone();
            client(&world, move |env| async move {
                for key in keys {
                    put_somewhere(&env, &addrs, key, limit).await.expect("two of three go on");
                }
            })
        };
        puts(["a", "b"]).await;
        let fault = world.begin(fault(machine(0)));
        puts(["c", "d"]).await;
        members[0].exited().await;
        let said = format!("{:?}", members[0].exit());
        world.end(fault);
        start(&world, 0, MEMBERS);
        puts(["e", "f"]).await;
        let own = addrs[0];
        let kept = client(&world, move |env| async move {
            loop {
                if let Some(connection) = crate::room::Connection::open(&env, own).await
                    && let Ok(response) = connection.all().await
                {
                    return response.kvs.len();
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        (said, kept.await)
    });
    report.result
}

#[test]
fn a_member_whose_disk_is_full_stops_and_comes_back_when_there_is_room() {
    let (said, kept) = broken(1, |machine| Fault::FullDisk { machine });
    assert!(said.contains(".wal") && said.contains("no storage space"), "{said}");
    assert_eq!(kept, 6);
}

#[test]
fn a_member_whose_disk_fails_stops_and_comes_back_when_it_works() {
    let (said, kept) = broken(2, |machine| Fault::FailingDisk { machine });
    assert!(said.contains(".wal"), "{said}");
    assert_eq!(kept, 6);
}
