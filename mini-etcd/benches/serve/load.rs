//! What is asked of a server, and how fast it answers.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use anatomy_proto::etcdserverpb::kv_client::KvClient;
use anatomy_proto::etcdserverpb::watch_client::WatchClient;
use anatomy_proto::etcdserverpb::watch_request::RequestUnion;
use anatomy_proto::etcdserverpb::{
    PutRequest, RangeRequest, WatchCreateRequest, WatchRequest, WatchResponse,
};
use bytes::Bytes;
use futures_util::future::join_all;
use harness_env::{Env, Tasks};
use tokio::time::{Instant, sleep};
use tokio_stream::StreamExt;
use tonic::Streaming;

use crate::channel::Channel;

const KEYS: usize = 1000;
const VALUE_BYTES: usize = 256;
/// Streams on one connection.
const WATCHERS_PER_CONNECTION: usize = 50;
/// How long a server is warmed up.
const WARM_UP: Duration = Duration::from_millis(500);

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub enum Load {
    /// So many clients put 256 bytes each time.
    Put {
        /// Their number.
        clients: usize,
    },
    /// So many clients read a key, through a quorum.
    Get {
        /// Their number.
        clients: usize,
    },
    /// A change of a key is told to so many watchers, then the next is made.
    Watch {
        /// Their number.
        watchers: usize,
    },
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Load::Put { clients } => write!(f, "put, {clients} clients"),
            Load::Get { clients } => write!(f, "get, {clients} clients"),
            Load::Watch { watchers } => write!(f, "events, {watchers} watchers"),
        }
    }
}

/// How fast it was answered.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// Requests, or events told to one watcher each, in a second.
    pub per_second: f64,
    /// The slowest but one in a hundred: of requests, or of the time until all watchers are told.
    pub p99: Duration,
}

impl Measured {
    fn new(mut latencies: Vec<Duration>, each: usize, took: Duration) -> Self {
        latencies.sort_unstable();
        let p99 = latencies.get(latencies.len() * 99 / 100).copied().unwrap_or_default();
        Measured { per_second: (latencies.len() * each) as f64 / took.as_secs_f64(), p99 }
    }
}

fn key(n: usize) -> Bytes {
    format!("/bench/{:06}", n % KEYS).into()
}

fn put(n: usize) -> PutRequest {
    PutRequest { key: key(n), value: vec![b'v'; VALUE_BYTES].into(), ..PutRequest::default() }
}

fn kv(channel: &Channel) -> KvClient<Channel> {
    KvClient::with_origin(channel.clone(), channel.origin.clone())
}

/// A connection, once the server answers.
async fn connect(env: &Env, tasks: &Tasks, addr: SocketAddr) -> Channel {
    loop {
        if let Some(channel) = Channel::connect(env, tasks, addr).await
            && kv(&channel).put(put(0)).await.is_ok()
        {
            return channel;
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// Puts this load on the server at `addr` for a while.
pub async fn run(env: &Env, addr: SocketAddr, load: Load, time: Duration) -> Measured {
    let tasks = env.tasks();
    let first = connect(env, &tasks, addr).await;
    if let Load::Watch { watchers } = load {
        return watch(env, &tasks, addr, &first, watchers, time).await;
    }
    let (Load::Put { clients } | Load::Get { clients } | Load::Watch { watchers: clients }) = load;
    join_all((0..KEYS).map(|n| {
        let mut kv = kv(&first);
        async move { kv.put(put(n)).await.expect("it answers") }
    }))
    .await;
    let channels = join_all((0..clients).map(|_| connect(env, &tasks, addr))).await;
    let begin = Instant::now() + WARM_UP;
    let end = begin + time;
    let asking = channels.iter().enumerate().map(|(i, channel)| {
        let mut kv = kv(channel);
        async move {
            let mut latencies = Vec::new();
            let mut n = i * 7919;
            loop {
                let asked = Instant::now();
                if asked >= end {
                    return latencies;
                }
                match load {
                    Load::Get { .. } => {
                        let range = RangeRequest { key: key(n), ..RangeRequest::default() };
                        drop(kv.range(range).await.expect("it answers"));
                    }
                    _ => drop(kv.put(put(n)).await.expect("it answers")),
                }
                if asked >= begin {
                    latencies.push(asked.elapsed());
                }
                n += 1;
            }
        }
    });
    let latencies = join_all(asking).await.concat();
    Measured::new(latencies, 1, time)
}

async fn watch(
    env: &Env,
    tasks: &Tasks,
    addr: SocketAddr,
    first: &Channel,
    watchers: usize,
    time: Duration,
) -> Measured {
    let connections = watchers.div_ceil(WATCHERS_PER_CONNECTION);
    let channels = join_all((0..connections).map(|_| connect(env, tasks, addr))).await;
    let mut streams = Vec::new();
    for i in 0..watchers {
        streams.push(watcher(&channels[i % connections]).await);
    }
    let mut latencies = Vec::new();
    let (begin, mut n) = (Instant::now() + WARM_UP, 0);
    loop {
        let asked = Instant::now();
        if asked >= begin + time {
            return Measured::new(latencies, watchers, time);
        }
        let told = join_all(streams.iter_mut().map(|stream| async move {
            let response = stream.message().await.expect("it goes on").expect("it goes on");
            assert_eq!(response.events.len(), 1, "one change at a time");
        }));
        let mut kv = kv(first);
        let (answer, _) = tokio::join!(kv.put(put(n * KEYS)), told);
        answer.expect("it answers");
        if asked >= begin {
            latencies.push(asked.elapsed());
        }
        n += 1;
    }
}

/// A watch of the first key, once it is there.
async fn watcher(channel: &Channel) -> Streaming<WatchResponse> {
    let mut client = WatchClient::with_origin(channel.clone(), channel.origin.clone());
    let create = WatchCreateRequest { key: key(0), ..WatchCreateRequest::default() };
    let request = WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) };
    let requests = tokio_stream::once(request).chain(tokio_stream::pending());
    let mut stream = client.watch(requests).await.expect("it answers").into_inner();
    let created = stream.message().await.expect("it answers").expect("it goes on");
    assert!(created.created, "the first answer says so");
    stream
}
