//! What is wrong with the core.

use anatomy_proto::raftpb::{ConfChange, ConfChangeType, Entry, Message, MessageType};
use mini_etcd::defects::{Defect, Defects};
use mini_etcd::raft::{Config, RawNode, Ready, Role};

use crate::raft_support::cluster::{Cluster, Node};
use crate::raft_support::member::{Member, blank};
use crate::without_and_with;

fn members(defects: Defects) -> Cluster<Member> {
    let config = Config { defects, check_quorum: false, ..Config::new(1) };
    Cluster::new(3, config, 1, Box::new(|_, _| {}))
}

fn elect(cluster: &mut Cluster<Member>, id: u64) {
    cluster.with(id, Node::campaign);
    cluster.deliver_all();
    assert_eq!(cluster.leader(), Some(id));
}

/// Lets `id` ask for the vote of `voter`, of whom nothing else is heard.
fn ask(cluster: &mut Cluster<Member>, id: u64, voter: u64) {
    cluster.with(id, Node::campaign);
    for (from, to) in [(id, voter), (voter, id)] {
        let vote = cluster.links.get_mut(&(from, to)).and_then(|link| link.pop_back());
        if let Some(vote) = vote {
            cluster.arrive(from, to, vote);
        }
    }
}

/// A member is gone, and what it sent with it.
fn lose(cluster: &mut Cluster<Member>, id: u64) {
    cluster.crash(id);
    cluster.links.clear();
    cluster.cut(0);
}

/// What a follower does about a message of member 2.
fn ready(defects: Defects, message: Message) -> Ready {
    let config = Config { defects, ..Config::new(1) };
    let mut node = RawNode::new(config, blank(&[1, 2, 3]), Box::new(|base: u32| base));
    node.step(Message { from: 2, to: 1, term: 5, ..message }).unwrap();
    node.ready()
}

#[test]
fn a_vote_leaves_before_it_is_durable() {
    let vote = Message { r#type: MessageType::MsgVote.into(), ..Message::default() };
    let synced = without_and_with(Defect::VoteNotSynced, |defects| {
        let ready = ready(defects, vote.clone());
        assert!(ready.messages.iter().any(|m| m.r#type() == MessageType::MsgVoteResp && !m.reject));
        ready.must_sync
    });
    assert_eq!(synced, [true, false]);
}

#[test]
fn entries_are_acknowledged_before_they_are_durable() {
    let entries = vec![Entry { index: 1, term: 5, ..Entry::default() }];
    let append = Message { r#type: MessageType::MsgApp.into(), entries, ..Message::default() };
    let synced = without_and_with(Defect::AcknowledgedBeforeSync, |defects| {
        let config = Config { defects, ..Config::new(1) };
        let mut node = RawNode::new(config, blank(&[1, 2, 3]), Box::new(|base: u32| base));
        let from = Message { from: 2, to: 1, term: 5, ..Message::default() };
        let beat = MessageType::MsgHeartbeat.into();
        node.step(Message { r#type: beat, ..from.clone() }).unwrap();
        let term = node.ready();
        assert!(term.must_sync, "the term has to be durable all the same");
        node.advance(term);
        node.step(Message { from: 2, to: 1, term: 5, ..append.clone() }).unwrap();
        let ready = node.ready();
        assert!(ready.messages.iter().any(|m| m.index == 1 && !m.reject));
        ready.must_sync
    });
    assert_eq!(synced, [true, false]);
}

#[test]
fn a_leader_that_is_cut_off_answers_a_read() {
    let answers = without_and_with(Defect::StaleLeaderRead, |defects| {
        let mut cluster = members(defects);
        elect(&mut cluster, 1);
        cluster.cut(1 << 1);
        cluster.with(1, |node| node.read("r".into()));
        cluster.deliver_all();
        cluster.node(1).reads.len()
    });
    assert_eq!(answers, [0, 1]);
}

/// Figure 8 of Ongaro and Ousterhout 2014, with three members.
#[test]
fn a_member_without_a_committed_entry_is_elected() {
    let usurped = without_and_with(Defect::OlderTermCommitted, |defects| {
        let mut cluster = members(defects);
        elect(&mut cluster, 1);
        cluster.cut(1 << 1);
        cluster.with(1, |node| node.propose("one's".into()));
        lose(&mut cluster, 1);
        // Two leads by the third's vote, and nobody hears of it.
        ask(&mut cluster, 2, 3);
        cluster.with(2, |node| node.propose("two's".into()));
        lose(&mut cluster, 2);
        // One is back. The third has voted in the first term that it asks about.
        cluster.start(1);
        cluster.with(1, Node::campaign);
        cluster.deliver_all();
        elect(&mut cluster, 1);
        assert!(cluster.node(1).raw.status().commit > 0, "what it had is on two of three");
        lose(&mut cluster, 1);
        cluster.start(2);
        (0..3).for_each(|_| ask(&mut cluster, 2, 3));
        cluster.node(2).raw.status().role == Role::Leader
    });
    assert_eq!(usurped, [false, true]);
}

#[test]
fn a_second_membership_change_is_taken() {
    let voters = without_and_with(Defect::TwoMembershipChanges, |defects| {
        let mut cluster = members(defects);
        elect(&mut cluster, 1);
        for node_id in [4, 5] {
            let r#type = ConfChangeType::ConfChangeAddNode.into();
            let change = ConfChange { id: node_id, r#type, node_id, ..ConfChange::default() };
            cluster.with(1, |node| node.propose_change(&change));
        }
        cluster.deliver_all();
        cluster.node(1).raw.status().voters.len()
    });
    assert_eq!(voters, [4, 5]);
}
