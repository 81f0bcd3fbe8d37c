//! Raft, one mechanism at a time, on a few members of ours.

#[path = "../raft_support/mod.rs"]
mod raft_support;

mod election;
mod membership;
mod outside;
mod reads;
mod replication;
mod snapshot;
mod transfer;

use anatomy_proto::raftpb::{Message, MessageType};
use bytes::Bytes;
use mini_etcd::raft::{Config, Status};

use raft_support::cluster::{Cluster, Node};
use raft_support::member::Member;

type Members = Cluster<Member>;

fn members(size: u64, config: Config) -> Members {
    Cluster::new(size, config, 1, Box::new(|_, _| {}))
}

/// Members with etcd's settings, of whom the first leads.
fn led_by_one(size: u64) -> Members {
    let mut cluster = members(size, Config::new(1));
    elect(&mut cluster, 1);
    cluster
}

fn elect(cluster: &mut Members, id: u64) {
    cluster.with(id, Node::campaign);
    cluster.deliver_all();
    assert_eq!(cluster.leader(), Some(id));
}

/// Lets `id` win by the vote of `voter`, of whom nothing else is heard yet.
fn win(cluster: &mut Members, id: u64, voter: u64) {
    cluster.with(id, Node::campaign);
    for (from, to) in [(id, voter), (voter, id)] {
        let vote = cluster.links.get_mut(&(from, to)).unwrap().pop_back().unwrap();
        cluster.arrive(from, to, vote);
    }
}

fn propose(cluster: &mut Members, id: u64, data: &'static str) -> bool {
    cluster.with(id, |n| n.propose(data.into())).unwrap()
}

fn status(cluster: &mut Members, id: u64) -> Status {
    cluster.node(id).raw.status()
}

/// Cuts these members off from all others.
fn isolate(cluster: &mut Members, ids: &[u64]) {
    cluster.cut(ids.iter().fold(0, |side, id| side | 1 << id));
}

fn rounds(cluster: &mut Members, n: u32) {
    for _ in 0..n {
        cluster.round();
    }
}

/// What waits on the link between two members.
fn sent(cluster: &Members, from: u64, to: u64) -> Vec<Message> {
    cluster.links.get(&(from, to)).into_iter().flatten().cloned().collect()
}

fn kinds(messages: &[Message]) -> Vec<MessageType> {
    messages.iter().map(Message::r#type).collect()
}

/// A message as a peer would send it.
fn from(sender: u64, term: u64, kind: MessageType) -> Message {
    Message { r#type: kind.into(), from: sender, term, ..Default::default() }
}

fn ctx(name: &'static str) -> Bytes {
    Bytes::from_static(name.as_bytes())
}
