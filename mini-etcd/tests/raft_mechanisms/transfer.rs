use anatomy_proto::raftpb::MessageType;
use mini_etcd::raft::{Error, NONE};

use super::*;

#[test]
fn a_successor_that_is_up_to_date_takes_over_in_spite_of_leases() {
    let mut cluster = led_by_one(3);
    cluster.with(1, |n| n.transfer(2));
    cluster.deliver_all();
    assert_eq!(cluster.leader(), Some(2));
}

#[test]
fn a_follower_passes_the_wish_on_to_its_leader() {
    let mut cluster = led_by_one(3);
    cluster.with(3, |n| n.transfer(2));
    cluster.deliver_all();
    assert_eq!(cluster.leader(), Some(2));
}

#[test]
fn a_successor_that_lags_is_brought_up_to_date_first() {
    let mut cluster = led_by_one(3);
    isolate(&mut cluster, &[2]);
    propose(&mut cluster, 1, "x");
    cluster.deliver_all();
    cluster.cut(0);
    cluster.with(1, |n| n.transfer(2));
    assert!(!kinds(&sent(&cluster, 1, 2)).contains(&MessageType::MsgTimeoutNow));
    rounds(&mut cluster, 2);
    assert_eq!(cluster.leader(), Some(2));
}

#[test]
fn a_leader_that_hands_over_drops_proposals_for_an_election_timeout_at_most() {
    let mut cluster = led_by_one(3);
    cluster.crash(2);
    cluster.with(1, |n| n.transfer(2));
    assert_eq!(cluster.node(1).raw.propose("x".into()), Err(Error::ProposalDropped));
    rounds(&mut cluster, 10);
    assert_eq!(status(&mut cluster, 1).transferee, NONE);
    assert!(propose(&mut cluster, 1, "x"));
}

#[test]
fn a_transfer_to_the_leader_itself_or_to_a_stranger_does_nothing() {
    let mut cluster = led_by_one(3);
    for to in [1, 77] {
        cluster.with(1, |n| n.transfer(to));
        assert_eq!(status(&mut cluster, 1).transferee, NONE);
    }
    assert!(propose(&mut cluster, 1, "x"));
}
