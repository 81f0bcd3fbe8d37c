//! The `raft` crate (tikv/raft-rs 0.7) behind the same disk, state machine and messages as ours.
//!
//! What it adds to etcd's protocol is taken away at its border: the commit index that it puts into
//! votes and acknowledgements, and the commit that it derives from a forwarded read's answer.
//! It orders members by hash; only the order of messages on one link is compared.

use anatomy_proto::raftpb::{
    self, ConfChange, ConfChangeType, ConfState, Entry, EntryType, HardState, Message, MessageType,
};
use mini_etcd::raft::{Config, MemStorage, Role, Storage, StorageError};
use prost::Message as _;
use protobuf::{Message as _, ProtobufEnum as _};
use raft::eraftpb as pb;
use raft::{RawNode, SnapshotStatus, StateRole};

use crate::raft_support::machine::Machine;
use crate::raft_support::member::{View, restart_config};

/// Our storage, as theirs sees it.
struct Disk(MemStorage);

fn refused(error: StorageError) -> raft::Error {
    raft::Error::Store(match error {
        StorageError::Compacted => raft::StorageError::Compacted,
        StorageError::Unavailable => raft::StorageError::Unavailable,
        StorageError::SnapshotOutOfDate => raft::StorageError::SnapshotOutOfDate,
        StorageError::SnapshotTemporarilyUnavailable => {
            raft::StorageError::SnapshotTemporarilyUnavailable
        }
    })
}

impl raft::Storage for Disk {
    fn initial_state(&self) -> raft::Result<raft::RaftState> {
        let (saved, conf) = self.0.initial_state();
        let hard_state = pb::HardState {
            term: saved.term,
            vote: saved.vote,
            commit: saved.commit,
            ..Default::default()
        };
        Ok(raft::RaftState::new(hard_state, conf_in(&conf)))
    }
    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        _: raft::GetEntriesContext,
    ) -> raft::Result<Vec<pb::Entry>> {
        let entries = self.0.entries(low, high, max_size.into().unwrap_or(u64::MAX));
        Ok(entries.map_err(refused)?.iter().map(entry_in).collect())
    }
    fn term(&self, index: u64) -> raft::Result<u64> {
        self.0.term(index).map_err(refused)
    }
    fn first_index(&self) -> raft::Result<u64> {
        Ok(self.0.first_index())
    }
    fn last_index(&self) -> raft::Result<u64> {
        Ok(self.0.last_index())
    }
    fn snapshot(&self, _: u64, _: u64) -> raft::Result<pb::Snapshot> {
        Ok(snapshot_in(&self.0.snapshot().map_err(refused)?))
    }
}

pub struct Theirs {
    raw: RawNode<Disk>,
    pub storage: MemStorage,
    pub machine: Machine,
    pub reads: Vec<Vec<u8>>,
    pub removed: bool,
    hard_state: HardState,
}

impl Theirs {
    pub fn start(config: &Config, storage: MemStorage) -> Self {
        let config = restart_config(config, &storage);
        let theirs = raft::Config {
            id: config.id,
            election_tick: config.election_tick as usize,
            heartbeat_tick: config.heartbeat_tick as usize,
            applied: config.applied,
            max_size_per_msg: config.max_size_per_msg,
            max_inflight_msgs: config.max_inflight_msgs,
            check_quorum: config.check_quorum,
            pre_vote: config.pre_vote,
            ..Default::default()
        };
        let logger = slog::Logger::root(slog::Discard, slog::o!());
        Self {
            machine: Machine::restore(&storage.snapshot().unwrap()),
            hard_state: storage.initial_state().0,
            raw: RawNode::new(&theirs, Disk(storage.clone()), &logger).unwrap(),
            storage,
            reads: Vec::new(),
            removed: false,
        }
    }

    /// What ours drew is what theirs waits.
    pub fn set_election_timeout(&mut self, ticks: u32) {
        self.raw.raft.set_randomized_election_timeout(ticks as usize);
    }

    pub fn raw(&mut self) -> &mut RawNode<impl raft::Storage + use<>> {
        &mut self.raw
    }

