//! Several members.

use std::time::Duration;

use anatomy_proto::etcdserverpb::{
    HashKvRequest, LeaseGrantRequest, LeaseKeepAliveRequest, MemberAddRequest, MemberListRequest,
    MemberPromoteRequest, MemberRemoveRequest, StatusRequest,
};
use mini_etcd::Profile;
use mini_etcd::server::{Config, InitialState};
use tonic::Code;

use crate::port;
use crate::world::{Client, World};

/// Which member leads, by its place.
async fn leader(clients: &[Client]) -> usize {
    loop {
        for (i, client) in clients.iter().enumerate() {
            let status = client.maintenance().status(StatusRequest {}).await;
            let status = status.map(tonic::Response::into_inner);
            if status.is_ok_and(|s| s.leader != 0 && s.header.unwrap().member_id == s.leader) {
                return i;
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn clients(world: &World) -> Vec<Client> {
    let mut clients = Vec::new();
    for i in 0..world.members.len() {
        clients.push(world.client(i).await);
    }
    clients
}

/// Puts until it is acknowledged: elections refuse some.
async fn put(client: &Client, key: &str, value: &str) {
    while client.put(key, value).await.is_err() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn three_members_agree_survive_one_and_take_it_back_from_its_log() {
    let mut world = World::new("three", 3, Profile::V3_2_9);
    let all = clients(&world).await;
    for (i, client) in all.iter().enumerate() {
        put(client, &format!("from{i}"), "1").await;
    }
    for client in &all {
        assert_eq!(client.get("from1").await.unwrap().as_deref(), Some("1"));
    }
    let down = leader(&all).await;
    world.kill(down).await;
    let others: Vec<Client> = (0..3).filter(|i| *i != down).map(|i| all[i].clone()).collect();
    put(&others[0], "without", "it").await;
    assert_eq!(others[1].get("without").await.unwrap().as_deref(), Some("it"));
    world.start(down);
    let back = world.client(down).await;
    assert_eq!(back.get("without").await.unwrap().as_deref(), Some("it"));
    let mut hashes = Vec::new();
    for client in others.iter().chain([&back]) {
        client.get("without").await.unwrap();
        let hash = client.maintenance().hash_kv(HashKvRequest { revision: 0 }).await.unwrap();
        hashes.push(hash.into_inner().hash);
    }
    assert!(hashes.windows(2).all(|pair| pair[0] == pair[1]), "{hashes:?}");
}

#[tokio::test]
async fn without_a_quorum_requests_time_out_with_etcds_text() {
    let mut world = World::new("quorum", 3, Profile::V3_2_9);
    let all = clients(&world).await;
    put(&all[0], "a", "1").await;
    world.kill(1).await;
    world.kill(2).await;
    let error = all[0].put("a", "2").await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable);
    assert!(error.message().starts_with("etcdserver: request timed out"), "{error}");
}

#[tokio::test]
async fn a_member_is_added_joins_with_a_snapshot_and_is_removed() {
    let mut world = World::new("join", 1, Profile::V3_2_9);
    world.kill(0).await;
    world.members[0].config.snapshot_count = 10;
    world.members[0].config.catch_up_entries = 5;
    world.start(0);
    let first = world.client(0).await;
    for i in 0..40 {
        put(&first, &format!("k{i}"), "v").await;
    }
    let (client, peer) = (port::free(), port::free());
    let add = MemberAddRequest { peer_ur_ls: vec![format!("http://{peer}")], is_learner: false };
    let added = first.cluster().member_add(add).await.unwrap().into_inner();
    assert_eq!(added.members.len(), 2);
    let mut config = Config::new("m1", client, peer, Profile::V3_2_9);
    let old = world.members[0].config.clone();
    config.initial_state = InitialState::Existing;
    config.initial_cluster = vec![("m0".into(), old.peer_addrs[0]), ("m1".into(), peer)];
    (config.heartbeat, config.election) = (old.heartbeat, old.election);
    world.add(config);
    let second = world.client(1).await;
    assert_eq!(second.get("k39").await.unwrap().as_deref(), Some("v"));
    let list = second.cluster().member_list(MemberListRequest::default()).await.unwrap();
    let names: Vec<String> =
        list.into_inner().members.into_iter().map(|member| member.name).collect();
    assert!(names.contains(&"m1".to_owned()), "{names:?}");
    put(&second, "through", "the new one").await;
    assert_eq!(first.get("through").await.unwrap().as_deref(), Some("the new one"));

    let id = added.member.unwrap().id;
    while first.cluster().member_remove(MemberRemoveRequest { id }).await.is_err() {
        // Not yet connected for 5 s.
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    while !world.has_ended(1) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    put(&first, "alone", "again").await;
}

#[tokio::test]
async fn a_lease_is_renewed_through_a_follower() {
    let world = World::new("follower", 3, Profile::V3_4);
    let all = clients(&world).await;
    put(&all[0], "a", "1").await;
    let follower = &all[(leader(&all).await + 1) % 3];
    let grant = LeaseGrantRequest { ttl: 100, id: 7 };
    follower.lease().lease_grant(grant).await.unwrap();
    let calls = tokio_stream::iter([7, 8].map(|id| LeaseKeepAliveRequest { id }));
    let mut alive = follower.lease().lease_keep_alive(calls).await.unwrap().into_inner();
    assert_eq!(alive.message().await.unwrap().unwrap().ttl, 100);
    assert_eq!(alive.message().await.unwrap().unwrap().ttl, 0, "there is no lease 8");
}

#[tokio::test]
async fn a_leader_that_stops_hands_over_first() {
    let mut world = World::new("handover", 3, Profile::V3_1_8);
    let all = clients(&world).await;
    put(&all[0], "a", "1").await;
    let old = leader(&all).await;
    let other = (old + 1) % 3;
    let term = |client: Client| async move {
        client.maintenance().status(StatusRequest {}).await.unwrap().into_inner().raft_term
    };
    let before = term(all[other].clone()).await;
    world.stop(old).await;
    // No election time-out has passed: there is a leader at once, of the next term.
    let after = term(all[other].clone()).await;
    assert_eq!(after, before + 1);
    put(&all[other], "a", "2").await;
}

#[tokio::test]
async fn a_learner_serves_its_own_reads_alone_until_it_is_promoted() {
    let mut world = World::new("learner", 1, Profile::V3_4);
    let first = world.client(0).await;
    put(&first, "a", "1").await;
    let (client, peer) = (port::free(), port::free());
    let add = MemberAddRequest { peer_ur_ls: vec![format!("http://{peer}")], is_learner: true };
    let added = first.cluster().member_add(add).await.unwrap().into_inner();
    // It does not vote, so nothing waits for it.
    put(&first, "a", "2").await;
    let mut config = Config::new("m1", client, peer, Profile::V3_4);
    let old = world.members[0].config.clone();
    config.initial_state = InitialState::Existing;
    config.initial_cluster = vec![("m0".into(), old.peer_addrs[0]), ("m1".into(), peer)];
    (config.heartbeat, config.election) = (old.heartbeat, old.election);
    world.add(config);
    let learner = world.client(1).await;
    let error = learner.put("a", "3").await.unwrap_err();
    assert_eq!(error.message(), "etcdserver: rpc not supported for learner");
    let id = added.member.unwrap().id;
    while first.cluster().member_promote(MemberPromoteRequest { id }).await.is_err() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    put(&learner, "a", "3").await;
    assert_eq!(first.get("a").await.unwrap().as_deref(), Some("3"));
}

#[tokio::test]
async fn a_follower_passes_a_promotion_on_to_the_leader() {
    let world = World::new("promote", 3, Profile::V3_4);
    let all = clients(&world).await;
    put(&all[0], "a", "1").await;
    let follower = &all[(leader(&all).await + 1) % 3];
    let no_one = MemberPromoteRequest { id: 1234 };
    let error = follower.cluster().member_promote(no_one).await.unwrap_err();
    assert_eq!((error.code(), error.message()), (Code::NotFound, "etcdserver: member not found"));
    let status = follower.maintenance().status(StatusRequest {}).await.unwrap().into_inner();
    let voter = MemberPromoteRequest { id: status.leader };
    let error = follower.cluster().member_promote(voter).await.unwrap_err();
    assert_eq!(error.message(), "etcdserver: can only promote a learner member");
}
