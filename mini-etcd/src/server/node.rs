//! The loop around Raft: one task owns the core, the log and the disk, and does what the core
//! asks, in the order in which it has to be done. Only snapshots are made meanwhile, a portion each
//! turn, as etcd makes them in a goroutine (3.2 etcdserver/server.go `snapshot`): nobody waits.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;

use anatomy_proto::etcdserverpb::InternalRaftRequest;
use anatomy_proto::raftpb::{
    ConfChange, ConfChangeType, ConfState, Entry, EntryType, Message, MessageType, Snapshot,
    SnapshotMetadata,
};
use bytes::Bytes;
use prost::Message as _;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::apply::{self, Reply};
use super::error::Error;
use super::membership::peer_addr;
use super::metrics::Kind;
use super::observer::Observation;
use super::shared::{Leader, Progress, Shared};
use super::state::Rest;
use crate::Profile;
use crate::defects::Defect;
use crate::mvcc::image::Extent;
use crate::raft::{
    self, MemStorage, NONE, RawNode, ReadState, Ready, Role, SoftState, Storage as _,
};
use crate::storage::snap::{Draft, Head};
use crate::storage::{self, Storage, Written};

/// What happens to a node.
pub(crate) enum Input {
    /// A message from a member.
    Message(Message),
    /// A request to put into the log, once there is a leader.
    Propose { id: u64, data: Bytes },
    /// A request to put into the log if there is a leader.
    Offer(Bytes),
    /// What the leader of a term decided, to put into the log if it still leads: nobody else is to
    /// hear of it.
    Decide { term: u64, data: Bytes },
    /// A membership change to put into the log, once there is a leader.
    Configure { id: u64, change: ConfChange },
    /// A question for the index to read at.
    ReadIndex(Bytes),
    /// The leadership is to go to a member.
    Transfer(u64),
    /// What was sent to a member did not arrive.
    Unreachable(u64),
    /// A snapshot was sent, or was not.
    SnapshotSent { to: u64, ok: bool },
    /// Others say that this member is none.
    Removed,
    /// How far a learner and this leader have come.
    LearnerProgress { id: u64, reply: tokio::sync::oneshot::Sender<Option<(u64, u64)>> },
}

/// Inputs taken in one turn before their consequences are written: one sync for all of them.
const BATCH: usize = 256;

pub(crate) struct Node {
    pub raft: RawNode<MemStorage>,
    pub log: MemStorage,
    pub storage: Storage,
    pub shared: Arc<Shared>,
    pub inputs: mpsc::Receiver<Input>,
    pub read_states: mpsc::UnboundedSender<ReadState>,
    pub members: ConfState,
    /// The last entry of the last snapshot, which may still be in the making.
    pub snapshot: u64,
    /// How far the store in it goes.
    pub saved: Extent,
    /// A snapshot in the making, and what it still lacks.
    pub draft: Option<(Draft, Rest)>,
    /// Its file, while it is written.
    pub writing: Option<Writing>,
    pub applied: u64,
    /// Requests that came while there was no leader.
    pub blocked: VecDeque<Input>,
    /// The alarm that this member is over its quota has been proposed.
    pub raising_alarm: bool,
}

type Writing = Pin<Box<dyn Future<Output = Result<Written, storage::Error>> + Send>>;

