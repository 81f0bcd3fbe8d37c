use anatomy_proto::raftpb::{ConfChangeType, Entry, Message, MessageType};
use mini_etcd::raft::{Config, Error, ProgressState, Role};

use super::*;

#[test]
fn what_a_majority_has_saved_is_committed_everywhere() {
    let mut cluster = led_by_one(5);
    cluster.crash(4);
    cluster.crash(5);
    propose(&mut cluster, 1, "x");
    cluster.deliver_all();
    for id in [1, 2, 3] {
        assert_eq!(status(&mut cluster, id).commit, 2);
    }
}

#[test]
fn without_a_majority_nothing_is_committed() {
    let mut cluster = led_by_one(3);
    cluster.crash(2);
    cluster.crash(3);
    propose(&mut cluster, 1, "x");
    cluster.deliver_all();
    assert_eq!(status(&mut cluster, 1).commit, 1);
}

#[test]
fn a_cluster_of_one_commits_only_what_it_has_saved() {
    let mut cluster = led_by_one(1);
    cluster.prompt = false;
    propose(&mut cluster, 1, "x");
    cluster.node(1).take();
    assert_eq!(status(&mut cluster, 1).commit, 1);
    cluster.node(1).finish();
    assert_eq!(status(&mut cluster, 1).commit, 2);
}

#[test]
fn only_a_leader_of_a_saved_term_sends_before_it_has_saved() {
    let mut cluster = led_by_one(3);
    cluster.prompt = false;
    propose(&mut cluster, 1, "x");
    let append = cluster.node(1).take();
    assert_eq!(kinds(&append), [MessageType::MsgApp, MessageType::MsgApp]);
    let follower = cluster.node(2);
    follower.step(append[0].clone());
    assert!(follower.take().is_empty(), "an acknowledgement promises what is saved");
    assert_eq!(kinds(&follower.finish()), [MessageType::MsgAppResp]);

    let mut lone = led_by_one(1);
    let learner = super::membership::change(ConfChangeType::ConfChangeAddLearnerNode, 2);
    lone.with(1, |n| n.propose_change(&learner));
    lone.crash(1);
    lone.start(1);
    lone.node(1).work();
    lone.node(1).campaign(); // elected at once, in a term that nobody has written down
    assert_eq!(status(&mut lone, 1).role, Role::Leader);
    assert!(lone.node(1).take().is_empty());
    assert!(!lone.node(1).finish().is_empty());
}

/// Raft's figure 8: an entry of an old term is on a majority, and yet not committed, because a
/// member with a later entry could still be elected and replace it.
#[test]
fn an_entry_of_an_earlier_term_is_not_committed_by_counting() {
    let mut cluster = members(3, Config { check_quorum: false, ..Config::new(1) });
    elect(&mut cluster, 1);
    isolate(&mut cluster, &[1]);
    propose(&mut cluster, 1, "old");
    cluster.deliver_all();
    cluster.crash(1);
    cluster.start(1);
    cluster.cut(0);
    win(&mut cluster, 1, 2);
    // The old entry reaches 2 before the new term's does.
    let leading = status(&mut cluster, 1);
    assert_eq!((leading.role, leading.last_index), (Role::Leader, 3));
    let ack = from(2, leading.term, MessageType::MsgAppResp);
    cluster.with(1, |n| n.step(Message { index: 2, ..ack.clone() }));
    assert_eq!(status(&mut cluster, 1).commit, 1);
    cluster.with(1, |n| n.step(Message { index: 3, ..ack }));
    assert_eq!(status(&mut cluster, 1).commit, 3);
}

#[test]
fn a_leader_cut_off_with_entries_of_its_own_takes_its_successors_instead() {
    let mut cluster = led_by_one(3);
    isolate(&mut cluster, &[1]);
    for _ in 0..20 {
        propose(&mut cluster, 1, "lost");
    }
    rounds(&mut cluster, 30);
    let successor = cluster.leader().unwrap();
    assert_ne!(successor, 1);
    propose(&mut cluster, successor, "kept");
    cluster.deliver_all();
    cluster.cut(0);
    rounds(&mut cluster, 40);
    let hash = cluster.node(successor).machine.hash;
    assert_eq!(cluster.node(1).machine.hash, hash);
    assert_eq!(status(&mut cluster, 1).commit, status(&mut cluster, 2).commit);
}

