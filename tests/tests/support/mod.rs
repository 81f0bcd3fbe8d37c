//! A cluster of etcd members, and somebody who writes to it.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anatomy_proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use anatomy_proto::etcdserverpb::request_op::Request;
use anatomy_proto::etcdserverpb::response_op::Response;
use anatomy_proto::etcdserverpb::{
    Compare, PutRequest, RangeRequest, RequestOp, TxnRequest, TxnResponse,
};
use bytes::Bytes;
use harness_env::Env;
use mini_etcd::Profile;
use mini_etcd::client::{Client, Error, Generation};
use mini_etcd::server;
use tokio::time::{sleep, timeout};

const CLIENT_PORT: u16 = 2379;
const PEER_PORT: u16 = 2380;
/// Longer than a member takes to say that it could not (7 s).
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Where a member runs.
#[derive(Clone, Debug)]
pub struct Member {
    pub name: String,
    pub zone: String,
    pub ip: IpAddr,
}

impl Member {
    pub fn client_addr(&self) -> SocketAddr {
        (self.ip, CLIENT_PORT).into()
    }

    pub fn peer_addr(&self) -> SocketAddr {
        (self.ip, PEER_PORT).into()
    }
}

/// Members called by their zone and a number: `a1`, `a2`, `b1`.
pub fn members(zones: &str, mut ip: impl FnMut(&str) -> IpAddr) -> Vec<Member> {
    let mut members: Vec<Member> = Vec::new();
    for zone in zones.chars().map(String::from) {
        let nth = members.iter().filter(|m| m.zone == zone).count() + 1;
        let name = format!("{zone}{nth}");
        members.push(Member { ip: ip(&name), name, zone });
    }
    members
}

/// What `member` is told when all of `members` begin together.
pub fn config(member: &Member, members: &[Member]) -> server::Config {
    let (client, peer) = (member.client_addr(), member.peer_addr());
    let mut config = server::Config::new(&member.name, client, peer, Profile::V3_2_9);
    config.initial_cluster = members.iter().map(|m| (m.name.clone(), m.peer_addr())).collect();
    config
}

/// A member's program.
pub async fn run_member(env: Env, config: server::Config) -> Result<(), String> {
    server::run(env, config, std::future::pending()).await.map_err(|e| e.to_string())
}

/// A pair with the revision that made it.
pub type Pair = (String, String, i64);

/// Somebody with a connection to each member.
pub struct Session {
    clients: Vec<(String, Client)>,
    turn: usize,
}

impl Session {
    pub fn new(env: &Env, members: &[Member]) -> Session {
        let client = |member: &Member| {
            let endpoints = vec![member.client_addr()];
            let config = mini_etcd::client::Config { endpoints, generation: Generation::Grpc105 };
            (member.name.clone(), Client::new(env, &member.name, config))
        };
        Session { clients: members.iter().map(client).collect(), turn: 0 }
    }

    /// The client of one member.
    pub fn client(&self, member: &str) -> &Client {
        let found = self.clients.iter().find(|(name, _)| name == member);
        &found.unwrap_or_else(|| panic!("no member is called {member}")).1
    }

    /// Makes a key and returns the revision that did, asking one member after the other until one
    /// acknowledges it. A request that was applied without its answer arriving makes nothing twice.
    pub async fn create(&mut self, key: &str, value: &str) -> i64 {
        loop {
            let (_, client) = &self.clients[self.turn % self.clients.len()];
            match timeout(PATIENCE, client.txn(create_once(key, value))).await {
                Ok(Ok(answer)) => return created_at(&answer),
                Ok(Err(_)) | Err(_) => {
                    self.turn += 1;
                    sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    /// Everything that a member has, whether or not it is the newest.
    pub async fn pairs(&self, member: &str, serializable: bool) -> Result<Vec<Pair>, String> {
        let request = RangeRequest {
            key: Bytes::from_static(b"\0"),
            range_end: Bytes::from_static(b"\0"),
            serializable,
            ..RangeRequest::default()
        };
        let answer = timeout(PATIENCE, self.client(member).range(request)).await;
        let answer = answer.map_err(|_| "no answer".to_owned())?.map_err(|e| e.to_string())?;
        let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
        Ok(answer.kvs.iter().map(|kv| (text(&kv.key), text(&kv.value), kv.mod_revision)).collect())
    }

    /// Puts a pair through one member, once.
    pub async fn put(&self, member: &str, key: &str) -> Result<i64, Error> {
        let put = PutRequest { key: key.to_owned().into(), ..PutRequest::default() };
        let answer = self.client(member).put(put).await?;
        Ok(answer.header.map_or(0, |header| header.revision))
    }
}

/// Makes a pair unless the key is there; either way, reads it.
fn create_once(key: &str, value: &str) -> TxnRequest {
    let key = Bytes::copy_from_slice(key.as_bytes());
    let op = |request| RequestOp { request: Some(request) };
    let put = PutRequest {
        key: key.clone(),
        value: Bytes::copy_from_slice(value.as_bytes()),
        ..PutRequest::default()
    };
    let range = || Request::RequestRange(RangeRequest { key: key.clone(), ..Default::default() });
    TxnRequest {
        compare: vec![Compare {
            result: CompareResult::Equal as i32,
            target: CompareTarget::Version as i32,
            key: key.clone(),
            target_union: Some(TargetUnion::Version(0)),
            ..Compare::default()
        }],
        success: vec![op(Request::RequestPut(put)), op(range())],
        failure: vec![op(range())],
    }
}

fn created_at(answer: &TxnResponse) -> i64 {
    match answer.responses.last().and_then(|op| op.response.as_ref()) {
        Some(Response::ResponseRange(range)) => range.kvs[0].create_revision,
        other => panic!("the last operation is a range: {other:?}"),
    }
}
