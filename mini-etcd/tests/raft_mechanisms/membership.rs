use anatomy_proto::raftpb::{ConfChange, ConfChangeType};
use mini_etcd::raft::{Config, Role};

use super::*;

pub(super) fn change(kind: ConfChangeType, node_id: u64) -> ConfChange {
    ConfChange { r#type: kind.into(), node_id, ..Default::default() }
}

fn add(id: u64) -> ConfChange {
    change(ConfChangeType::ConfChangeAddNode, id)
}

fn learn(id: u64) -> ConfChange {
    change(ConfChangeType::ConfChangeAddLearnerNode, id)
}

fn remove(id: u64) -> ConfChange {
    change(ConfChangeType::ConfChangeRemoveNode, id)
}

fn apply(cluster: &mut Members, change: &ConfChange) {
    cluster.with(1, |n| assert!(n.propose_change(change)));
    cluster.deliver_all();
}

#[test]
fn an_added_voter_counts_once_the_change_is_applied() {
    let mut cluster = led_by_one(3);
    apply(&mut cluster, &add(4));
    apply(&mut cluster, &add(5));
    assert_eq!(status(&mut cluster, 2).voters, [1, 2, 3, 4, 5].into());
    cluster.crash(3); // 4 and 5 never started: two of five are left
    propose(&mut cluster, 1, "x");
    cluster.deliver_all();
    let leading = status(&mut cluster, 1);
    assert!(leading.commit < leading.last_index);
}

#[test]
fn a_second_change_while_one_waits_becomes_an_empty_entry() {
    let mut cluster = led_by_one(3);
    cluster.with(1, |n| n.propose_change(&add(4)));
    cluster.with(1, |n| n.propose_change(&add(5)));
    cluster.deliver_all();
    assert_eq!(status(&mut cluster, 1).voters, [1, 2, 3, 4].into());
    assert_eq!(status(&mut cluster, 1).commit, 3);
}

/// What a predecessor left may hold a change that the new leader has not applied.
#[test]
fn a_new_leader_takes_no_change_before_it_has_applied_what_it_found() {
    let mut cluster = members(3, Config { check_quorum: false, ..Config::new(1) });
    elect(&mut cluster, 1);
    isolate(&mut cluster, &[1]);
    cluster.with(1, |n| n.propose_change(&add(4)));
    cluster.deliver_all();
    cluster.cut(0);
    cluster.crash(1);
    cluster.start(1);
    win(&mut cluster, 1, 2);
    cluster.with(1, |n| n.propose_change(&add(5)));
    rounds(&mut cluster, 2);
    assert_eq!(status(&mut cluster, 1).voters, [1, 2, 3, 4].into());
}

#[test]
fn a_learner_gets_the_log_but_does_not_count() {
    let mut cluster = led_by_one(1);
    apply(&mut cluster, &learn(2));
    propose(&mut cluster, 1, "x"); // the learner never started
    cluster.deliver_all();
    let leading = status(&mut cluster, 1);
    assert_eq!(leading.commit, leading.last_index);
    assert_eq!((leading.voters, leading.learners), ([1].into(), [2].into()));
}

#[test]
fn a_learner_neither_campaigns_nor_takes_over_until_it_is_promoted() {
    let mut cluster = led_by_one(3);
    cluster.join(4);
    apply(&mut cluster, &learn(4));
    rounds(&mut cluster, 2);
    cluster.with(4, Node::campaign);
    assert_eq!(status(&mut cluster, 4).role, Role::Follower);
    cluster.with(1, |n| n.transfer(4));
    cluster.deliver_all();
    assert_eq!(cluster.leader(), Some(1));
    apply(&mut cluster, &add(4));
    cluster.with(1, |n| n.transfer(4));
    cluster.deliver_all();
    assert_eq!(cluster.leader(), Some(4));
}

#[test]
fn a_smaller_quorum_commits_what_the_larger_one_could_not() {
    let mut cluster = led_by_one(4);
    cluster.with(1, |n| n.propose_change(&remove(4)));
    cluster.deliver_all();
    assert_eq!(status(&mut cluster, 1).voters, [1, 2, 3].into());
    assert!(!cluster.alive().contains(&4), "it applied its removal and stopped");
    cluster.crash(3);
    propose(&mut cluster, 1, "x");
    cluster.deliver_all();
    let leading = status(&mut cluster, 1);
    assert_eq!(leading.commit, leading.last_index);
}

/// With two members the other one cannot be elected before it knows that it is alone.
#[test]
fn a_leader_that_removes_itself_still_says_so_and_another_takes_over() {
    for (size, others) in [(2, &[2][..]), (3, &[2, 3])] {
        let mut cluster = led_by_one(size);
        cluster.with(1, |n| n.propose_change(&remove(1)));
        // Deliver by hand up to the moment when the leader has applied it.
        let append = cluster.links.get_mut(&(1, 2)).unwrap().pop_back().unwrap();
        cluster.arrive(1, 2, append);
        let ack = cluster.links.get_mut(&(2, 1)).unwrap().pop_back().unwrap();
        let leader = cluster.node(1);
        leader.raw.step(ack).unwrap();
        leader.work();
        assert!(leader.removed);
        assert!(leader.raw.propose("x".into()).is_err(), "it takes nothing more");
        (0..10).for_each(|_| leader.raw.tick());
        let farewell = leader.raw.ready().messages;
        for message in farewell.into_iter().filter(|message| message.to == 2) {
            cluster.arrive(1, 2, message);
        }
        cluster.crash(1);
        rounds(&mut cluster, 40);
        assert!(others.contains(&cluster.leader().unwrap_or(1)), "{size} members");
    }
}

#[test]
fn a_rejected_change_changes_nothing() {
    let mut cluster = led_by_one(3);
    let before = status(&mut cluster, 1).voters;
    cluster.node(1).raw.apply_conf_change(&ConfChange { node_id: 0, ..remove(2) });
    assert_eq!(status(&mut cluster, 1).voters, before);
}
