use anatomy_proto::raftpb::MessageType;
use mini_etcd::raft::{ProgressState, Storage};

use super::*;

/// Member 3 slept while the others wrote and compacted their logs.
fn sleeper() -> Members {
    let mut cluster = led_by_one(3);
    cluster.crash(3);
    for _ in 0..10 {
        propose(&mut cluster, 1, "x");
        cluster.deliver_all();
    }
    cluster.with(1, |n| n.compact(0));
    cluster.start(3);
    cluster
}

fn has_caught_up(cluster: &mut Members) -> bool {
    let state = cluster.node(3).machine.hash;
    state == cluster.node(1).machine.hash
}

/// Rounds without the transport's own report on snapshots.
fn silent_rounds(cluster: &mut Members, n: u32) {
    for _ in 0..n {
        for id in cluster.alive() {
            cluster.with(id, Node::tick);
        }
        while let Some(link) =
            cluster.links.iter().find(|(_, q)| !q.is_empty()).map(|(&link, _)| link)
        {
            let message = cluster.links.get_mut(&link).unwrap().pop_front().unwrap();
            if message.r#type() != MessageType::MsgSnap {
                cluster.arrive(link.0, link.1, message);
            }
        }
    }
}

#[test]
fn a_member_too_far_behind_for_entries_gets_a_snapshot() {
    let mut cluster = sleeper();
    rounds(&mut cluster, 3);
    assert!(has_caught_up(&mut cluster));
    assert_eq!(status(&mut cluster, 1).progress[&3].state, ProgressState::Replicate);
    propose(&mut cluster, 1, "y");
    cluster.deliver_all();
    assert!(has_caught_up(&mut cluster));
}

#[test]
fn a_restored_member_starts_its_log_behind_the_snapshot() {
    let mut cluster = sleeper();
    rounds(&mut cluster, 3);
    let storage = cluster.node(3).storage.clone();
    assert_eq!((storage.first_index(), storage.last_index()), (12, 11));
    cluster.crash(3);
    cluster.start(3);
    assert!(has_caught_up(&mut cluster));
}

#[test]
fn nothing_is_sent_to_a_member_whose_snapshot_is_on_its_way() {
    let mut cluster = sleeper();
    silent_rounds(&mut cluster, 3);
    assert_eq!(status(&mut cluster, 1).progress[&3].state, ProgressState::Snapshot);
    propose(&mut cluster, 1, "y");
    assert!(sent(&cluster, 1, 3).is_empty());
}

#[test]
fn a_snapshot_that_failed_is_sent_again_after_the_next_heartbeat() {
    let mut cluster = sleeper();
    silent_rounds(&mut cluster, 3);
    cluster.with(1, |n| n.snapshot_report(3, false));
    assert!(sent(&cluster, 1, 3).is_empty());
    rounds(&mut cluster, 3);
    assert!(has_caught_up(&mut cluster));
}

#[test]
fn a_member_that_has_the_entries_does_not_take_a_snapshot_of_them() {
    let mut cluster = led_by_one(3);
    propose(&mut cluster, 1, "x");
    cluster.deliver_all();
    let term = status(&mut cluster, 1).term;
    let leader = cluster.node(1);
    leader.compact(0);
    let snapshot = Some(leader.storage.snapshot().unwrap());
    let offer = from(1, term, MessageType::MsgSnap);
    cluster.with(2, |n| n.step(Message { snapshot, ..offer }));
    assert_eq!(cluster.node(2).storage.first_index(), 1);
    assert_eq!(sent(&cluster, 2, 1)[0].index, 2);
}