impl Node {
    /// Runs until the disk fails, or the log turns out not to be the one that was acknowledged.
    pub async fn run(mut self) -> Error {
        self.observe(|node| node.beginning());
        // A cluster of one has nobody to hear from (etcd 3.3 etcdserver/server.go `adjustTicks`).
        if self.shared.config.profile >= Profile::V3_4 && self.shared.config.is_alone() {
            (1..self.shared.config.election_ticks()).for_each(|_| self.raft.tick());
        }
        let period = self.shared.config.heartbeat;
        let mut ticks = interval_at(Instant::now() + period, period);
        // As Go's ticker: ticks that were missed are lost.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                biased;
                _ = ticks.tick() => {
                    self.shared.pulse.beat(Instant::now());
                    self.raft.tick();
                }
                written = async { self.writing.as_mut().expect("it is written").await },
                    if self.writing.is_some() =>
                {
                    if let Err(error) = self.finish_snapshot(written).await {
                        return error;
                    }
                }
                input = self.inputs.recv() => {
                    let mut next = input;
                    let mut taken = 0;
                    while let Some(input) = next {
                        if let Err(lost @ raft::Error::LogLost { .. }) = self.take(input) {
                            return lost.into();
                        }
                        taken += 1;
                        next = if taken < BATCH { self.inputs.try_recv().ok() } else { None };
                    }
                }
                () = tokio::task::yield_now(), if self.draft.is_some() => {}
            }
            while self.raft.has_ready() {
                if let Err(error) = self.work().await {
                    return error;
                }
            }
            self.draft_on(self.shared.config.snapshot_portion);
        }
    }

    fn take(&mut self, input: Input) -> Result<(), raft::Error> {
        let result = match input {
            Input::Message(message) => self.raft.step(message),
            Input::Propose { .. } | Input::Configure { .. }
                if self.shared.leader.get().id == NONE =>
            {
                self.blocked.push_back(input);
                Ok(())
            }
            Input::Propose { data, .. } | Input::Offer(data) => self.raft.propose(data),
            Input::Decide { term, data } if self.may_decide(term) => self.raft.propose(data),
            Input::Decide { .. } => Ok(()),
            Input::Configure { change, .. } => self.raft.propose_conf_change(&change),
            Input::ReadIndex(context) => {
                self.raft.read_index(context);
                Ok(())
            }
            Input::Transfer(to) => {
                self.raft.transfer_leader(to);
                Ok(())
            }
            Input::Unreachable(id) => {
                self.raft.report_unreachable(id);
                Ok(())
            }
            Input::SnapshotSent { to, ok } => {
                self.raft.report_snapshot(to, ok);
                Ok(())
            }
            Input::Removed => {
                self.shared.removed.set(true);
                Ok(())
            }
            Input::LearnerProgress { id, reply } => {
                let status = self.raft.status();
                let matched = |id: u64| Some(status.progress.get(&id)?.matched);
                let _ = reply.send(matched(id).zip(matched(self.shared.id)));
                Ok(())
            }
        };
        // Raft drops what it cannot use; who waits for it runs into its time-out.
        if let Err(error) = &result {
            tracing::debug!(kind = "etcd.raft.dropped", %error, "Raft took no notice");
        }
        result
    }

    /// Does one portion of what Raft asks.
    async fn work(&mut self) -> Result<(), Error> {
        let mut ready = self.raft.ready();
        if let Some(soft) = ready.soft_state {
            self.lead(soft);
        }
        for state in ready.read_states.drain(..) {
            drop(self.read_states.send(state));
        }
        let early = ready.messages_may_precede_sync;
        let messages = std::mem::take(&mut ready.messages);
        let mut messages = Some(messages);
        if early {
            self.send(messages.take().unwrap_or_default());
        }
        self.save(&ready).await?;
        self.send(messages.unwrap_or_default());
        for entry in ready.committed_entries.clone() {
            self.apply(entry)?;
        }
        self.raft.advance(ready);
        self.publish_progress();
        let status = self.shared.config.observer.is_some().then(|| self.raft.status());
        self.observe(|_| Observation::Turned(status.as_ref().expect("somebody observes")));
        self.snapshot_if_due();
        Ok(())
    }

    /// Makes durable what has to be, and installs a snapshot.
    async fn save(&mut self, ready: &Ready) -> Result<(), Error> {
        let snapshot = ready.snapshot.as_ref().and_then(|snapshot| snapshot.metadata.as_ref());
        let (entries, hard_state) = (&ready.entries[..], ready.hard_state.as_ref());
        self.observe(|_| Observation::Saving { snapshot, entries, hard_state });
        if let Some(snapshot) = &ready.snapshot {
            // An older one is of no use any more, but one file is written at a time.
            self.draft = None;
            if let Some(writing) = self.writing.take() {
                writing.await?;
            }
            let metadata = snapshot.metadata.clone().unwrap_or_default();
            let mut draft = Draft::new(&Head { metadata, base: None });
            draft.append(|bytes| bytes.extend_from_slice(&snapshot.data));
            let written = self.storage.write_snapshot(draft).await?;
            self.storage.adopt(written).await?;
        }
        let begun = Instant::now();
        self.storage.wal.save(ready.hard_state.as_ref(), &ready.entries, ready.must_sync).await?;
        if ready.must_sync {
            self.shared.metrics.wal_syncs.add(begun.elapsed());
        }
        self.observe(|_| Observation::Saved);
        if let Some(snapshot) = &ready.snapshot {
            self.install(snapshot)?;
        }
        self.log.append(&ready.entries);
        if let Some(state) = &ready.hard_state {
            self.log.set_hard_state(*state);
        }
        Ok(())
    }

    fn send(&mut self, mut messages: Vec<Message>) {
        for message in &mut messages {
            if message.r#type() == MessageType::MsgSnap {
                message.snapshot = Some(self.snapshot_now());
            }
        }
        self.observe(|_| Observation::Sent(&messages));
        for undelivered in self.shared.transport.send(messages) {
            self.raft.report_unreachable(undelivered.to);
            if undelivered.snapshot {
                self.raft.report_snapshot(undelivered.to, false);
            }
        }
    }

    /// The state as it is now. Raft would send the last snapshot that was written, which may be
    /// from before the receiver was added (as etcd 3.2 etcdserver/snapshot_merge.go).
    fn snapshot_now(&self) -> Snapshot {
        let index = self.applied;
        let term = self.log.term(index).expect("the last applied entry is in the log");
        let conf_state = Some(self.members.clone());
        let data = self.shared.state().encode().into();
        Snapshot { data, metadata: Some(SnapshotMetadata { conf_state, index, term }) }
    }

    /// Whether what was decided by the leader of a term still holds.
    fn may_decide(&self, term: u64) -> bool {
        let (status, defects) = (self.raft.status(), self.shared.config.defects);
        (status.role == Role::Leader && status.term == term)
            || defects.has(Defect::FormerLeaderDecides)
            || defects.has(Defect::LeaseExpiredByFollower)
    }

    fn lead(&mut self, soft: SoftState) {
        let before = self.shared.leader.get();
        let status = self.raft.status();
        if before.id != soft.leader || before.term != status.term {
            let elected = before.elected + u64::from(soft.leader != NONE);
            let leads = soft.role == Role::Leader;
            // Up to 3.3 every member notes when there is a new leader, from 3.4 on the new leader
            // alone (etcd 3.2 etcdserver/raft.go `lt`, 3.4 etcdserver/server.go `leadElectedTime`).
            let notes = leads || self.shared.config.profile < Profile::V3_4;
            let is_new = soft.leader != NONE && before.id != soft.leader;
            let since = if is_new && notes { Instant::now() } else { before.since };
            let leader = Leader { id: soft.leader, term: status.term, elected, since };
            {
                let lessor = &mut self.shared.state().lessor;
                if leads && before.id != self.shared.id {
                    lessor.promote(Instant::now(), self.shared.config.election);
                } else if !leads && before.id == self.shared.id {
                    lessor.demote();
                }
                self.shared.leases.set(lessor.is_watching());
            }
            self.shared.leader.set(leader);
            if leads && before.id != self.shared.id {
                let (term, name) = (status.term, &self.shared.config.name);
                tracing::info!(
                    kind = "etcd.leader",
                    member = %name,
                    term,
                    "{name} became leader at term {term}"
                );
            }
        }
        if soft.leader != NONE {
            for input in std::mem::take(&mut self.blocked) {
                let (Input::Propose { id, .. } | Input::Configure { id, .. }) = &input else {
                    continue;
                };
                if self.shared.is_awaited(*id) {
                    drop(self.take(input));
                }
            }
        }
    }

    fn apply(&mut self, entry: Entry) -> Result<(), Error> {
        let (index, applied) = (entry.index, entry.clone());
        let undecodable = |what| move |_| Error::Undecodable { index, what };
        match entry.r#type() {
            // What was put into the log to have something in it.
            EntryType::EntryNormal if entry.data.is_empty() => {}
            EntryType::EntryNormal => {
                let request = InternalRaftRequest::decode(entry.data)
                    .map_err(undecodable("expected a request"))?;
                self.apply_request(request);
            }
            EntryType::EntryConfChange => {
                let change = ConfChange::decode(entry.data)
                    .map_err(undecodable("expected a membership change"))?;
                self.apply_change(change);
            }
        }
        self.applied = index;
        self.observe(|node| Observation::Applied {
            entry: &applied,
            revision: node.shared.revision.get(),
            members: &node.members,
        });
        Ok(())
    }

    fn apply_request(&mut self, request: InternalRaftRequest) {
        let id = request.header.as_ref().map_or(0, |header| header.id);
        let (is_alarm, kind) = (request.alarm.is_some(), Kind::of(&request));
        if request.compaction.is_some() {
            // What it drops may be missing in the draft.
            self.draft_on(usize::MAX);
        }
        let (outcome, is_over) = {
            let mut state = self.shared.state();
            let before = state.store.revision();
            let outcome = apply::apply(&mut state, request, Instant::now());
            if outcome.is_ok() {
                self.shared.metrics.applied(&kind, before, &state.store);
            }
            self.shared.leases.set(state.lessor.is_watching());
            self.shared.revision.set(state.store.revision());
            (outcome, !state.is_full() && self.shared.is_over_quota(state.store.bytes(), 0))
        };
        self.shared.resolve(id, outcome);
        if is_alarm {
            self.raising_alarm = false;
        } else if is_over && !self.raising_alarm {
            self.raising_alarm = true;
            drop(self.take(Input::Offer(self.shared.space_alarm().encode_to_vec().into())));
        }
    }

    fn apply_change(&mut self, mut change: ConfChange) {
        let id = change.id;
        let validated = self.shared.state().membership.validate(&change);
        let context = match validated {
            Ok(context) => context,
            Err(refusal) => {
                change.node_id = NONE;
                self.members = self.raft.apply_conf_change(&change);
                return self.shared.resolve(id, Err(refusal));
            }
        };
        self.members = self.raft.apply_conf_change(&change);
        let node = change.node_id;
        let addr = peer_addr(&context.member);
        let (list, count) = {
            let members = &mut self.shared.state().membership;
            members.apply(&change, context);
            (members.list(), members.members.len())
        };
        if change.r#type() == ConfChangeType::ConfChangeRemoveNode {
            self.shared.transport.remove(node);
            if node == self.shared.id {
                self.shared.removed.set(true);
            }
        } else if let Some(addr) = addr {
            self.shared.transport.add(node, addr);
        }
        // One of the members tells: the leader, or at a cluster's beginning nobody.
        if self.shared.is_leader() {
            match change.r#type() {
                ConfChangeType::ConfChangeAddNode | ConfChangeType::ConfChangeAddLearnerNode => {
                    tracing::info!(
                        kind = "etcd.member.added",
                        members = count,
                        "etcd has {count} members"
                    );
                }
                _ => tracing::debug!(
                    kind = "etcd.member.changed",
                    members = count,
                    "etcd's members changed"
                ),
            }
        }
        self.shared.resolve(id, Ok(Reply::Members(list)));
    }

    fn install(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        let metadata = snapshot.metadata.clone().unwrap_or_default();
        let index = metadata.index;
        let undecodable = Error::Undecodable { index, what: "expected a state" };
        {
            let mut state = self.shared.state();
            let parts = std::slice::from_ref(&snapshot.data);
            state.restore(parts).map_err(|_| undecodable)?;
            self.saved = state.store.extent();
            self.shared.leases.set(state.lessor.is_watching());
            self.shared.revision.set(state.store.revision());
            let members = &state.membership.members;
            self.shared.transport.retain(|id| members.contains_key(&id));
            for (id, addr) in members.iter().filter_map(|(id, m)| Some((*id, peer_addr(m)?))) {
                self.shared.transport.add(id, addr);
            }
            self.shared.removed.set(state.membership.removed.contains(&self.shared.id));
        }
        self.members = metadata.conf_state.clone().unwrap_or_default();
        // Raft hands out a snapshot only where it is newer than what there is.
        let without_data = Snapshot { data: Bytes::new(), metadata: Some(metadata) };
        self.log.apply_snapshot(without_data).expect("a newer snapshot");
        (self.snapshot, self.applied) = (index, index);
        Ok(())
    }

    /// Tells whoever observes, if anybody does.
    fn observe<'a>(&'a self, what: impl FnOnce(&'a Self) -> Observation<'a>) {
        if let Some(observer) = &self.shared.config.observer {
            observer.observe(self.shared.id, what(self));
        }
    }

    /// What it begins with.
    fn beginning(&self) -> Observation<'static> {
        let (hard_state, _) = self.log.initial_state();
        let snapshot = self.log.snapshot().ok().and_then(|snapshot| snapshot.metadata);
        let (first, last) = (self.log.first_index(), self.log.last_index());
        let log = self.log.entries(first, last + 1, u64::MAX).unwrap_or_default();
        let (snapshot, applied) = (snapshot.unwrap_or_default(), self.applied);
        Observation::Started { hard_state, snapshot, log, applied }
    }

    fn publish_progress(&self) {
        let status = self.raft.status();
        let before = self.shared.leader.get();
        if before.term != status.term {
            self.shared.leader.set(Leader { term: status.term, ..before });
        }
        self.shared.progress.set(Progress { commit: status.commit, applied: self.applied });
    }

    /// Begins a snapshot of the state as it is now.
    fn snapshot_if_due(&mut self) {
        let due = self.applied - self.snapshot >= self.shared.config.snapshot_count;
        if !due || self.draft.is_some() || self.writing.is_some() {
            return;
        }
        let (index, members) = (self.applied, self.members.clone());
        // Of Raft's own snapshot only the place counts: what is sent is made then.
        let snapshot = self.log.create_snapshot(index, members, Bytes::new());
        let metadata = snapshot.expect("its entries are in the log").metadata.unwrap_or_default();
        let state = self.shared.state();
        let extent = state.store.extent();
        let base = self.storage.base().filter(|_| self.saved.grew_to(extent));
        let after = base.as_ref().map_or(0, |_| self.saved.revision);
        let mut draft = Draft::new(&Head { metadata, base });
        let rest = draft.append(|bytes| state.begin(after, bytes));
        (self.draft, self.saved, self.snapshot) = (Some((draft, rest)), extent, index);
    }

    /// Adds `portion` bytes to the draft of a snapshot. Begins to write its file when it lacks nothing.
    fn draft_on(&mut self, portion: usize) {
        let Some((mut draft, mut rest)) = self.draft.take() else { return };
        let state = self.shared.state();
        if draft.append(|bytes| state.go_on(&mut rest, portion, bytes)) {
            self.writing = Some(Box::pin(self.storage.write_snapshot(draft)));
        } else {
            self.draft = Some((draft, rest));
        }
    }

    /// Takes up a snapshot whose file was written: what it has need not be in the log any more.
    async fn finish_snapshot(
        &mut self,
        written: Result<Written, storage::Error>,
    ) -> Result<(), Error> {
        self.writing = None;
        let written = written?;
        let index = written.marker.index;
        self.storage.adopt(written).await?;
        self.storage.wal.release(index).await?;
        let keep = index.saturating_sub(self.shared.config.catch_up_entries);
        // Nothing to compact is fine.
        let _ = self.log.compact(keep);
        tracing::debug!(kind = "etcd.snapshot", index, "wrote a snapshot");
        Ok(())
    }
}
