//! What a client sees of a member below gRPC: when it answers, what its SETTINGS say, how it
//! leaves.

use std::time::Duration;

use anatomy_proto::etcdserverpb::WatchRequest;
use harness_env::Stream;
use mini_etcd::Profile;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::world::World;

/// A connection on which the HTTP/2 preface and empty SETTINGS were sent.
async fn greeted(world: &World, i: usize) -> Box<dyn Stream> {
    let addr = world.members[i].config.client_addrs[0];
    let mut stream = loop {
        match world.env.connect(addr).await {
            Ok(stream) => break stream,
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    };
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
    stream
}

/// The next frame: its type and payload.
async fn frame(stream: &mut Box<dyn Stream>) -> (u8, Vec<u8>) {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.unwrap();
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).await.unwrap();
    (head[3], payload)
}

/// The MAX_CONCURRENT_STREAMS of the first frame, which is SETTINGS.
async fn stream_limit(stream: &mut Box<dyn Stream>) -> Option<u32> {
    let (kind, payload) = frame(stream).await;
    assert_eq!(kind, 4, "the first frame is SETTINGS");
    let mut settings = payload.chunks(6);
    let limit = settings.find(|setting| setting[..2] == [0, 3])?;
    Some(u32::from_be_bytes(limit[2..].try_into().unwrap()))
}

#[tokio::test]
async fn the_stream_limit_is_advertised_from_3_2_3_on() {
    let cases = [
        (Profile::V3_1_8, None),
        (Profile::V3_2_9, Some(u32::MAX)),
        (Profile::V3_4, Some(u32::MAX)),
    ];
    for (profile, expected) in cases {
        let world = World::new(&format!("limit-{profile}"), 1, profile);
        let mut stream = greeted(&world, 0).await;
        assert_eq!(stream_limit(&mut stream).await, expected, "{profile}");
    }
}

#[tokio::test]
async fn a_member_that_is_not_ready_lets_clients_connect_and_says_nothing() {
    let mut world = World::new("mute", 3, Profile::V3_2_9);
    world.kill(1).await;
    world.kill(2).await;
    let mut stream = greeted(&world, 0).await;
    let silence = tokio::time::timeout(Duration::from_secs(1), stream.read_u8()).await;
    assert!(silence.is_err(), "no quorum, so nothing to say: {silence:?}");
    world.start(1);
    // The same connection, once the member is part of the cluster.
    assert_eq!(stream_limit(&mut stream).await, Some(u32::MAX));
}

#[tokio::test]
async fn a_3_2_member_says_goaway_and_lets_a_watch_run_for_seven_seconds() {
    let mut world = World::new("goaway", 1, Profile::V3_2_9);
    let client = world.client(0).await;
    let none = tokio_stream::pending::<WatchRequest>();
    let mut watch = client.watch().watch(none).await.unwrap().into_inner();
    let mut stream = greeted(&world, 0).await;
    let limit = world.members[0].config.request_timeout();
    let begun = tokio::time::Instant::now();
    let ((), ended) = tokio::join!(world.stop(0), async {
        drop(watch.message().await);
        begun.elapsed()
    });
    assert!(ended >= limit.min(Duration::from_secs(5)), "the watch ended after {ended:?}");
    let mut kinds = Vec::new();
    while kinds.last() != Some(&7) {
        kinds.push(frame(&mut stream).await.0);
    }
}

#[tokio::test]
async fn a_3_1_member_leaves_without_a_word() {
    let mut world = World::new("gone", 1, Profile::V3_1_8);
    world.client(0).await;
    let mut stream = greeted(&world, 0).await;
    assert_eq!(stream_limit(&mut stream).await, None);
    world.stop(0).await;
    let mut rest = Vec::new();
    drop(stream.read_to_end(&mut rest).await);
    let mut kinds = Vec::new();
    while let Some((head, after)) = rest.split_at_checked(9) {
        kinds.push(head[3]);
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        rest = after[length..].to_vec();
    }
    assert!(!kinds.contains(&7), "no GOAWAY among {kinds:?}");
}
