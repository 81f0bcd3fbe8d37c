//! Calls that look after a member, and what is not etcd's own on its port.

use anatomy_proto::etcdserverpb::alarm_request::AlarmAction;
use anatomy_proto::etcdserverpb::auth_client::AuthClient;
use anatomy_proto::etcdserverpb::{
    AlarmRequest, AlarmType, AuthenticateRequest, CompactionRequest, DefragmentRequest,
    DeleteRangeRequest, PutRequest, RangeRequest, SnapshotRequest, StatusRequest,
};
use anatomy_proto::reflection::ServerReflectionRequest;
use anatomy_proto::reflection::server_reflection_client::ServerReflectionClient;
use anatomy_proto::reflection::server_reflection_request::MessageRequest;
use anatomy_proto::reflection::server_reflection_response::MessageResponse;
use bytes::Bytes;
use mini_etcd::Profile;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tonic::Code;
use tonic_health::pb::health_client::HealthClient;

use crate::world::{Client, World};

async fn one(test: &str) -> (World, Client) {
    let world = World::new(test, 1, Profile::V3_4);
    let client = world.client(0).await;
    (world, client)
}

fn value(bytes: usize) -> String {
    "x".repeat(bytes)
}

#[tokio::test]
async fn a_member_over_its_quota_takes_nothing_until_it_is_compacted_defragmented_and_disarmed() {
    let (mut world, _) = one("quota").await;
    world.kill(0).await;
    world.members[0].config.quota_bytes = Some(200 << 10);
    world.start(0);
    let client = world.client(0).await;
    let refused = loop {
        if let Err(refused) = client.put("a", &value(10_000)).await {
            break refused;
        }
    };
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert_eq!(refused.message(), "etcdserver: mvcc: database space exceeded");
    let status = client.maintenance().status(StatusRequest {}).await.unwrap().into_inner();
    let id = status.header.unwrap().member_id;
    assert_eq!(status.errors, [format!("memberID:{id} alarm:NOSPACE ")]);
    assert!(status.db_size > status.db_size_in_use && status.db_size_in_use > 150_000);
    // Small puts are refused too, reads and deletions are not.
    assert_eq!(client.put("b", "1").await.unwrap_err().code(), Code::ResourceExhausted);
    assert!(client.get("a").await.unwrap().is_some());
    let revision = status.header.unwrap().revision;
    let compaction = CompactionRequest { revision, physical: true };
    client.kv().compact(compaction).await.unwrap();
    client.maintenance().defragment(DefragmentRequest {}).await.unwrap();
    let disarm = AlarmRequest {
        action: AlarmAction::Deactivate.into(),
        member_id: id,
        alarm: AlarmType::Nospace.into(),
    };
    assert_eq!(client.put("b", "1").await.unwrap_err().code(), Code::ResourceExhausted);
    assert_eq!(client.maintenance().alarm(disarm).await.unwrap().into_inner().alarms.len(), 1);
    client.put("b", "1").await.unwrap();
    let status = client.maintenance().status(StatusRequest {}).await.unwrap().into_inner();
    assert!(status.errors.is_empty() && status.db_size < 100_000, "{status:?}");
}

#[tokio::test]
async fn a_request_that_is_too_large_is_refused_by_etcd_and_a_larger_one_by_grpc() {
    let (_world, client) = one("large").await;
    let error = client.put("a", &value(1600 << 10)).await.unwrap_err();
    assert_eq!(
        (error.code(), error.message()),
        (Code::InvalidArgument, "etcdserver: request is too large")
    );
    let error = client.put("a", &value(3 << 20)).await.unwrap_err();
    assert_eq!(error.code(), Code::ResourceExhausted);
    let expected = "grpc: received message larger than max (3145736 vs. 2097152)";
    assert_eq!(error.message(), expected);
    client.put("a", "1").await.unwrap();
}

#[tokio::test]
async fn a_snapshot_is_a_database_file_with_its_checksum_behind_it() {
    use sha2::{Digest, Sha256};
    let (_world, client) = one("snapshot").await;
    for i in 0..50 {
        client.put(&format!("k{i}"), &value(2000)).await.unwrap();
    }
    let mut pieces = client.maintenance().snapshot(SnapshotRequest {}).await.unwrap().into_inner();
    let (mut bytes, mut left) = (Vec::new(), u64::MAX);
    while let Some(piece) = pieces.message().await.unwrap() {
        assert!(piece.remaining_bytes <= left);
        left = piece.remaining_bytes;
        bytes.extend_from_slice(&piece.blob);
    }
    assert_eq!((left, bytes.len() % 4096), (0, 32));
    let (file, checksum) = bytes.split_at(bytes.len() - 32);
    assert_eq!(&Sha256::digest(file)[..], checksum);
    assert_eq!(file.windows(2000).filter(|w| w.iter().all(|b| *b == b'x')).count(), 50);
}

