//! Whatever arrives on its two ports, a member goes on.

use std::net::SocketAddr;
use std::time::Duration;

use harness_env::{Rng, Stream};
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use mini_etcd::Profile;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::process;
use crate::world::{Client, World};

/// Every call of etcd's.
const CALLS: &[&str] = &[
    "KV/Range",
    "KV/Put",
    "KV/DeleteRange",
    "KV/Txn",
    "KV/Compact",
    "Watch/Watch",
    "Lease/LeaseGrant",
    "Lease/LeaseRevoke",
    "Lease/LeaseKeepAlive",
    "Lease/LeaseTimeToLive",
    "Lease/LeaseLeases",
    "Cluster/MemberAdd",
    "Cluster/MemberRemove",
    "Cluster/MemberUpdate",
    "Cluster/MemberList",
    "Cluster/MemberPromote",
    "Maintenance/Alarm",
    "Maintenance/Status",
    "Maintenance/Defragment",
    "Maintenance/Hash",
    "Maintenance/HashKV",
    "Maintenance/MoveLeader",
    "Auth/Authenticate",
    "Auth/UserAdd",
];

fn bytes(rng: &mut Rng, longest: u64) -> Vec<u8> {
    (0..rng.below(longest)).map(|_| rng.bits() as u8).collect()
}

async fn open(world: &World, addr: SocketAddr) -> Box<dyn Stream> {
    world.env.connect(addr).await.unwrap()
}

/// Sends bytes and waits for the end, but not for ever: a member may wait for more.
async fn send(world: &World, addr: SocketAddr, parts: &[&[u8]]) {
    let mut stream = open(world, addr).await;
    for part in parts {
        drop(stream.write_all(part).await);
    }
    let mut rest = Vec::new();
    drop(timeout(Duration::from_millis(20), stream.read_to_end(&mut rest)).await);
}

async fn still_serves(client: &Client) {
    client.put("alive", "1").await.unwrap();
    assert_eq!(client.get("alive").await.unwrap().as_deref(), Some("1"));
}

#[tokio::test]
async fn random_bytes_on_either_port_end_their_connection_alone() {
    let world = World::new("bytes", 1, Profile::V3_4);
    let client = world.client(0).await;
    let mut rng = Rng::from_key(7);
    let config = &world.members[0].config;
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    for _ in 0..60 {
        let noise = bytes(&mut rng, 300);
        send(&world, config.client_addrs[0], &[&noise]).await;
        send(&world, config.client_addrs[0], &[preface, &noise]).await;
        send(&world, config.peer_addrs[0], &[&noise]).await;
    }
    still_serves(&client).await;
}

#[tokio::test]
async fn a_stranger_that_knows_the_greeting_can_say_what_it_likes() {
    let world = World::new("stranger", 1, Profile::V3_4);
    let client = world.client(0).await;
    let addr = world.members[0].config.peer_addrs[0];
    // Asking as who joins is answered with the cluster.
    let mut stream = open(&world, addr).await;
    stream.write_all(&[0, 0, 0, 0]).await.unwrap();
    let length = stream.read_u32().await.unwrap() as usize;
    let mut welcome = vec![0; length];
    stream.read_exact(&mut welcome).await.unwrap();
    // Welcome's second field is the cluster, as Hello's first is.
    let at = welcome.iter().position(|byte| *byte == 0x10).unwrap() + 1;
    let end = at + welcome[at..].iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
    let mut hello = vec![0x08];
    hello.extend_from_slice(&welcome[at..end]);
    hello.extend_from_slice(&[0x10, 99]);
    let mut rng = Rng::from_key(8);
    for _ in 0..200 {
        let mut stream = open(&world, addr).await;
        stream.write_all(&(hello.len() as u32).to_be_bytes()).await.unwrap();
        stream.write_all(&hello).await.unwrap();
        let length = stream.read_u32().await.unwrap() as usize;
        assert_eq!(length, 2 + end - at - 1, "welcome, and the cluster alone");
        let mut frame = bytes(&mut rng, 60);
        if rng.chance(0.5) {
            // A Raft message whose first field is its kind.
            let kind = rng.below(19) as u8;
            frame.splice(0..0, [0x08, kind, 0x18, 99]);
            frame.truncate(120);
            frame.splice(0..0, [0x0a, frame.len() as u8]);
        }
        drop(stream.write_all(&(frame.len() as u32).to_be_bytes()).await);
        drop(stream.write_all(&frame).await);
        let mut rest = Vec::new();
        drop(timeout(Duration::from_millis(5), stream.read_to_end(&mut rest)).await);
    }
    still_serves(&client).await;
}

#[tokio::test]
async fn random_bodies_are_answered_with_a_status_by_every_call() {
    let world = World::new("bodies", 1, Profile::V3_4);
    let client = world.client(0).await;
    let mut rng = Rng::from_key(9);
    for round in 0..30 {
        for call in CALLS {
            let mut body = bytes(&mut rng, 40);
            if round % 2 == 0 {
                // As a message should be framed.
                let length = (body.len() as u32).to_be_bytes();
                body.splice(0..0, [0].into_iter().chain(length));
            }
            let request = Request::post(format!("{}etcdserverpb.{call}", client.origin()))
                .header("content-type", "application/grpc")
                .header("te", "trailers")
                .body(tonic::body::Body::new(Full::new(Bytes::from(body))))
                .unwrap();
            let mut channel = client.channel();
            let response = tower_service::Service::call(&mut channel, request).await.unwrap();
            assert_eq!(response.status(), 200, "{call}");
            let (head, body) = response.into_parts();
            let collected = timeout(Duration::from_secs(5), body.collect()).await;
            let collected = collected.unwrap_or_else(|_| panic!("{call} hangs")).unwrap();
            let trailers = collected.trailers().cloned().unwrap_or_default();
            let status = head.headers.get("grpc-status").or(trailers.get("grpc-status"));
            assert!(status.is_some(), "{call}: {head:?}");
        }
    }
    // Random members may have been added, but not by voters: bad addresses are refused.
    still_serves(&client).await;
}

/// How many files a process may open here.
fn files_max() -> usize {
    let output = std::process::Command::new("sh").args(["-c", "ulimit -n"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap_or(usize::MAX)
}

/// The member is a process of its own, so that each side may have as many.
#[tokio::test]
async fn ten_thousand_idle_connections_keep_nobody_out() {
    let dir = process::Dir::new("idle");
    let member = process::Member::new("m");
    let all = [member.clone()];
    let _server = process::Server::start(process::Kind::Mini, &dir, &member, &all, &[]);
    let env = harness_env::real::Machine::new("client", dir.path()).env();
    let tasks = env.tasks();
    let client = Client::connect(&env, &tasks, member.client).await;
    let (mut idle, many) = (Vec::new(), 10_000.min(files_max() - 200));
    while idle.len() < many {
        let addr = if idle.len() % 2 == 0 { member.client } else { member.peer };
        idle.push(env.connect(addr).await.unwrap());
    }
    still_serves(&Client::connect(&env, &tasks, member.client).await).await;
    still_serves(&client).await;
    drop(idle);
}
