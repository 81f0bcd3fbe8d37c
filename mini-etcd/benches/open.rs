//! How long a member takes to open 100,000 keys: from its start to its first answer, with a snapshot
//! of 90,010 and the rest in the log, as it lies on disk with etcd's default of 10,000 entries between
//! snapshots. Its election takes 50 ms of that.
//!
//! `cargo bench -p mini-etcd --bench open`

#[path = "../tests/server/channel.rs"]
#[allow(dead_code, reason = "tests use more of it")]
mod channel;

#[path = "../tests/port/mod.rs"]
mod port;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anatomy_proto::etcdserverpb::kv_client::KvClient;
use anatomy_proto::etcdserverpb::{InternalRaftRequest, PutRequest, RangeRequest};
use anatomy_proto::raftpb::{ConfChange, ConfState, Entry, EntryType, HardState, SnapshotMetadata};
use bytes::Bytes;
use channel::Channel;
use harness_env::real::Machine;
use mini_etcd::Profile;
use mini_etcd::server::membership::{ChangeContext, Membership};
use mini_etcd::server::state::State;
use mini_etcd::server::{Config, apply, run};
use mini_etcd::storage::Storage;
use mini_etcd::storage::record::Identity;
use mini_etcd::storage::snap::{Draft, Head};
use prost::Message;
use tokio::time::Instant;

const KEYS: u64 = 100_000;
const IN_SNAPSHOT: u64 = 90_010;
const VALUE_BYTES: usize = 100;
const ROUNDS: usize = 5;

fn put(n: u64) -> InternalRaftRequest {
    let key = Bytes::from(format!("/registry/pods/default/pod-{n:06}"));
    let value = Bytes::from(vec![b'v'; VALUE_BYTES]);
    let put = Some(PutRequest { key, value, ..PutRequest::default() });
    InternalRaftRequest { put, ..InternalRaftRequest::default() }
}

/// Writes what a member of that many puts has on its disk.
async fn fill(root: &Path, config: &Config) {
    let disk = Machine::new("etcd", root).env().disk();
    let cluster = Membership::initial(&config.initial_cluster, &config.token);
    let member = cluster.members.values().next().expect("one member").clone();
    let identity = Identity { member: member.id, cluster: cluster.id };
    let mut storage = Storage::create(disk, &config.data_dir, identity).await.expect("a disk");
    let context = ChangeContext { member: member.clone(), promote: false };
    let change = ConfChange {
        node_id: member.id,
        context: context.encode_to_vec().into(),
        ..ConfChange::default()
    };
    let mut entries = vec![Entry {
        term: 1,
        index: 1,
        r#type: EntryType::EntryConfChange.into(),
        data: change.encode_to_vec().into(),
    }];
    let mut state = State::new(cluster, config.election);
    for n in 1..=KEYS {
        let (request, index) = (put(n), n + 1);
        let data = request.encode_to_vec().into();
        entries.push(Entry { term: 1, index, data, ..Entry::default() });
        apply::apply(&mut state, request, Instant::now()).expect("a put");
        if n % 1000 == 0 || n == IN_SNAPSHOT {
            let hard = HardState { term: 1, vote: member.id, commit: index };
            storage.wal.save(Some(&hard), &entries, n == KEYS).await.expect("room");
            entries.clear();
        }
        if n == IN_SNAPSHOT {
            let conf_state = Some(ConfState { nodes: vec![member.id], learners: vec![] });
            let metadata = SnapshotMetadata { conf_state, index, term: 1 };
            let mut draft = Draft::new(&Head { metadata, base: None });
            draft.append(|bytes| bytes.extend(state.encode()));
            let written = storage.write_snapshot(draft).await.expect("room");
            storage.adopt(written).await.expect("room");
            storage.wal.release(index).await.expect("files to remove");
        }
    }
}

/// Starts the member and asks until it answers with the last key.
async fn open(root: &Path, config: Config, addr: SocketAddr) -> Duration {
    let env = Machine::new("etcd", root).env();
    let tasks = env.tasks();
    let begun = Instant::now();
    let member = tasks.spawn_owned({
        let env = env.clone();
        async move { run(env, config, std::future::pending()).await.expect("a member") }
    });
    let key = put(KEYS).put.expect("a put").key;
    loop {
        if let Some(channel) = Channel::connect(&env, &tasks, addr).await {
            let mut kv = KvClient::with_origin(channel.clone(), channel.origin.clone());
            let request = RangeRequest { key: key.clone(), ..RangeRequest::default() };
            if let Ok(found) = kv.range(request).await {
                assert_eq!(found.into_inner().kvs.len(), 1, "the last key is there");
                let took = begun.elapsed();
                drop(member);
                // Its tasks end when the runtime comes to them.
                while std::net::TcpListener::bind(addr).is_err() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                return took;
            }
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn main() {
    let root = std::env::temp_dir().join(format!("mini-etcd-bench-{}", std::process::id()));
    std::fs::create_dir_all(&root).expect("a temporary directory");
    let (client, peer) = (port::free(), port::free());
    let mut config = Config::new("default", client, peer, Profile::V3_4);
    (config.heartbeat, config.election) = (Duration::from_millis(5), Duration::from_millis(25));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let mut times: Vec<Duration> = runtime.expect("a runtime").block_on(async {
        fill(&root, &config).await;
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            times.push(open(&root, config.clone(), client).await);
        }
        times
    });
    drop(std::fs::remove_dir_all(&root));
    times.sort_unstable();
    println!(
        "opening {KEYS} keys of {VALUE_BYTES} bytes: median {:?}, worst {:?} (of {ROUNDS})",
        times[ROUNDS / 2],
        times[ROUNDS - 1]
    );
}
