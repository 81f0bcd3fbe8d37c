//! Linearizable reads without a log entry.
//!
//! A leader notes its commit index, then asks a quorum with a heartbeat whether it still leads.
//! Once they agree, every read that came before may be served at that index (Ongaro 2014, section
//! 6.4). A follower forwards the question to its leader.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use anatomy_proto::raftpb::{Entry, Message, MessageType};
use bytes::Bytes;

use super::NONE;
use super::core::{Raft, message};
use super::ready::ReadState;
use super::storage::Storage;
use crate::defects::Defect;

/// Reads that wait for a quorum, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct ReadOnly {
    pending: BTreeMap<Bytes, Pending>,
    queue: VecDeque<Bytes>,
}

#[derive(Debug)]
struct Pending {
    from: u64,
    index: u64,
    acks: BTreeSet<u64>,
}

impl ReadOnly {
    fn add(&mut self, ctx: Bytes, from: u64, index: u64, own: u64) {
        if !self.pending.contains_key(&ctx) {
            self.queue.push_back(ctx.clone());
            self.pending.insert(ctx, Pending { from, index, acks: BTreeSet::from([own]) });
        }
    }

    fn acknowledge(&mut self, ctx: &Bytes, from: u64) -> Option<&BTreeSet<u64>> {
        let pending = self.pending.get_mut(ctx)?;
        pending.acks.insert(from);
        Some(&pending.acks)
    }

    /// What periodic heartbeats carry, so that a lost one is made good.
    pub(super) fn last_ctx(&self) -> Bytes {
        self.queue.back().cloned().unwrap_or_default()
    }

    /// Takes the read under `ctx` and all before it: who leads now, led then.
    fn take_up_to(&mut self, ctx: &Bytes) -> Vec<(Bytes, Pending)> {
        let Some(at) = self.queue.iter().position(|c| c == ctx) else { return Vec::new() };
        let taken: Vec<Bytes> = self.queue.drain(..=at).collect();
        taken.into_iter().filter_map(|ctx| self.pending.remove_entry(&ctx)).collect()
    }
}

impl<S: Storage> Raft<S> {
    /// A leader takes a read. Before it has committed an entry of its own term it does not know
    /// the commit index and drops the request; the caller asks again (etcd: every 500 ms).
    pub(super) fn handle_read_index(&mut self, m: Message) {
        let Some(ctx) = m.entries.into_iter().next().map(|e| e.data) else { return };
        let committed = self.log.committed;
        if !self.log.matches(committed, self.term) {
            return;
        }
        let alone = self.tracker.has_quorum(&BTreeSet::from([self.id]));
        if alone || self.config.defects.has(Defect::StaleLeaderRead) {
            self.answer_read(m.from, committed, ctx);
            return;
        }
        self.read_only.add(ctx.clone(), m.from, committed, self.id);
        self.broadcast_heartbeat(ctx);
    }

    /// A member has confirmed this leader in answer to the heartbeat that carried `ctx`.
    pub(super) fn acknowledge_read(&mut self, from: u64, ctx: &Bytes) {
        let confirmed = match self.read_only.acknowledge(ctx, from) {
            Some(acks) => self.tracker.has_quorum(acks),
            None => false,
        };
        if confirmed {
            for (ctx, read) in self.read_only.take_up_to(ctx) {
                self.answer_read(read.from, read.index, ctx);
            }
        }
    }

    /// A changed membership may make an answered quorum out of the acknowledgements at hand.
    pub(super) fn recheck_reads(&mut self) {
        let ctx = self.read_only.last_ctx();
        self.acknowledge_read(self.id, &ctx);
    }

    fn answer_read(&mut self, from: u64, index: u64, ctx: Bytes) {
        if from == NONE || from == self.id {
            self.read_states.push(ReadState { index, ctx });
            return;
        }
        let entries = vec![Entry { data: ctx, ..Default::default() }];
        let answer = message(MessageType::MsgReadIndexResp, from);
        self.send(Message { index, entries, ..answer });
    }

    /// The leader's answer to a read that this follower forwarded.
    pub(super) fn handle_read_index_response(&mut self, m: Message) {
        let index = m.index;
        if let Some(entry) = m.entries.into_iter().next() {
            self.read_states.push(ReadState { index, ctx: entry.data });
        }
    }
}
