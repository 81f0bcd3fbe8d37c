//! What a member makes of messages that no member should have sent.

use anatomy_proto::raftpb::{Entry, MessageType};
use mini_etcd::raft::{Config, Error};

use super::*;

fn refusal(message: Message) -> Error {
    let mut cluster = members(3, Config::new(1));
    cluster.node(1).raw.step(message).unwrap_err()
}

#[test]
fn a_local_message_is_not_taken_from_outside() {
    for kind in [MessageType::MsgHup, MessageType::MsgBeat, MessageType::MsgSnapStatus] {
        assert_eq!(refusal(from(2, 1, kind)), Error::LocalMessage(kind.into()));
    }
}

#[test]
fn an_answer_from_a_stranger_is_not_taken() {
    assert_eq!(refusal(from(77, 1, MessageType::MsgVoteResp)), Error::UnknownPeer(77));
}

#[test]
fn malformed_messages_are_errors_that_name_the_sender() {
    let gap = vec![
        Entry { index: 1, term: 1, ..Default::default() },
        Entry { index: 3, term: 1, ..Default::default() },
    ];
    for message in [
        Message { r#type: 99, ..from(2, 1, MessageType::MsgApp) },
        from(2, 0, MessageType::MsgProp),
        from(2, 0, MessageType::MsgReadIndex),
        from(2, 0, MessageType::MsgHeartbeat),
        Message { entries: gap, ..from(2, 1, MessageType::MsgApp) },
    ] {
        let error = refusal(message);
        assert!(matches!(error, Error::Malformed { from: 2, .. }), "{error}");
    }
}

#[test]
fn a_leader_learns_from_any_answer_that_its_term_is_over() {
    let mut cluster = led_by_one(3);
    let term = status(&mut cluster, 1).term;
    cluster.with(1, |n| n.step(from(2, term + 3, MessageType::MsgAppResp)));
    let after = status(&mut cluster, 1);
    assert_eq!((after.term, after.leader), (term + 3, mini_etcd::raft::NONE));
}

#[test]
fn a_leader_of_an_old_term_is_told_so() {
    let mut cluster = led_by_one(3);
    let term = status(&mut cluster, 2).term;
    cluster.with(2, |n| n.step(from(3, term + 3, MessageType::MsgAppResp)));
    cluster.with(2, |n| n.step(from(1, term, MessageType::MsgHeartbeat)));
    assert_eq!(sent(&cluster, 2, 1).last().map(|m| m.term), Some(term + 3));
}