    pub fn propose_change(&mut self, change: &ConfChange) -> bool {
        self.raw.propose_conf_change(vec![], change_in(change)).is_ok()
    }

    pub fn step(&mut self, message: &Message) {
        let mut m = message_in(message);
        if m.get_msg_type() == pb::MessageType::MsgReadIndexResp {
            // Theirs commits by it; etcd does not.
            m.index = m.index.min(self.raw.raft.raft_log.committed);
        }
        let _ = self.raw.step(m); // a refusal is an answer too
    }

    pub fn snapshot_report(&mut self, peer: u64, ok: bool) {
        let status = if ok { SnapshotStatus::Finish } else { SnapshotStatus::Failure };
        self.raw.report_snapshot(peer, status);
    }

    pub fn work(&mut self) -> Vec<Message> {
        let mut sent = Vec::new();
        while !self.removed && self.raw.has_ready() {
            let mut ready = self.raw.ready();
            sent.extend(ready.take_messages());
            if !ready.snapshot().is_empty() {
                let snapshot = snapshot_out(ready.snapshot());
                self.storage.apply_snapshot(snapshot.clone()).unwrap();
                self.machine = Machine::restore(&snapshot);
            }
            self.storage.append(&ready.entries().iter().map(entry_out).collect::<Vec<_>>());
            if let Some(hs) = ready.hs() {
                self.save(HardState { term: hs.term, vote: hs.vote, commit: hs.commit });
            }
            sent.extend(ready.take_persisted_messages());
            self.reads.extend(ready.take_read_states().into_iter().map(|r| r.request_ctx));
            if self.apply(ready.take_committed_entries()) {
                break;
            }
            let mut light = self.raw.advance_append(ready);
            if let Some(commit) = light.commit_index() {
                self.save(HardState { commit, ..self.hard_state });
            }
            sent.extend(light.take_messages());
            if self.apply(light.take_committed_entries()) {
                break;
            }
            self.raw.advance_apply();
        }
        sent.iter().map(message_out).collect()
    }

    fn save(&mut self, hard_state: HardState) {
        self.storage.set_hard_state(hard_state);
        self.hard_state = hard_state;
    }

    /// True if this member has applied its own removal and stops.
    fn apply(&mut self, entries: Vec<pb::Entry>) -> bool {
        for entry in &entries {
            let Some(change) = self.machine.apply(&entry_out(entry)) else { continue };
            self.machine.conf = conf_out(&self.raw.apply_conf_change(&change_in(&change)).unwrap());
            if Machine::removes(&change, self.raw.raft.id) {
                self.removed = true;
                return true;
            }
        }
        false
    }

    pub fn view(&self) -> View {
        let raft = &self.raw.raft;
        View {
            role: match raft.state {
                StateRole::Follower => Role::Follower,
                StateRole::PreCandidate => Role::PreCandidate,
                StateRole::Candidate => Role::Candidate,
                StateRole::Leader => Role::Leader,
            },
            leader: raft.leader_id,
            term: raft.term,
            vote: raft.vote,
            commit: raft.raft_log.committed,
            last_index: raft.raft_log.last_index(),
            saved: self.hard_state,
            machine: self.machine.clone(),
        }
    }
}

fn conf_in(conf: &ConfState) -> pb::ConfState {
    pb::ConfState::from((conf.nodes.clone(), conf.learners.clone()))
}

fn conf_out(conf: &pb::ConfState) -> ConfState {
    let sorted = |ids: &[u64]| {
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids
    };
    ConfState { nodes: sorted(&conf.voters), learners: sorted(&conf.learners) }
}

fn change_in(change: &ConfChange) -> pb::ConfChange {
    let mut theirs = pb::ConfChange::default();
    theirs.set_change_type(match change.r#type() {
        ConfChangeType::ConfChangeAddNode => pb::ConfChangeType::AddNode,
        ConfChangeType::ConfChangeAddLearnerNode => pb::ConfChangeType::AddLearnerNode,
        ConfChangeType::ConfChangeRemoveNode => pb::ConfChangeType::RemoveNode,
        ConfChangeType::ConfChangeUpdateNode => panic!("theirs knows no update"),
    });
    theirs.node_id = change.node_id;
    theirs.id = change.id;
    theirs
}

