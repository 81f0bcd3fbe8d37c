//! Sessions by the clock, which nobody's machine can slow down here.

use std::time::Duration;

use mini_etcd::client::recipes::{Mutex, Session};
use mini_etcd::client::{Client, Config, Generation};
use mini_etcd::defects::Defects;

use crate::room::{client, client_addr, config, start};
use crate::suspended::{self, Renewal};

#[test]
fn a_session_outlives_its_time_to_live_while_it_is_renewed() {
    harness_sim::run(config(11, 1), |world| async move {
        start(&world, 0, 1);
        let endpoints = vec![client_addr(&world, 0)];
        let done = client(&world, move |env| async move {
            let config = Config { endpoints, generation: Generation::Grpc105 };
            let client = Client::new(&env, "sessions", config);
            let holder = Session::new(&client, 2).await.unwrap();
            let mut held = Mutex::new(&holder, "l");
            held.lock().await.unwrap();
            tokio::time::sleep(Duration::from_secs(60)).await;
            assert!(!holder.is_expired());
            let other = Session::new(&client, 60).await.unwrap();
            assert!(Mutex::new(&other, "l").try_lock().await.is_err(), "the lock is held");
            drop(held);
            holder.close().await.unwrap();
            Mutex::new(&other, "l").try_lock().await.expect("who closes gives up its locks");
        });
        done.await;
    });
}

#[test]
fn a_lease_that_is_renewed_outlives_a_leader_that_was_suspended() {
    assert!(suspended::a_renewed_lease_is_kept(Defects::default()));
}

#[test]
fn a_leader_that_was_suspended_renews_no_lease_before_a_quorum_confirms_it() {
    let renewal = suspended::a_renewal_at_a_former_leader(Defects::default());
    assert_eq!(renewal, Renewal::Refused);
}
