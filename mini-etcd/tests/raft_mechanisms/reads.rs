use anatomy_proto::raftpb::MessageType;
use mini_etcd::raft::Config;

use super::*;

fn answers(cluster: &mut Members, id: u64) -> Vec<(Bytes, u64)> {
    cluster.node(id).reads.drain(..).map(|r| (r.ctx, r.index)).collect()
}

#[test]
fn a_leader_answers_a_read_once_a_quorum_has_confirmed_it() {
    let mut cluster = led_by_one(3);
    cluster.with(1, |n| n.read(ctx("r")));
    assert!(answers(&mut cluster, 1).is_empty());
    cluster.deliver_all();
    assert_eq!(answers(&mut cluster, 1), [(ctx("r"), 1)]);
}

#[test]
fn a_leader_that_is_cut_off_answers_no_read() {
    let mut cluster = led_by_one(3);
    isolate(&mut cluster, &[1]);
    cluster.with(1, |n| n.read(ctx("r")));
    rounds(&mut cluster, 30);
    assert!(answers(&mut cluster, 1).is_empty());
}

#[test]
fn a_confirmed_read_confirms_those_before_it() {
    let mut cluster = led_by_one(3);
    isolate(&mut cluster, &[1]);
    cluster.with(1, |n| n.read(ctx("a")));
    cluster.deliver_all(); // the heartbeats are lost
    cluster.cut(0);
    cluster.with(1, |n| n.read(ctx("b")));
    cluster.deliver_all();
    assert_eq!(answers(&mut cluster, 1), [(ctx("a"), 1), (ctx("b"), 1)]);
}

#[test]
fn the_next_heartbeat_asks_again_for_a_read_whose_own_was_lost() {
    let mut cluster = led_by_one(3);
    isolate(&mut cluster, &[1]);
    cluster.with(1, |n| n.read(ctx("r")));
    cluster.deliver_all();
    cluster.cut(0);
    rounds(&mut cluster, 1);
    assert_eq!(answers(&mut cluster, 1), [(ctx("r"), 1)]);
}

#[test]
fn a_follower_asks_its_leader() {
    let mut cluster = led_by_one(3);
    cluster.with(2, |n| n.read(ctx("r")));
    cluster.deliver_all();
    assert_eq!(answers(&mut cluster, 2), [(ctx("r"), 1)]);
    assert!(answers(&mut cluster, 1).is_empty());
}

#[test]
fn a_leader_that_has_not_committed_in_its_term_drops_reads() {
    let mut cluster = members(3, Config::new(1));
    win(&mut cluster, 1, 2);
    cluster.with(1, |n| n.read(ctx("r")));
    let heartbeats = sent(&cluster, 1, 2);
    assert!(!kinds(&heartbeats).contains(&MessageType::MsgHeartbeat));
    cluster.deliver_all();
    assert!(answers(&mut cluster, 1).is_empty());
}

#[test]
fn the_only_voter_answers_at_once() {
    let mut cluster = led_by_one(1);
    cluster.with(1, |n| n.read(ctx("r")));
    assert_eq!(answers(&mut cluster, 1), [(ctx("r"), 1)]);
}

#[test]
fn without_a_leader_there_is_no_answer() {
    let mut cluster = members(3, Config::new(1));
    cluster.with(1, |n| n.read(ctx("r")));
    cluster.deliver_all();
    assert!(answers(&mut cluster, 1).is_empty());
}
