//! The client and a real member, over real TCP: every call once.

mod port;

use std::net::{Ipv4Addr, SocketAddr};

use anatomy_proto::etcdserverpb::{
    CompactionRequest, DeleteRangeRequest, LeaseGrantRequest, LeaseRevokeRequest, PutRequest,
    RangeRequest, RequestOp, TxnRequest, WatchCreateRequest, request_op::Request,
};
use harness_env::real::Machine;
use mini_etcd::Profile;
use mini_etcd::client::{Client, Config, Generation};
use mini_etcd::server;
use tonic::Code;

fn put(key: &'static str, value: &'static str) -> PutRequest {
    PutRequest { key: key.into(), value: value.into(), ..Default::default() }
}

async fn talk(client: &Client, addr: SocketAddr) {
    let watch = WatchCreateRequest { key: "a".into(), ..Default::default() };
    let mut watch = client.watch(watch).await.unwrap();
    let first = client.put(put("a", "1")).await.unwrap().header.unwrap().revision;
    let event = watch.next().await.unwrap().unwrap();
    assert_eq!(event.events[0].kv.as_ref().unwrap().mod_revision, first);

    let request = Some(Request::RequestPut(put("a", "2")));
    let txn = TxnRequest { success: vec![RequestOp { request }], ..Default::default() };
    let second = client.txn(txn).await.unwrap().header.unwrap().revision;
    assert_eq!(second, first + 1);
    let read = RangeRequest { key: "a".into(), ..Default::default() };
    assert_eq!(&client.range(read.clone()).await.unwrap().kvs[0].value[..], b"2");

    let compaction = CompactionRequest { revision: second, ..Default::default() };
    client.compact(compaction).await.unwrap();
    let old = RangeRequest { revision: first, ..read };
    assert_eq!(client.range(old).await.unwrap_err().code(), Some(Code::OutOfRange));
    let delete = DeleteRangeRequest { key: "a".into(), ..Default::default() };
    assert_eq!(client.delete_range(delete).await.unwrap().deleted, 1);

    let lease = client.lease_grant(LeaseGrantRequest { ttl: 60, id: 0 }).await.unwrap().id;
    assert_eq!(client.lease_keep_alive(lease).await.unwrap().ttl, 60);
    client.lease_revoke(LeaseRevokeRequest { id: lease }).await.unwrap();
    assert!(client.lease_keep_alive(lease).await.is_err());

    let members = client.member_list().await.unwrap().members;
    assert_eq!(members.len(), 1);
    let status = client.status(addr).await.unwrap();
    assert_eq!(status.leader, members[0].id);
}

#[tokio::test]
async fn every_call_is_answered_by_each_release() {
    for (n, profile) in [Profile::V3_1_8, Profile::V3_2_9].into_iter().enumerate() {
        let dir = std::env::temp_dir().join(format!("client-member-{}-{n}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let env = Machine::new("etcd", &dir).with_ip(Ipv4Addr::LOCALHOST.into()).env();
        let (addr, peer) = (port::free(), port::free());
        let config = server::Config::new("a", addr, peer, profile);
        let tasks = env.tasks();
        let member = env.clone();
        tasks.spawn(async move {
            server::run(member, config, std::future::pending()).await.expect("a member");
        });
        let generation = Generation::Grpc104;
        let client = Client::new(&env, "all", Config { endpoints: vec![addr], generation });
        talk(&client, addr).await;
        let limit = client.pools()[0].limit;
        assert_eq!(limit, (profile != Profile::V3_1_8).then_some(i32::MAX as u32));
        drop((client, tasks));
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