#[test]
fn a_follower_forwards_proposals_to_its_leader() {
    let mut cluster = led_by_one(3);
    assert!(propose(&mut cluster, 2, "x"));
    cluster.deliver_all();
    assert_eq!(status(&mut cluster, 3).commit, 2);
}

#[test]
fn without_a_leader_proposals_are_dropped() {
    let mut cluster = members(3, Config::new(1));
    let dropped = cluster.node(1).raw.propose("x".into());
    assert_eq!(dropped, Err(Error::ProposalDropped));
    cluster.with(1, Node::campaign);
    assert_eq!(cluster.node(1).raw.propose("x".into()), Err(Error::ProposalDropped));
}

#[test]
fn a_leader_sends_ahead_until_the_window_is_full() {
    let config = Config { max_inflight_msgs: 3, ..Config::new(1) };
    let mut cluster = members(3, config);
    elect(&mut cluster, 1);
    for _ in 0..10 {
        propose(&mut cluster, 1, "x");
    }
    assert_eq!(sent(&cluster, 1, 2).len(), 3);
    cluster.deliver_all();
    assert_eq!(status(&mut cluster, 1).commit, 11);
}

#[test]
fn an_append_holds_no_more_than_its_size_allows_but_one_entry_always() {
    let config = Config { max_size_per_msg: 1, ..Config::new(1) };
    let mut cluster = members(3, config);
    elect(&mut cluster, 1);
    cluster.crash(2);
    for _ in 0..3 {
        propose(&mut cluster, 1, "x");
    }
    cluster.deliver_all();
    cluster.start(2);
    let term = status(&mut cluster, 1).term;
    // It says that it lacks all three; the leader sends them one by one.
    let ack = Message { index: 1, ..from(2, term, MessageType::MsgAppResp) };
    let mut refusal = Message { reject: true, reject_hint: 1, log_term: term, ..ack };
    refusal.index = status(&mut cluster, 1).progress[&2].next - 1;
    cluster.with(1, |n| n.step(refusal));
    cluster.with(1, |n| n.step(from(2, term, MessageType::MsgHeartbeatResp)));
    let appends = sent(&cluster, 1, 2);
    assert!(!appends.is_empty());
    assert!(appends.iter().all(|m| m.entries.len() <= 1));
}

#[test]
fn an_unreachable_member_is_probed() {
    let mut cluster = led_by_one(3);
    assert_eq!(status(&mut cluster, 1).progress[&2].state, ProgressState::Replicate);
    cluster.with(1, |n| n.unreachable(2));
    assert_eq!(status(&mut cluster, 1).progress[&2].state, ProgressState::Probe);
    propose(&mut cluster, 1, "x");
    propose(&mut cluster, 1, "y");
    assert_eq!(sent(&cluster, 1, 2).len(), 1, "one probe, then silence until it is answered");
    cluster.deliver_all();
    assert_eq!(status(&mut cluster, 1).progress[&2].state, ProgressState::Replicate);
}

#[test]
fn a_refusal_names_the_last_entry_that_can_agree() {
    let mut cluster = members(3, Config::new(1));
    let entry = |index, term| Entry { index, term, ..Default::default() };
    let entries = vec![entry(1, 1), entry(2, 1), entry(3, 4), entry(4, 4)];
    let append = from(2, 4, MessageType::MsgApp);
    cluster.with(1, |n| n.step(Message { entries, ..append }));
    let probe = from(3, 5, MessageType::MsgApp);
    cluster.with(1, |n| n.step(Message { index: 6, log_term: 3, ..probe }));
    let refusal = &sent(&cluster, 1, 3)[0];
    assert!(refusal.reject);
    assert_eq!((refusal.index, refusal.reject_hint, refusal.log_term), (6, 2, 1));
}

#[test]
fn a_member_whose_disk_forgot_what_it_acknowledged_stops() {
    let mut cluster = led_by_one(3);
    propose(&mut cluster, 1, "x");
    cluster.deliver_all();
    cluster.crash(2);
    cluster.slots.get_mut(&2).unwrap().disk = super::raft_support::member::blank(&[1, 2, 3]);
    cluster.start(2);
    let heartbeat = Message { commit: 2, ..from(1, 1, MessageType::MsgHeartbeat) };
    let lost = cluster.node(2).raw.step(heartbeat).unwrap_err();
    assert_eq!(lost, Error::LogLost { commit: 2, last: 0 });
}