fn change_out(theirs: &pb::ConfChange) -> ConfChange {
    let kind = match theirs.get_change_type() {
        pb::ConfChangeType::AddNode => ConfChangeType::ConfChangeAddNode,
        pb::ConfChangeType::AddLearnerNode => ConfChangeType::ConfChangeAddLearnerNode,
        pb::ConfChangeType::RemoveNode => ConfChangeType::ConfChangeRemoveNode,
    };
    let (id, node_id) = (theirs.id, theirs.node_id);
    ConfChange { id, r#type: kind.into(), node_id, ..Default::default() }
}

fn entry_in(entry: &Entry) -> pb::Entry {
    let mut theirs = pb::Entry::default();
    (theirs.term, theirs.index, theirs.data) = (entry.term, entry.index, entry.data.clone());
    if entry.r#type() == EntryType::EntryConfChange {
        theirs.set_entry_type(pb::EntryType::EntryConfChange);
        let change = ConfChange::decode(entry.data.clone()).unwrap();
        theirs.data = change_in(&change).write_to_bytes().unwrap().into();
    }
    theirs
}

fn entry_out(theirs: &pb::Entry) -> Entry {
    let (term, index, data) = (theirs.term, theirs.index, theirs.data.clone());
    let mut entry = Entry { term, index, data, ..Default::default() };
    if theirs.get_entry_type() == pb::EntryType::EntryConfChange {
        entry.set_type(EntryType::EntryConfChange);
        let change = pb::ConfChange::parse_from_bytes(&theirs.data).unwrap();
        entry.data = change_out(&change).encode_to_vec().into();
    }
    entry
}

fn snapshot_in(snapshot: &raftpb::Snapshot) -> pb::Snapshot {
    let metadata = snapshot.metadata.clone().unwrap_or_default();
    let mut theirs = pb::Snapshot { data: snapshot.data.clone(), ..Default::default() };
    let meta = theirs.mut_metadata();
    (meta.index, meta.term) = (metadata.index, metadata.term);
    meta.set_conf_state(conf_in(&metadata.conf_state.unwrap_or_default()));
    theirs
}

fn snapshot_out(theirs: &pb::Snapshot) -> raftpb::Snapshot {
    let meta = theirs.get_metadata();
    let metadata = raftpb::SnapshotMetadata {
        conf_state: Some(conf_out(meta.get_conf_state())),
        index: meta.index,
        term: meta.term,
    };
    raftpb::Snapshot { data: theirs.data.clone(), metadata: Some(metadata) }
}

fn message_in(m: &Message) -> pb::Message {
    let mut theirs = pb::Message::default();
    theirs.set_msg_type(pb::MessageType::from_i32(m.r#type).unwrap());
    (theirs.to, theirs.from, theirs.term) = (m.to, m.from, m.term);
    (theirs.log_term, theirs.index, theirs.commit) = (m.log_term, m.index, m.commit);
    (theirs.reject, theirs.reject_hint) = (m.reject, m.reject_hint);
    theirs.context = m.context.clone();
    theirs.set_entries(m.entries.iter().map(entry_in).collect::<Vec<_>>().into());
    if let Some(snapshot) = &m.snapshot {
        theirs.set_snapshot(snapshot_in(snapshot));
    }
    theirs
}

fn message_out(theirs: &pb::Message) -> Message {
    let kind = MessageType::try_from(theirs.get_msg_type().value()).unwrap();
    let commits = matches!(kind, MessageType::MsgApp | MessageType::MsgHeartbeat);
    Message {
        r#type: kind.into(),
        to: theirs.to,
        from: theirs.from,
        term: theirs.term,
        log_term: theirs.log_term,
        index: theirs.index,
        entries: theirs.entries.iter().map(entry_out).collect(),
        commit: if commits { theirs.commit } else { 0 },
        snapshot: theirs.has_snapshot().then(|| snapshot_out(theirs.get_snapshot())),
        reject: theirs.reject,
        reject_hint: theirs.reject_hint,
        context: theirs.context.clone(),
    }
}
