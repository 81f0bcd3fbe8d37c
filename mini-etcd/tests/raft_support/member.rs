//! Our core with its disk and its state machine.

use anatomy_proto::raftpb::{ConfChange, ConfState, HardState, Message};
use bytes::Bytes;
use mini_etcd::raft::{Config, MemStorage, RawNode, ReadState, Ready, Role, Status, Storage};

use super::cluster::Node;
use super::machine::Machine;

/// What two implementations of a member must agree on after every step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    pub role: Role,
    pub leader: u64,
    pub term: u64,
    pub vote: u64,
    pub commit: u64,
    pub last_index: u64,
    pub saved: HardState,
    pub machine: Machine,
}

pub struct Member {
    pub raw: RawNode<MemStorage>,
    pub storage: MemStorage,
    pub machine: Machine,
    pub reads: Vec<ReadState>,
    /// It has applied its own removal.
    pub removed: bool,
    hard_state: HardState,
    outstanding: Option<Ready>,
}

/// A storage as a member of a cluster of `conf` first finds it.
pub fn blank(conf: &[u64]) -> MemStorage {
    MemStorage::with_members(ConfState { nodes: conf.to_vec(), learners: vec![] })
}

/// A restart applies again what came after the snapshot.
pub fn restart_config(config: &Config, storage: &MemStorage) -> Config {
    let snapshot = storage.snapshot().unwrap();
    Config { applied: snapshot.metadata.map_or(0, |m| m.index), ..config.clone() }
}

impl Member {
    pub fn start(config: &Config, storage: MemStorage, seed: u64) -> Self {
        let config = restart_config(config, &storage);
        let jitter = super::jitter(seed, config.id);
        Self {
            machine: Machine::restore(&storage.snapshot().unwrap()),
            hard_state: storage.initial_state().0,
            raw: RawNode::new(config, storage.clone(), jitter),
            storage,
            reads: Vec::new(),
            removed: false,
            outstanding: None,
        }
    }

    /// Does all work there is, saving before sending.
    pub fn work(&mut self) -> Vec<Message> {
        let mut sent = Vec::new();
        while !self.removed && (self.outstanding.is_some() || self.raw.has_ready()) {
            sent.extend(self.take());
            sent.extend(self.finish());
        }
        sent
    }

    /// Takes a portion of work if there is one; a leader's messages leave at once.
    pub fn take(&mut self) -> Vec<Message> {
        if self.outstanding.is_some() || self.removed || !self.raw.has_ready() {
            return Vec::new();
        }
        let mut ready = self.raw.ready();
        let early = ready.messages_may_precede_sync;
        let sent = if early { std::mem::take(&mut ready.messages) } else { Vec::new() };
        self.outstanding = Some(ready);
        sent
    }

    /// Saves, sends, applies and advances the portion that was taken.
    pub fn finish(&mut self) -> Vec<Message> {
        let Some(mut ready) = self.outstanding.take() else { return Vec::new() };
        if let Some(snapshot) = &ready.snapshot {
            self.storage.apply_snapshot(snapshot.clone()).unwrap();
            self.machine = Machine::restore(snapshot);
        }
        self.storage.append(&ready.entries);
        if let Some(hard_state) = ready.hard_state {
            self.storage.set_hard_state(hard_state);
            self.hard_state = hard_state;
        }
        let sent = std::mem::take(&mut ready.messages);
        self.reads.append(&mut ready.read_states);
        for entry in &ready.committed_entries {
            let Some(change) = self.machine.apply(entry) else { continue };
            self.machine.conf = self.raw.apply_conf_change(&change);
            if Machine::removes(&change, self.raw.status().id) {
                self.removed = true;
                break;
            }
        }
        self.raw.advance(ready);
        sent
    }

    /// A snapshot of the state machine; the log before it goes, but for `keep` entries.
    pub fn compact(&mut self, keep: u64) {
        let (index, conf) = (self.machine.index, self.machine.conf.clone());
        if self.storage.create_snapshot(index, conf, self.machine.data()).is_ok() {
            let _ = self.storage.compact(index.saturating_sub(keep)); // nothing left to compact
        }
    }

    pub fn view(&self) -> View {
        let status = self.raw.status();
        View {
            role: status.role,
            leader: status.leader,
            term: status.term,
            vote: status.vote,
            commit: status.commit,
            last_index: status.last_index,
            saved: self.hard_state,
            machine: self.machine.clone(),
        }
    }
}

impl Node for Member {
    type Disk = MemStorage;

    fn blank(conf: &[u64]) -> MemStorage {
        blank(conf)
    }
    fn start(config: &Config, disk: MemStorage, seed: u64) -> Self {
        Self::start(config, disk, seed)
    }
    fn tick(&mut self) {
        self.raw.tick();
    }
    fn campaign(&mut self) {
        self.raw.campaign();
    }
    fn propose(&mut self, data: Bytes) -> bool {
        self.raw.propose(data).is_ok()
    }
    fn propose_change(&mut self, change: &ConfChange) -> bool {
        self.raw.propose_conf_change(change).is_ok()
    }
    fn step(&mut self, message: Message) {
        let _ = self.raw.step(message); // a refusal is an answer too
    }
    fn read(&mut self, ctx: Bytes) {
        self.raw.read_index(ctx);
    }
    fn transfer(&mut self, to: u64) {
        self.raw.transfer_leader(to);
    }
    fn unreachable(&mut self, peer: u64) {
        self.raw.report_unreachable(peer);
    }
    fn snapshot_report(&mut self, peer: u64, ok: bool) {
        self.raw.report_snapshot(peer, ok);
    }
    fn compact(&mut self, keep: u64) {
        self.compact(keep);
    }
    fn work(&mut self) -> Vec<Message> {
        self.work()
    }
    fn take(&mut self) -> Vec<Message> {
        self.take()
    }
    fn finish(&mut self) -> Vec<Message> {
        self.finish()
    }
    fn status(&self) -> Status {
        self.raw.status()
    }
    fn removed(&self) -> bool {
        self.removed
    }
}
