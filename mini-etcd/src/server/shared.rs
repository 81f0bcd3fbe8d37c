//! What the parts of a member have in common: its state, and how to get a request into the log and
//! its outcome back.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use anatomy_proto::etcdserverpb::{InternalRaftRequest, RequestHeader};
use anatomy_proto::raftpb::{ConfChange, ConfChangeType};
use harness_env::Wall;
use prost::Message;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

use super::apply::Outcome;
use super::config::Config;
use super::membership::ChangeContext;
use super::metrics::Metrics;
use super::node::Input;
use super::peer::Transport;
use super::peer::ask::Questions;
use super::pulse::Pulse;
use super::quota::Database;
use super::refusal::Refusal;
use super::signal::Signal;
use super::state::State;
use crate::raft::NONE;

/// Who leads, as this member knows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Leader {
    /// The leader, or [`NONE`].
    pub id: u64,
    /// Raft's term.
    pub term: u64,
    /// How many leaders there were.
    pub elected: u64,
    /// When the last leader came that this member noted.
    pub since: Instant,
}

/// How far Raft has come.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Progress {
    pub commit: u64,
    pub applied: u64,
}

/// A member's common things.
pub(crate) struct Shared {
    pub id: u64,
    pub config: Config,
    state: Mutex<State>,
    /// The store's revision, for watches.
    pub revision: Signal<i64>,
    pub progress: Signal<Progress>,
    pub leader: Signal<Leader>,
    pub pulse: Pulse,
    /// Whether leases can run out here.
    pub leases: Signal<bool>,
    /// Whether the member is part of the cluster and has told its attributes.
    pub ready: Signal<bool>,
    pub stopping: Signal<bool>,
    /// Whether the member is no longer one.
    pub removed: Signal<bool>,
    pub inputs: mpsc::Sender<Input>,
    pub reads: mpsc::Sender<oneshot::Sender<Result<(), Refusal>>>,
    pub transport: Transport,
    pub questions: Questions,
    pub database: Database,
    pub metrics: Metrics,
    waiters: Mutex<BTreeMap<u64, oneshot::Sender<Outcome>>>,
    ids: Ids,
}

/// Where the inputs of the parts go.
pub(crate) struct Channels {
    pub inputs: mpsc::Sender<Input>,
    pub reads: mpsc::Sender<oneshot::Sender<Result<(), Refusal>>>,
}

/// Numbers that no other member and no earlier start of this one has used: the member, the time of
/// the start in milliseconds, a count (etcd pkg/idutil).
struct Ids {
    prefix: u64,
    count: AtomicU64,
}

impl Ids {
    fn new(member: u64, started: Wall) -> Self {
        let millis = (started.0 / 1_000_000) as u64 & ((1 << 40) - 1);
        Ids { prefix: member << 48, count: AtomicU64::new(millis << 8) }
    }

    fn next(&self) -> u64 {
        let count = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        self.prefix | (count & ((1 << 48) - 1))
    }
}

impl Shared {
    pub fn new(
        id: u64,
        config: Config,
        state: State,
        transport: Transport,
        channels: Channels,
        started: Wall,
    ) -> Self {
        let leader = Leader { id: NONE, term: 0, elected: 0, since: Instant::now() };
        Shared {
            id,
            pulse: Pulse::new(Instant::now(), config.heartbeat),
            config,
            revision: Signal::new(state.store.revision()),
            state: Mutex::new(state),
            progress: Signal::new(Progress::default()),
            leader: Signal::new(leader),
            leases: Signal::new(false),
            ready: Signal::new(false),
            stopping: Signal::new(false),
            removed: Signal::new(false),
            inputs: channels.inputs,
            reads: channels.reads,
            transport,
            questions: Questions::default(),
            database: Database::default(),
            metrics: Metrics::default(),
            waiters: Mutex::default(),
            ids: Ids::new(id, started),
        }
    }