#[tokio::test]
async fn authentication_is_off_and_says_so() {
    let (_world, client) = one("auth").await;
    let mut auth = AuthClient::with_origin(client.channel(), client.origin());
    let request = AuthenticateRequest { name: "root".into(), password: "x".into() };
    let error = auth.authenticate(request).await.unwrap_err();
    assert_eq!(error.code(), Code::FailedPrecondition);
    assert_eq!(error.message(), "etcdserver: authentication is not enabled");
}

#[tokio::test]
async fn health_and_reflection_are_served() {
    let (_world, client) = one("standard").await;
    let mut health = HealthClient::with_origin(client.channel(), client.origin());
    let answer = health.check(tonic_health::pb::HealthCheckRequest::default()).await.unwrap();
    assert_eq!(answer.into_inner().status, 1, "serving");
    let mut reflection = ServerReflectionClient::with_origin(client.channel(), client.origin());
    let question = ServerReflectionRequest {
        message_request: Some(MessageRequest::ListServices(String::new())),
        ..ServerReflectionRequest::default()
    };
    let answers = reflection.server_reflection_info(tokio_stream::iter([question])).await;
    let answer = answers.unwrap().into_inner().message().await.unwrap().unwrap();
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
        panic!("{answer:?}");
    };
    assert!(list.service.iter().any(|service| service.name == "etcdserverpb.KV"));
}

#[tokio::test]
async fn an_empty_key_is_refused_everywhere() {
    let (_world, client) = one("empty").await;
    let refusals = [
        client.kv().put(PutRequest::default()).await.unwrap_err(),
        client.kv().range(RangeRequest::default()).await.unwrap_err(),
        client.kv().delete_range(DeleteRangeRequest::default()).await.unwrap_err(),
    ];
    for refusal in refusals {
        assert_eq!(refusal.message(), "etcdserver: key is not provided");
    }
}

/// What a member answers to a plain HTTP request.
async fn page(world: &World, request: &str) -> String {
    let mut stream = world.env.connect(world.members[0].config.client_addrs[0]).await.unwrap();
    let request = format!("{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn what_a_member_counts_is_on_a_page_for_prometheus() {
    let (world, client) = one("metrics").await;
    client.put("a", "1").await.unwrap();
    client.put("b", "1").await.unwrap();
    let metrics = page(&world, "GET /metrics").await;
    for line in [
        "etcd_server_has_leader 1",
        "etcd_server_is_leader 1",
        "etcd_mvcc_put_total 2",
        "etcd_debugging_mvcc_current_revision 3",
        "etcd_mvcc_db_total_size_in_bytes 24576",
        "etcd_server_version{server_version=\"3.4.23\"} 1",
        "# TYPE etcd_disk_wal_fsync_duration_seconds histogram",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} is not in {metrics}");
    }
}

#[tokio::test]
async fn an_unhealthy_member_says_so_and_an_unknown_page_is_not_found() {
    let (world, client) = one("pages").await;
    assert!(page(&world, "GET /nothing").await.starts_with("HTTP/1.1 404"));
    assert!(page(&world, "POST /health").await.starts_with("HTTP/1.1 405"));
    assert!(page(&world, "GET /health").await.starts_with("HTTP/1.1 200"));
    let alarm = AlarmRequest {
        action: AlarmAction::Activate.into(),
        member_id: 1,
        alarm: AlarmType::Corrupt.into(),
    };
    client.maintenance().alarm(alarm).await.unwrap();
    let sick = page(&world, "GET /health").await;
    assert!(sick.starts_with("HTTP/1.1 503") && sick.ends_with(r#"{"health":"false"}"#), "{sick}");
    let error = client.put("a", "1").await.unwrap_err();
    assert_eq!((error.code(), error.message()), (Code::DataLoss, "etcdserver: corrupt cluster"));
    let key = Bytes::from_static(b"a");
    let delete = DeleteRangeRequest { key, ..DeleteRangeRequest::default() };
    assert_eq!(client.kv().delete_range(delete).await.unwrap_err().code(), Code::DataLoss);
}
