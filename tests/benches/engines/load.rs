//! The leader and those it sends to, the same for every engine.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anatomy_proto::etcdserverpb::watch_client::WatchClient;
use anatomy_proto::etcdserverpb::watch_request::RequestUnion;
use anatomy_proto::etcdserverpb::{WatchCreateRequest, WatchRequest};
use anatomy_tests::rpc::{Channel, Counters, Exec, Service, connect, serve};
use bytes::Bytes;
use futures_util::stream;
use harness_env::Env;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use crate::Load;

pub const PORT: u16 = 2380;
/// etcd's heartbeat.
const INTERVAL: Duration = Duration::from_millis(100);
/// With its two tags and lengths the message is 64 bytes.
const KEY: [u8; 60] = [b'k'; 60];

/// Serves everyone who connects.
pub async fn follow(env: Env, service: Service) -> Result<(), String> {
    let tasks = env.tasks();
    let listener = env.listen_port(PORT).await.map_err(|e| e.to_string())?;
    loop {
        let stream = listener.accept().await.map_err(|e| e.to_string())?;
        tasks.spawn(serve(stream, Exec::Tasks(tasks.executor()), service.clone()));
    }
}

/// Connects to `followers`, says when it is ready, and leads.
pub async fn lead_from(
    env: Env,
    followers: Vec<std::net::SocketAddr>,
    load: Load,
    ready: Arc<watch::Sender<bool>>,
) -> Result<(), String> {
    let tasks = env.tasks();
    let mut channels = Vec::new();
    for addr in followers {
        let stream = loop {
            match env.connect(addr).await {
                Ok(stream) => break stream,
                Err(_) => tokio::time::sleep(INTERVAL).await,
            }
        };
        let exec = Exec::Tasks(tasks.executor());
        channels.push(connect(stream, exec).await.map_err(|e| e.to_string())?);
    }
    lead(channels, load, &ready).await
}

/// Opens a stream on each channel and wakes for ever.
pub async fn lead(
    channels: Vec<Channel>,
    load: Load,
    ready: &watch::Sender<bool>,
) -> Result<(), String> {
    let mut streams = Vec::new();
    for channel in channels {
        let (sender, receiver) = mpsc::channel(16);
        let messages = stream::unfold(receiver, |mut receiver| async move {
            receiver.recv().await.map(|message| (message, receiver))
        });
        let mut client = WatchClient::with_origin(channel, Channel::origin());
        let answers = client.watch(messages).await.map_err(|e| e.to_string())?.into_inner();
        streams.push((sender, answers));
    }
    ready.send_replace(true);
    let mut at = Instant::now();
    loop {
        at += INTERVAL;
        sleep_until(at).await;
        if load == Load::Heartbeats {
            for (sender, _) in &streams {
                sender.send(message()).await.map_err(|e| e.to_string())?;
            }
        }
    }
}

fn message() -> WatchRequest {
    let create = WatchCreateRequest { key: Bytes::from_static(&KEY), ..Default::default() };
    WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) }
}

/// A time without its messages would be no time for the load.
pub fn assert_carried(counters: &Counters, n: usize, load: Load, simulated: Duration) {
    let carried = counters.messages.load(Ordering::Relaxed);
    match load {
        Load::Idle => assert_eq!(carried, 0),
        Load::Heartbeats => {
            let rounds = simulated.as_millis() as u64 / INTERVAL.as_millis() as u64;
            let expected = rounds.saturating_sub(2) * (n as u64 - 1);
            assert!(carried >= expected, "{carried} messages of {expected} in {simulated:?}");
        }
    }
}
