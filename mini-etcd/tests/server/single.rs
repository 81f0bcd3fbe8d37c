//! One member.

use std::time::Duration;

use anatomy_proto::etcdserverpb::watch_request::RequestUnion;
use anatomy_proto::etcdserverpb::{
    CompactionRequest, LeaseGrantRequest, LeaseKeepAliveRequest, LeaseTimeToLiveRequest,
    PutRequest, RangeRequest, StatusRequest, WatchCreateRequest, WatchRequest,
};
use bytes::Bytes;
use mini_etcd::Profile;
use tonic::Code;

use crate::world::{Client, World};

fn watch(key: &'static str, start_revision: i64) -> WatchRequest {
    let key = Bytes::from_static(key.as_bytes());
    let create = WatchCreateRequest {
        range_end: Bytes::from_static(b"\0"),
        key,
        start_revision,
        ..WatchCreateRequest::default()
    };
    WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) }
}

async fn one(test: &str) -> (World, Client) {
    let world = World::new(test, 1, Profile::V3_4);
    let client = world.client(0).await;
    (world, client)
}

#[tokio::test]
async fn a_pair_is_read_back_with_its_revisions() {
    let (_world, client) = one("pair").await;
    assert_eq!(client.put("a", "1").await.unwrap(), 2);
    assert_eq!(client.put("a", "2").await.unwrap(), 3);
    let range = RangeRequest { key: Bytes::from_static(b"a"), ..RangeRequest::default() };
    let response = client.kv().range(range.clone()).await.unwrap().into_inner();
    let kv = &response.kvs[0];
    assert_eq!((kv.create_revision, kv.mod_revision, kv.version), (2, 3, 2));
    let header = response.header.unwrap();
    assert!(header.cluster_id != 0 && header.member_id != 0 && header.raft_term > 0);
    let old = RangeRequest { revision: 2, ..range };
    assert_eq!(client.kv().range(old).await.unwrap().into_inner().kvs[0].value, &b"1"[..]);
}

#[tokio::test]
async fn a_refusal_has_etcds_code_and_text() {
    let (_world, client) = one("refusal").await;
    let error = client.kv().put(PutRequest::default()).await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    assert_eq!(error.message(), "etcdserver: key is not provided");
    let compaction = CompactionRequest { revision: 9, physical: false };
    let error = client.kv().compact(compaction).await.unwrap_err();
    assert_eq!(error.code(), Code::OutOfRange);
    assert_eq!(error.message(), "etcdserver: mvcc: required revision is a future revision");
}

#[tokio::test]
async fn a_watch_catches_up_from_its_start_and_goes_on() {
    let (_world, client) = one("watch").await;
    for i in 0..3 {
        client.put("a", &i.to_string()).await.unwrap();
    }
    let requests = tokio_stream::iter([watch("a", 3)]).chain_pending();
    let mut stream = client.watch().watch(requests).await.unwrap().into_inner();
    let created = stream.message().await.unwrap().unwrap();
    assert!(created.created && created.events.is_empty());
    let caught_up = stream.message().await.unwrap().unwrap();
    assert_eq!(caught_up.events.len(), 2);
    client.put("b", "new").await.unwrap();
    let event = stream.message().await.unwrap().unwrap();
    assert_eq!(event.events[0].kv.as_ref().unwrap().mod_revision, 5);
}

#[tokio::test]
async fn a_lease_that_is_not_renewed_takes_its_keys_along() {
    let (_world, client) = one("lease").await;
    let grant = LeaseGrantRequest { ttl: 1, id: 0 };
    let lease = client.lease().lease_grant(grant).await.unwrap().into_inner();
    let put =
        PutRequest { key: Bytes::from_static(b"a"), lease: lease.id, ..PutRequest::default() };
    client.kv().put(put).await.unwrap();
    let calls = tokio_stream::iter([LeaseKeepAliveRequest { id: lease.id }]);
    let mut alive = client.lease().lease_keep_alive(calls).await.unwrap().into_inner();
    assert_eq!(alive.message().await.unwrap().unwrap().ttl, lease.ttl);
    while client.get("a").await.unwrap().is_some() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let ask = LeaseTimeToLiveRequest { id: lease.id, keys: false };
    let gone = client.lease().lease_time_to_live(ask).await.unwrap().into_inner();
    assert_eq!(gone.ttl, -1);
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_crash() {
    let (mut world, client) = one("crash").await;
    world.members[0].config.snapshot_count = 20;
    for i in 0..50 {
        client.put(&format!("k{i}"), "v").await.unwrap();
    }
    for _ in 0..2 {
        world.kill(0).await;
        world.start(0);
        let client = world.client(0).await;
        let all = RangeRequest {
            key: Bytes::from_static(b"k"),
            range_end: Bytes::from_static(b"l"),
            count_only: true,
            ..RangeRequest::default()
        };
        assert_eq!(client.kv().range(all).await.unwrap().into_inner().count, 50);
        // From here on with snapshots.
        for i in 0..50 {
            client.put(&format!("k{i}"), "w").await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_member_tells_its_version_and_its_health_over_plain_http() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (world, client) = one("http").await;
    let status = client.maintenance().status(StatusRequest {}).await.unwrap().into_inner();
    assert_eq!(status.version, "3.4.23");
    for (path, expected) in [("/health", "\"true\""), ("/version", "3.4.23")] {
        let mut stream = world.env.connect(world.members[0].config.client_addrs[0]).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(expected), "{answer}");
    }
}

/// The requests so far, and then none for ever.
trait ChainPending: tokio_stream::Stream + Sized {
    fn chain_pending(self) -> impl tokio_stream::Stream<Item = Self::Item> + Send + 'static;
}

impl<S: tokio_stream::Stream + Send + 'static> ChainPending for S
where
    S::Item: Send,
{
    fn chain_pending(self) -> impl tokio_stream::Stream<Item = S::Item> + Send + 'static {
        tokio_stream::StreamExt::chain(self, tokio_stream::pending())
    }
}