    /// The replicated state. Not to be held over an await.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no task panics with the lock")
    }

    pub fn is_leader(&self) -> bool {
        self.leader.get().id == self.id
    }

    pub fn next_id(&self) -> u64 {
        self.ids.next()
    }

    /// Puts a request into the log and waits for its outcome, for as long as etcd does.
    pub async fn propose(&self, mut request: InternalRaftRequest) -> Outcome {
        let id = self.next_id();
        request.header = Some(RequestHeader { id, ..RequestHeader::default() });
        let data = request.encode_to_vec();
        if data.len() > self.config.max_request_bytes {
            return Err(Refusal::RequestTooLarge);
        }
        self.outcome(id, Input::Propose { id, data: data.into() }, true).await
    }

    /// Puts what this member decided as the leader of `term` into the log, if it still leads.
    pub async fn decide(&self, term: u64, mut request: InternalRaftRequest) {
        let id = self.next_id();
        request.header = Some(RequestHeader { id, ..RequestHeader::default() });
        let data = request.encode_to_vec().into();
        drop(self.inputs.send(Input::Decide { term, data }).await);
    }

    /// Puts a membership change into the log and waits for its outcome. Without a time-out of its
    /// own in etcd 3.1–3.4 (the caller's deadline is the only one), so a change that Raft drops
    /// hangs; here it ends after the request time-out, with the same error.
    pub async fn configure(&self, kind: ConfChangeType, node: u64, to: ChangeContext) -> Outcome {
        let id = self.next_id();
        let context = to.encode_to_vec().into();
        let change = ConfChange { id, r#type: kind.into(), node_id: node, context };
        self.outcome(id, Input::Configure { id, change }, false).await
    }

    async fn outcome(&self, id: u64, input: Input, explain: bool) -> Outcome {
        let started = Instant::now();
        let (sender, receiver) = oneshot::channel();
        self.waiters().insert(id, sender);
        let _forget = Forget { shared: self, id };
        if self.inputs.send(input).await.is_err() {
            return Err(Refusal::Stopped);
        }
        let failed = match timeout(self.config.request_timeout(), receiver).await {
            Ok(Ok(outcome)) => return outcome,
            Ok(Err(_)) => Refusal::Stopped,
            Err(_) if explain => self.explain_timeout(started),
            Err(_) => Refusal::Timeout,
        };
        self.metrics.proposals_failed.add(1);
        Err(failed)
    }

    fn waiters(&self) -> MutexGuard<'_, BTreeMap<u64, oneshot::Sender<Outcome>>> {
        self.waiters.lock().expect("no task panics with the lock")
    }

    /// How many requests wait for their outcome.
    pub fn pending(&self) -> usize {
        self.waiters().len()
    }

    /// Whether somebody still waits for a request.
    pub fn is_awaited(&self, id: u64) -> bool {
        self.waiters().contains_key(&id)
    }

    /// Hands an outcome to who waits for it.
    pub fn resolve(&self, id: u64, outcome: Outcome) {
        if let Some(waiter) = self.waiters().remove(&id) {
            drop(waiter.send(outcome));
        }
    }

    /// Which of its time-outs etcd answers with (etcd 3.2 etcdserver/server.go
    /// `parseProposeCtxErr`).
    fn explain_timeout(&self, started: Instant) -> Refusal {
        let leader = self.leader.get();
        let lost = leader.since.checked_sub(2 * self.config.election);
        if started < leader.since && lost.is_none_or(|lost| started > lost) {
            return Refusal::TimeoutLeaderFailed;
        }
        let connected = match leader.id {
            NONE => true,
            id if id == self.id => {
                let (connected, all) = self.connected_since(started);
                connected > all / 2
            }
            id => self.transport.active_since(id).is_some_and(|since| since < started),
        };
        if connected { Refusal::Timeout } else { Refusal::TimeoutConnectionLost }
    }

    /// How many voters have been connected since `since` (this one counts), and how many there
    /// are.
    pub fn connected_since(&self, since: Instant) -> (usize, usize) {
        let members: Vec<u64> = self.state().membership.voters().map(|member| member.id).collect();
        let connected = members.iter().filter(|id| {
            **id == self.id || self.transport.active_since(**id).is_some_and(|at| at < since)
        });
        (connected.count(), members.len())
    }

    /// Waits until this member has applied everything that was committed when it was asked.
    pub async fn linearize(&self) -> Result<(), Refusal> {
        let (sender, receiver) = oneshot::channel();
        if self.reads.send(sender).await.is_err() {
            return Err(Refusal::Stopped);
        }
        receiver.await.unwrap_or(Err(Refusal::Stopped))
    }

    /// Hands the leadership to `to` and waits until it has it.
    pub async fn transfer_leader(&self, to: u64, within: Duration) -> Result<(), Refusal> {
        if self.inputs.send(Input::Transfer(to)).await.is_err() {
            return Err(Refusal::Stopped);
        }
        let done = timeout(within, self.leader.wait(|leader| leader.id == to)).await;
        done.map(drop).map_err(|_| Refusal::TimeoutTransfer)
    }
}

/// Forgets a waiter whose caller went away.
struct Forget<'a> {
    shared: &'a Shared,
    id: u64,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.shared.waiters().remove(&self.id);
    }
}
