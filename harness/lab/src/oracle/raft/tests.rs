//! Clusters that keep every promise, and for each promise one that breaks it.

use std::collections::BTreeMap;

use anatomy_proto::raftpb::{
    ConfState, Entry, EntryType, HardState, Message, MessageType, SnapshotMetadata,
};
use bytes::Bytes;
use mini_etcd::raft::{Role, Status};
use mini_etcd::server::observer::Observation;

use super::Checker;

/// Three members with an entry of term 1, of which none has said anything else.
struct Cluster(Checker);

fn entry(index: u64, term: u64, data: &'static str) -> Entry {
    Entry { index, term, data: Bytes::from(data), ..Entry::default() }
}

fn change(index: u64, term: u64) -> Entry {
    Entry { r#type: EntryType::EntryConfChange.into(), ..entry(index, term, "change") }
}

fn hard(term: u64, vote: u64) -> HardState {
    HardState { term, vote, commit: 0 }
}

fn members(nodes: &[u64]) -> ConfState {
    ConfState { nodes: nodes.to_vec(), learners: vec![] }
}

impl Cluster {
    fn new() -> Self {
        let mut cluster = Cluster(Checker::default());
        for id in 1..=3 {
            cluster.start(id, hard(1, 1), &[entry(1, 1, "a")]);
        }
        cluster
    }

    fn start(&mut self, id: u64, hard_state: HardState, log: &[Entry]) {
        let snapshot = SnapshotMetadata::default();
        let what = Observation::Started { hard_state, snapshot, log: log.to_vec(), applied: 0 };
        self.0.hear(id, what);
    }

    fn begin_to_save(&mut self, id: u64, entries: &[Entry], hard_state: Option<HardState>) {
        let hard_state = hard_state.as_ref();
        self.0.hear(id, Observation::Saving { snapshot: None, entries, hard_state });
    }

    fn save(&mut self, id: u64, entries: &[Entry], hard_state: Option<HardState>) {
        self.begin_to_save(id, entries, hard_state);
        self.0.hear(id, Observation::Saved);
    }

    fn send(&mut self, id: u64, message: Message) {
        self.0.hear(id, Observation::Sent(&[message]));
    }

    fn turn(&mut self, id: u64, term: u64, role: Role, commit: u64) {
        let status = Status {
            id,
            term,
            vote: 0,
            commit,
            applied: 0,
            last_index: 0,
            role,
            leader: 0,
            transferee: 0,
            election_timeout: 10,
            progress: BTreeMap::new(),
            voters: [1, 2, 3].into(),
            learners: [].into(),
        };
        self.0.hear(id, Observation::Turned(&status));
    }

    fn apply(&mut self, id: u64, entry: &Entry, revision: i64, nodes: &[u64]) {
        let members = members(nodes);
        self.0.hear(id, Observation::Applied { entry, revision, members: &members });
    }

    #[track_caller]
    fn accept(&self) {
        assert_eq!(self.0.violations(), []);
    }

    #[track_caller]
    fn reject(&self, text: &str) {
        let texts: Vec<String> = self.0.violations().into_iter().map(|v| v.text).collect();
        assert_eq!(texts, [text]);
    }
}

fn message(kind: MessageType, to: u64, term: u64, index: u64) -> Message {
    Message { r#type: kind.into(), to, term, index, ..Message::default() }
}

#[test]
fn a_cluster_that_elects_replicates_and_changes_members_is_accepted() {
    let mut cluster = Cluster::new();
    cluster.save(1, &[], Some(hard(2, 1)));
    cluster.send(1, message(MessageType::MsgVote, 2, 2, 1));
    cluster.save(2, &[], Some(hard(2, 1)));
    cluster.send(2, message(MessageType::MsgVoteResp, 1, 2, 0));
    let (second, third) = (entry(2, 2, ""), change(3, 2));
    cluster.save(1, &[second.clone(), third.clone()], None);
    cluster.turn(1, 2, Role::Leader, 0);
    cluster.save(2, &[second.clone(), third.clone()], None);
    cluster.send(2, message(MessageType::MsgAppResp, 1, 2, 3));
    for id in [1, 2] {
        cluster.apply(id, &entry(1, 1, "a"), 1, &[1, 2, 3]);
        cluster.apply(id, &second, 1, &[1, 2, 3]);
        cluster.apply(id, &third, 1, &[1, 2, 3, 4]);
        cluster.turn(id, 2, if id == 1 { Role::Leader } else { Role::Follower }, 3);
    }
    cluster.save(1, &[change(4, 2)], None);
    cluster.accept();
}

#[test]
fn what_was_not_saved_may_be_gone_after_a_restart() {
    let mut cluster = Cluster::new();
    cluster.begin_to_save(1, &[entry(2, 1, "b")], Some(hard(2, 3)));
    cluster.start(1, hard(1, 1), &[entry(1, 1, "a")]);
    cluster.begin_to_save(1, &[entry(2, 1, "b")], Some(hard(2, 3)));
    cluster.start(1, hard(2, 3), &[entry(1, 1, "a"), entry(2, 1, "b")]);
    cluster.accept();
}

#[test]
fn an_entry_that_was_durable_and_is_gone_is_found() {
    let mut cluster = Cluster::new();
    cluster.save(1, &[entry(2, 1, "b")], None);
    cluster.start(1, hard(1, 1), &[entry(1, 1, "a")]);
    cluster.reject("durability: member 1 started again without entry 2 of term 1");
}

#[test]
fn a_vote_that_was_durable_and_is_another_is_found() {
    let mut cluster = Cluster::new();
    cluster.save(2, &[], Some(hard(2, 1)));
    cluster.start(2, hard(2, 3), &[entry(1, 1, "a")]);
    cluster.reject("durability: member 2 started again without its vote of term 2: 3, not 1");
    let mut cluster = Cluster::new();
    cluster.save(2, &[], Some(hard(2, 1)));
    cluster.start(2, hard(1, 1), &[entry(1, 1, "a")]);
    cluster.reject("durability: member 2 started again without its term 2: it has 1");
}

#[test]
fn a_vote_that_leaves_before_it_is_durable_is_found() {
    let mut cluster = Cluster::new();
    cluster.begin_to_save(2, &[], Some(hard(2, 1)));
    cluster.send(2, message(MessageType::MsgVoteResp, 1, 2, 0));
    cluster.reject(
        "durability: member 2 sent MSG_VOTE_RESP of term 2 and index 0 to 1 with term 1, vote 1 and \
         entries up to 1 on its disk",
    );
    let mut cluster = Cluster::new();
    let refusal = Message { reject: true, ..message(MessageType::MsgVoteResp, 1, 2, 0) };
    cluster.send(2, refusal);
    cluster.accept();
}

#[test]
fn an_acknowledgement_of_what_a_later_leader_replaced_in_the_same_write_is_accepted() {
    let mut cluster = Cluster::new();
    cluster.save(2, &[entry(2, 2, "b")], Some(hard(2, 0)));
    cluster.send(2, message(MessageType::MsgAppResp, 1, 1, 3));
    cluster.accept();
}

#[test]
fn an_acknowledgement_that_leaves_before_the_entry_is_durable_is_found() {
    let mut cluster = Cluster::new();
    cluster.begin_to_save(2, &[entry(2, 1, "b")], None);
    cluster.send(2, message(MessageType::MsgAppResp, 1, 1, 2));
    cluster.reject(
        "durability: member 2 sent MSG_APP_RESP of term 1 and index 2 to 1 with term 1, vote 1 and \
         entries up to 1 on its disk",
    );
}

#[test]
fn two_leaders_of_a_term_are_found() {
    let mut cluster = Cluster::new();
    cluster.turn(1, 2, Role::Leader, 0);
    cluster.turn(2, 3, Role::Leader, 0);
    cluster.accept();
    cluster.turn(3, 2, Role::Leader, 0);
    cluster.reject("election safety: 1 and 3 both lead term 2");
}

#[test]
fn logs_that_disagree_below_an_entry_they_share_are_found() {
    let mut cluster = Cluster::new();
    cluster.save(1, &[entry(2, 2, "b"), entry(3, 3, "c")], None);
    cluster.save(2, &[entry(2, 2, "b"), entry(3, 3, "c")], None);
    cluster.accept();
    cluster.save(3, &[entry(2, 1, "x"), entry(3, 3, "c")], None);
    cluster.reject("log matching: member 3 has another entry 3 of term 3");
    let mut cluster = Cluster::new();
    cluster.save(1, &[entry(2, 2, "b")], None);
    cluster.save(2, &[entry(2, 2, "x")], None);
    cluster.reject("log matching: member 2 has another entry 2 of term 2");
}

#[test]
fn a_leader_that_lacks_a_committed_entry_is_found() {
    let mut cluster = Cluster::new();
    for id in [1, 2] {
        cluster.save(id, &[entry(2, 1, "b")], None);
    }
    cluster.apply(1, &entry(1, 1, "a"), 1, &[1, 2, 3]);
    cluster.apply(1, &entry(2, 1, "b"), 2, &[1, 2, 3]);
    cluster.turn(2, 2, Role::Leader, 0);
    cluster.accept();
    cluster.turn(3, 3, Role::Leader, 0);
    cluster.reject("leader completeness: 3 leads term 3 without entry 2 of term 1");
}

#[test]
fn members_that_apply_different_entries_are_found() {
    let mut cluster = Cluster::new();
    cluster.apply(1, &entry(1, 1, "a"), 2, &[1, 2, 3]);
    cluster.apply(2, &entry(1, 1, "a"), 2, &[1, 2, 3]);
    cluster.accept();
    cluster.apply(3, &entry(1, 1, "a"), 3, &[1, 2, 3]);
    cluster.reject(
        "state machine safety: member 3 applied an entry of term 1 at 1 and is at revision 3; \
         another member applied one of term 1 and was at revision 2",
    );
    let mut cluster = Cluster::new();
    cluster.apply(1, &entry(2, 1, "b"), 2, &[1, 2, 3]);
    cluster.reject("state machine safety: member 1 applied entry 2 before 1");
}

#[test]
fn a_commit_index_that_goes_back_is_found() {
    let mut cluster = Cluster::new();
    cluster.turn(1, 1, Role::Follower, 1);
    cluster.turn(1, 1, Role::Follower, 1);
    cluster.accept();
    cluster.turn(1, 1, Role::Follower, 0);
    cluster.reject("monotonic commit: member 1 went back from 1 to 0");
}

#[test]
fn a_commit_that_no_quorum_has_on_disk_is_found() {
    let mut cluster = Cluster::new();
    cluster.save(1, &[entry(2, 2, "b")], Some(hard(2, 1)));
    cluster.begin_to_save(2, &[entry(2, 2, "b")], None);
    cluster.turn(1, 2, Role::Leader, 2);
    cluster
        .reject("commit by quorum: 1 commits entry 2 of term 2, which 1 of 3 voters have on disk");
}

#[test]
fn an_entry_of_an_older_term_that_is_committed_by_counting_is_found() {
    let mut cluster = Cluster::new();
    for id in [1, 2] {
        cluster.save(id, &[entry(2, 1, "b")], Some(hard(3, 1)));
    }
    cluster.turn(1, 3, Role::Leader, 2);
    cluster.reject("commit by quorum: 1 leads term 3 and counted entry 2 of term 1");
}

#[test]
fn two_changes_of_the_members_at_once_are_found() {
    let mut cluster = Cluster::new();
    cluster.turn(1, 1, Role::Leader, 1);
    cluster.apply(1, &entry(1, 1, "a"), 1, &[1, 2, 3]);
    cluster.save(1, &[change(2, 1)], None);
    cluster.accept();
    cluster.save(1, &[change(3, 1)], None);
    cluster.reject("quorum intersection: 1 has taken changes 2 and 3 of the members at once");
    let mut cluster = Cluster::new();
    cluster.apply(1, &entry(1, 1, "a"), 1, &[1, 2, 3]);
    cluster.apply(1, &change(2, 1), 1, &[1, 2, 3, 4, 5]);
    cluster.reject("quorum intersection: entry 2 makes 3 voters 5, with 2 changes at once");
}

#[test]
fn members_that_count_different_voters_are_found() {
    let mut cluster = Cluster::new();
    cluster.apply(1, &entry(1, 1, "a"), 1, &[1, 2, 3]);
    cluster.apply(2, &entry(1, 1, "a"), 1, &[1, 2]);
    cluster.reject("quorum intersection: member 2 counts other voters than others after entry 1");
}
