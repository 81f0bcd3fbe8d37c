//! What a cluster costs that nobody uses, and that it is the same each time.

use std::time::Duration;

use crate::room::{client, client_addr, config, put_somewhere, start};

#[test]
fn nine_members_idle_for_ten_minutes_without_an_election_and_the_same_each_time() {
    let once = || {
        harness_sim::run(config(5, 9), |world| async move {
            for i in 0..9 {
                start(&world, i, 9);
            }
            let addr = client_addr(&world, 0);
            let put = client(&world, move |env| async move {
                put_somewhere(&env, &[addr], "a", Duration::from_secs(30)).await
            });
            assert!(put.await.is_some());
            tokio::time::sleep(Duration::from_secs(600)).await;
        })
    };
    let first = once();
    // 8 followers, 10 heartbeats a second, an answer each, and TCP's acknowledgements.
    assert!(first.steps < 600 * 450, "{} steps in ten minutes", first.steps);
    let leaders = first.events.iter().filter(|event| event.kind == "etcd.leader").count();
    assert_eq!(leaders, 1, "one election, at the beginning");
    assert_eq!(first.digest, once().digest);
}
