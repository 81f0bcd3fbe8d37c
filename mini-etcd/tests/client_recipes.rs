//! Sessions, locks and elections against a real member.

#[path = "server/channel.rs"]
#[allow(dead_code, reason = "other tests use more of it")]
mod channel;
mod port;
#[path = "server/world.rs"]
#[allow(dead_code, reason = "other tests use more of it")]
mod world;

use std::time::Duration;

use anatomy_proto::etcdserverpb::{LeaseRevokeRequest, RangeRequest};
use mini_etcd::Profile;
use mini_etcd::client::recipes::{Election, Mutex, Observer, RecipeError, Session};
use mini_etcd::client::{Client, Config, Generation};
use tokio::time::timeout;
use world::World;

async fn one(test: &str) -> (World, Client) {
    let world = World::new(test, 1, Profile::V3_4);
    drop(world.client(0).await);
    let endpoints = world.members[0].config.client_addrs.clone();
    let config = Config { endpoints, generation: Generation::Grpc105 };
    let client = Client::new(&world.env, test, config);
    (world, client)
}

/// How many stand in line.
async fn in_line(client: &Client, prefix: &str) -> i64 {
    let mut end = prefix.as_bytes().to_vec();
    *end.last_mut().unwrap() += 1;
    let request = RangeRequest {
        key: prefix.to_owned().into(),
        range_end: end.into(),
        count_only: true,
        ..RangeRequest::default()
    };
    client.range(request).await.unwrap().count
}

async fn until_in_line(client: &Client, prefix: &str, many: i64) {
    while in_line(client, prefix).await != many {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_lock_goes_from_one_to_the_next_in_the_order_in_which_they_came() {
    let (_world, client) = one("lock").await;
    let sessions = [
        Session::new(&client, 30).await.unwrap(),
        Session::new(&client, 30).await.unwrap(),
        Session::new(&client, 30).await.unwrap(),
    ];
    let mut first = Mutex::new(&sessions[0], "l");
    let (mut second, mut third) = (Mutex::new(&sessions[1], "l"), Mutex::new(&sessions[2], "l"));
    first.lock().await.unwrap();
    assert!(matches!(second.try_lock().await, Err(RecipeError::Locked)));
    assert_eq!(in_line(&client, "l/").await, 1, "who only tries does not stay in line");
    let order = std::sync::Mutex::new(Vec::new());
    tokio::join!(
        async {
            second.lock().await.unwrap();
            order.lock().unwrap().push(2);
            second.unlock().await.unwrap();
        },
        async {
            until_in_line(&client, "l/", 2).await;
            third.lock().await.unwrap();
            order.lock().unwrap().push(3);
        },
        async {
            until_in_line(&client, "l/", 3).await;
            assert!(order.lock().unwrap().is_empty(), "the lock is held");
            first.unlock().await.unwrap();
        },
    );
    assert_eq!(*order.lock().unwrap(), [2, 3]);
    assert!(third.is_owner().is_some() && first.is_owner().is_none());
    assert!(matches!(first.unlock().await, Err(RecipeError::NotLeader)));
}

#[tokio::test]
async fn a_lock_is_freed_when_its_session_ends_and_the_session_learns_it() {
    let (_world, client) = one("expiry").await;
    let (old, new) =
        (Session::new(&client, 2).await.unwrap(), Session::new(&client, 30).await.unwrap());
    let mut held = Mutex::new(&old, "l");
    held.lock().await.unwrap();
    let mut next = Mutex::new(&new, "l");
    let revoke = LeaseRevokeRequest { id: old.lease() };
    let (locked, _) = tokio::join!(next.lock(), async {
        until_in_line(&client, "l/", 2).await;
        client.lease_revoke(revoke).await.unwrap();
    });
    locked.unwrap();
    timeout(Duration::from_secs(10), old.expired()).await.expect("it is told within its time");
    assert!(old.is_expired() && !new.is_expired());
}

#[tokio::test]
async fn who_stops_waiting_leaves_the_line() {
    let (_world, client) = one("leaves").await;
    let (a, b) =
        (Session::new(&client, 30).await.unwrap(), Session::new(&client, 30).await.unwrap());
    let (mut held, mut waiting) = (Mutex::new(&a, "l"), Mutex::new(&b, "l"));
    held.lock().await.unwrap();
    tokio::select! {
        biased;
        _ = waiting.lock() => panic!("the lock is held"),
        () = until_in_line(&client, "l/", 2) => {}
    }
    until_in_line(&client, "l/", 1).await;
}

#[tokio::test]
async fn a_session_that_ended_while_it_waited_is_not_first() {
    let (_world, client) = one("ended").await;
    let (a, b) =
        (Session::new(&client, 30).await.unwrap(), Session::new(&client, 30).await.unwrap());
    let (mut held, mut waiting) = (Mutex::new(&a, "l"), Mutex::new(&b, "l"));
    held.lock().await.unwrap();
    let (locked, ()) = tokio::join!(waiting.lock(), async {
        until_in_line(&client, "l/", 2).await;
        client.lease_revoke(LeaseRevokeRequest { id: b.lease() }).await.unwrap();
        held.unlock().await.unwrap();
    });
    assert!(matches!(locked, Err(RecipeError::SessionExpired)), "{locked:?}");
}

#[tokio::test]
async fn an_election_has_one_leader_whose_proclamations_everybody_sees() {
    let (_world, client) = one("election").await;
    let (a, b) =
        (Session::new(&client, 30).await.unwrap(), Session::new(&client, 30).await.unwrap());
    let (mut one, mut two) = (Election::new(&a, "e"), Election::new(&b, "e"));
    assert_eq!(one.leader().await.unwrap(), None);
    let mut observer = Observer::new(&client, "e");
    let (seen, ()) = tokio::join!(observer.next(), async {
        one.campaign("one").await.unwrap();
    });
    assert_eq!(&seen.unwrap().value[..], b"one");
    one.proclaim("one again").await.unwrap();
    assert_eq!(&observer.next().await.unwrap().value[..], b"one again");
    assert!(matches!(two.proclaim("two").await, Err(RecipeError::NotLeader)));
    let (won, ()) = tokio::join!(two.campaign("two"), async {
        until_in_line(&client, "e/", 2).await;
        assert_eq!(&two_leader(&one).await[..], b"one again");
        one.resign().await.unwrap();
    });
    won.unwrap();
    assert_eq!(&observer.next().await.unwrap().value[..], b"two");
    assert!(matches!(one.proclaim("late").await, Err(RecipeError::NotLeader)));
}

async fn two_leader(election: &Election<'_>) -> Vec<u8> {
    election.leader().await.unwrap().expect("somebody leads").value.to_vec()
}
