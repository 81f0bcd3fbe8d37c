//! What is wrong with what a member answers.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anatomy_proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use anatomy_proto::etcdserverpb::kv_client::KvClient;
use anatomy_proto::etcdserverpb::request_op::Request;
use anatomy_proto::etcdserverpb::watch_client::WatchClient;
use anatomy_proto::etcdserverpb::watch_request::RequestUnion;
use anatomy_proto::etcdserverpb::{
    Compare, PutRequest, RequestOp, TxnRequest, WatchCreateRequest, WatchRequest,
};
use harness_sim::MachineSpec;
use mini_etcd::Profile;
use mini_etcd::defects::{Defect, Defects};
use mini_etcd::server::{Config, run};
use tokio_stream::StreamExt;

use crate::channel::Channel;
use crate::suspended::{self, Renewal};
use crate::without_and_with;

/// What `task` comes to as a client of one member, in a run.
fn asked<T, F>(defects: Defects, task: impl FnOnce(Channel) -> F + Send + 'static) -> T
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let machines = harness_sim::Config::new(1)
        .machine(MachineSpec::new("etcd"))
        .machine(MachineSpec::new("client"));
    let report = harness_sim::run(machines, move |world| async move {
        let addr = |port| SocketAddr::new(world.ip("etcd"), port);
        let (client, peer) = (addr(2379), addr(2380));
        let config = Config { defects, ..Config::new("etcd", client, peer, Profile::V3_4) };
        world.start("etcd", "etcd", |env| async move {
            run(env, config, std::future::pending()).await.map_err(|e| e.to_string())
        });
        let answer = Arc::new(Mutex::new(None));
        let slot = answer.clone();
        let process = world.start("client", "client", move |env| async move {
            let tasks = env.tasks();
            let channel = loop {
                if let Some(channel) = Channel::connect(&env, &tasks, client).await {
                    break channel;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            };
            let answer = task(channel).await;
            *slot.lock().unwrap() = Some(answer);
            Ok(())
        });
        process.exited().await;
        let answer = answer.lock().unwrap().take();
        answer.expect("the client was answered")
    });
    report.result
}

fn put(key: &'static str) -> PutRequest {
    PutRequest { key: key.into(), ..PutRequest::default() }
}

/// Puts all of these in one transaction, if the first is not there yet.
fn create(keys: &[&'static str]) -> TxnRequest {
    let op = |key: &&'static str| RequestOp { request: Some(Request::RequestPut(put(key))) };
    let absent = Compare {
        result: CompareResult::Equal.into(),
        target: CompareTarget::Create.into(),
        key: keys[0].into(),
        target_union: Some(TargetUnion::CreateRevision(0)),
        ..Compare::default()
    };
    TxnRequest {
        compare: vec![absent],
        success: keys.iter().map(op).collect(),
        ..TxnRequest::default()
    }
}

/// The keys in each of the first responses with events to a watch of everything from a revision on,
/// until there are as many events.
async fn told(channel: &Channel, from: i64, events: usize) -> Vec<Vec<String>> {
    let mut watch = WatchClient::with_origin(channel.clone(), channel.origin.clone());
    let create = WatchCreateRequest {
        key: "\0".into(),
        range_end: "\0".into(),
        start_revision: from,
        ..WatchCreateRequest::default()
    };
    let request = WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) };
    let requests = tokio_stream::once(request).chain(tokio_stream::pending());
    let mut stream = watch.watch(requests).await.unwrap().into_inner();
    let mut told: Vec<Vec<String>> = Vec::new();
    while told.iter().flatten().count() < events {
        let response = stream.message().await.unwrap().expect("a watch goes on");
        let key = |kv: anatomy_proto::mvccpb::KeyValue| String::from_utf8(kv.key.to_vec()).unwrap();
        let keys: Vec<String> = response.events.into_iter().filter_map(|e| e.kv.map(key)).collect();
        if !keys.is_empty() {
            told.push(keys);
        }
    }
    told
}

#[test]
fn a_watch_that_catches_up_is_told_the_last_change_of_each_key_alone() {
    let told = without_and_with(Defect::WatchCatchUpLoses, |defects| {
        asked(defects, |channel| async move {
            let mut kv = KvClient::with_origin(channel.clone(), channel.origin.clone());
            for key in ["a", "a", "b"] {
                kv.put(put(key)).await.unwrap();
            }
            told(&channel, 2, 2).await
        })
    });
    assert_eq!(told, [vec![vec!["a", "a", "b"]], vec![vec!["a", "b"]]]);
}

#[test]
fn the_events_of_a_revision_are_told_one_by_one() {
    let told = without_and_with(Defect::WatchSplitsRevision, |defects| {
        asked(defects, |channel| async move {
            let mut kv = KvClient::with_origin(channel.clone(), channel.origin.clone());
            kv.txn(create(&["a", "b"])).await.unwrap();
            told(&channel, 2, 2).await
        })
    });
    assert_eq!(told, [vec![vec!["a", "b"]], vec![vec!["a"], vec!["b"]]]);
}

#[test]
fn two_transactions_both_find_a_key_absent() {
    let succeeded = without_and_with(Defect::CompareOutsideTransaction, |defects| {
        asked(defects, |channel| async move {
            let kv = || KvClient::with_origin(channel.clone(), channel.origin.clone());
            // Once the member is ready.
            kv().put(put("first")).await.unwrap();
            let (mut one, mut two) = (kv(), kv());
            // They arrive together, and it takes a while until the first is durable.
            let (one, two) = tokio::join!(one.txn(create(&["a"])), two.txn(create(&["a"])));
            [one, two].map(|answer| answer.unwrap().into_inner().succeeded)
        })
    });
    assert_eq!(succeeded, [[true, false], [true, true]]);
}

#[test]
fn a_transaction_that_chose_early_says_what_it_chose() {
    let answers = without_and_with(Defect::CompareOutsideTransaction, |defects| {
        asked(defects, |channel| async move {
            let mut kv = KvClient::with_origin(channel.clone(), channel.origin.clone());
            let mut answers = Vec::new();
            for _ in 0..2 {
                let answer = kv.txn(create(&["a", "b"])).await.unwrap().into_inner();
                answers.push((answer.succeeded, answer.responses.len()));
            }
            answers
        })
    });
    assert_eq!(answers[0], [(true, 2), (false, 0)]);
    assert_eq!(answers[0], answers[1], "one at a time there is no difference");
}

#[test]
fn a_lease_that_is_renewed_at_the_successor_is_ended_by_the_clock_of_a_follower() {
    let kept = without_and_with(Defect::LeaseExpiredByFollower, suspended::a_renewed_lease_is_kept);
    assert_eq!(kept, [true, false]);
}

#[test]
fn a_leader_that_was_suspended_renews_a_lease_that_its_successor_ends() {
    let renewals =
        without_and_with(Defect::FormerLeaderDecides, suspended::a_renewal_at_a_former_leader);
    assert_eq!(renewals, [Renewal::Refused, Renewal::Broken]);
}
