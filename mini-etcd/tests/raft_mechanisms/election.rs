use anatomy_proto::raftpb::MessageType;
use mini_etcd::raft::{Config, NONE, Role};

use super::*;

#[test]
fn a_member_without_word_from_a_leader_campaigns_within_two_election_timeouts() {
    let mut cluster = members(3, Config::new(1));
    rounds(&mut cluster, 10);
    assert_eq!(cluster.leader(), None);
    rounds(&mut cluster, 10);
    assert!(cluster.leader().is_some());
}

#[test]
fn a_minority_elects_nobody() {
    let mut cluster = members(5, Config::new(1));
    isolate(&mut cluster, &[1, 2]);
    cluster.with(1, Node::campaign);
    cluster.deliver_all();
    assert_eq!(cluster.leader(), None);
    assert_eq!(status(&mut cluster, 1).role, Role::Candidate);
}

#[test]
fn a_member_votes_once_in_a_term() {
    let mut cluster = members(3, Config::new(1));
    let vote = |candidate| from(candidate, 1, MessageType::MsgVote);
    cluster.with(3, |n| n.step(vote(1)));
    cluster.with(3, |n| n.step(vote(2)));
    assert!(!sent(&cluster, 3, 1)[0].reject);
    assert!(sent(&cluster, 3, 2)[0].reject);
}

#[test]
fn a_vote_survives_a_restart() {
    let mut cluster = members(3, Config::new(1));
    cluster.with(3, |n| n.step(from(1, 1, MessageType::MsgVote)));
    cluster.crash(3);
    cluster.start(3);
    cluster.with(3, |n| n.step(from(2, 1, MessageType::MsgVote)));
    assert!(sent(&cluster, 3, 2)[0].reject);
}

#[test]
fn a_member_with_an_older_log_gets_no_vote() {
    let mut cluster = members(3, Config { check_quorum: false, ..Config::new(1) });
    elect(&mut cluster, 1);
    let voter = status(&mut cluster, 2);
    let ask = |log_term, index| {
        let request = from(3, voter.term + index, MessageType::MsgVote);
        Message { log_term, index, ..request }
    };
    cluster.with(2, |n| n.step(ask(voter.term - 1, 99)));
    assert!(sent(&cluster, 2, 3)[0].reject, "a longer log of an earlier term");
    cluster.with(2, |n| n.step(ask(voter.term, voter.last_index + 99)));
    assert!(!sent(&cluster, 2, 3)[1].reject, "a longer log of the same term");
}

#[test]
fn a_leader_cut_off_from_the_quorum_steps_down() {
    let mut cluster = led_by_one(3);
    isolate(&mut cluster, &[1]);
    rounds(&mut cluster, 21);
    assert_ne!(status(&mut cluster, 1).role, Role::Leader);
    assert_eq!(status(&mut cluster, 1).leader, NONE);
}

#[test]
fn without_quorum_checks_a_leader_that_is_cut_off_goes_on_believing() {
    let mut cluster = members(3, Config { check_quorum: false, ..Config::new(1) });
    elect(&mut cluster, 1);
    isolate(&mut cluster, &[1]);
    rounds(&mut cluster, 50);
    assert_eq!(status(&mut cluster, 1).role, Role::Leader);
}

#[test]
fn members_that_hear_from_a_leader_ignore_candidates() {
    let mut cluster = led_by_one(3);
    let term = status(&mut cluster, 2).term;
    cluster.with(2, |n| n.step(from(3, term + 5, MessageType::MsgVote)));
    assert_eq!(status(&mut cluster, 2).term, term);
    assert!(sent(&cluster, 2, 3).is_empty());
}

#[test]
fn without_leases_any_candidate_unseats_a_leader() {
    let mut cluster = members(3, Config { check_quorum: false, ..Config::new(1) });
    elect(&mut cluster, 1);
    cluster.with(3, Node::campaign);
    cluster.deliver_all();
    assert_eq!(cluster.leader(), Some(3));
}

/// Member 3 is cut off for many elections and comes back.
fn back_from_isolation(pre_vote: bool) -> (u64, u64) {
    let mut cluster = members(3, Config { pre_vote, ..Config::new(1) });
    elect(&mut cluster, 1);
    let before = status(&mut cluster, 1).term;
    isolate(&mut cluster, &[3]);
    rounds(&mut cluster, 100);
    cluster.cut(0);
    rounds(&mut cluster, 40);
    let leader = cluster.leader().unwrap();
    (before, status(&mut cluster, leader).term)
}

#[test]
fn a_member_that_was_cut_off_forces_an_election_when_it_comes_back() {
    let (before, after) = back_from_isolation(false);
    assert!(after > before);
}

#[test]
fn with_pre_votes_a_member_that_was_cut_off_disturbs_nobody() {
    let (before, after) = back_from_isolation(true);
    assert_eq!(after, before);
}

#[test]
fn a_new_leader_opens_its_term_with_an_empty_entry() {
    let mut cluster = led_by_one(3);
    let opened = status(&mut cluster, 2);
    assert_eq!((opened.last_index, opened.commit), (1, 1));
}

#[test]
fn a_member_that_has_not_applied_a_membership_change_does_not_campaign() {
    let mut cluster = led_by_one(3);
    cluster.prompt = false;
    let change = super::membership::change(
        anatomy_proto::raftpb::ConfChangeType::ConfChangeAddLearnerNode,
        9,
    );
    cluster.with(1, |n| n.propose_change(&change));
    cluster.round(); // everybody saves and applies; leave member 2 with work undone
    cluster.round();
    cluster.crash(2);
    cluster.start(2); // it starts at its snapshot: committed, but nothing applied yet
    cluster.with(2, Node::campaign);
    assert_eq!(status(&mut cluster, 2).role, Role::Follower);
    let sent = cluster.node(2).work();
    assert!(sent.is_empty());
    cluster.with(2, Node::campaign);
    assert_eq!(status(&mut cluster, 2).role, Role::Candidate);
}
