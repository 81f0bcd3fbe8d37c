//! The state of a member, its ticks, and the four things it can become.

use anatomy_proto::raftpb::{HardState, Message, MessageType};

use super::NONE;
use super::config::{Config, Jitter};
use super::log::RaftLog;
use super::read_index::ReadOnly;
use super::ready::{ReadState, Role, SoftState};
use super::storage::Storage;
use super::tracker::Tracker;
use crate::defects::Defect;

pub(super) struct Raft<S> {
    pub(super) id: u64,
    pub(super) config: Config,
    jitter: Box<dyn Jitter>,

    pub(super) term: u64,
    pub(super) vote: u64,
    pub(super) role: Role,
    pub(super) leader: u64,
    pub(super) log: RaftLog<S>,
    pub(super) tracker: Tracker,

    /// Since word from a leader; for a leader, since the last quorum check.
    pub(super) election_elapsed: u32,
    heartbeat_elapsed: u32,
    pub(super) randomized_timeout: u32,

    pub(super) transferee: u64,
    /// A membership change may wait in the log up to here; no other is taken until it is applied.
    pub(super) pending_conf_index: u64,
    pub(super) read_only: ReadOnly,
    pub(super) read_states: Vec<ReadState>,
    pub(super) messages: Vec<Message>,
}

/// A message of one kind to one member, everything else unset.
pub(super) fn message(kind: MessageType, to: u64) -> Message {
    Message { r#type: kind.into(), to, ..Default::default() }
}

impl<S: Storage> Raft<S> {
    pub(super) fn new(config: Config, store: S, jitter: Box<dyn Jitter>) -> Self {
        config.validate();
        let (hard_state, conf) = store.initial_state();
        let mut log = RaftLog::new(store);
        let tracker = Tracker::new(&conf, log.last_index() + 1, config.max_inflight_msgs);
        if hard_state != HardState::default() {
            let (low, high) = (log.committed, log.last_index());
            let commit = hard_state.commit;
            assert!((low..=high).contains(&commit), "commit {commit} outside of {low}..={high}");
            log.committed = commit;
        }
        log.applied = log.applied.max(config.applied);
        assert!(log.applied <= log.committed, "applied {} is not committed", log.applied);
        let mut raft = Self {
            id: config.id,
            config,
            jitter,
            term: hard_state.term,
            vote: hard_state.vote,
            role: Role::Follower,
            leader: NONE,
            log,
            tracker,
            election_elapsed: 0,
            heartbeat_elapsed: 0,
            randomized_timeout: 0,
            transferee: NONE,
            pending_conf_index: 0,
            read_only: ReadOnly::default(),
            read_states: Vec::new(),
            messages: Vec::new(),
        };
        raft.become_follower(raft.term, NONE);
        raft
    }

    pub(super) fn soft_state(&self) -> SoftState {
        SoftState { leader: self.leader, role: self.role }
    }

    pub(super) fn hard_state(&self) -> HardState {
        HardState { term: self.term, vote: self.vote, commit: self.log.committed }
    }

    /// Queues a message. Votes carry the term they are about, forwarded requests none, everything
    /// else the sender's.
    pub(super) fn send(&mut self, mut message: Message) {
        if message.from == NONE {
            message.from = self.id;
        }
        match message.r#type() {
            MessageType::MsgVote
            | MessageType::MsgVoteResp
            | MessageType::MsgPreVote
            | MessageType::MsgPreVoteResp => assert_ne!(message.term, 0, "a vote is about a term"),
            MessageType::MsgProp | MessageType::MsgReadIndex => message.term = 0,
            _ => message.term = self.term,
        }
        self.messages.push(message);
    }

    pub(super) fn tick(&mut self) {
        self.election_elapsed += 1;
        if self.role == Role::Leader {
            self.tick_leader();
        } else if self.promotable() && self.election_elapsed >= self.randomized_timeout {
            self.election_elapsed = 0;
            self.campaign(false);
        }
    }

    fn tick_leader(&mut self) {
        self.heartbeat_elapsed += 1;
        if self.election_elapsed >= self.config.election_tick {
            self.election_elapsed = 0;
            if self.config.check_quorum && !self.tracker.quorum_recently_active(self.id) {
                let (id, term) = (self.id, self.term);
                tracing::info!(
                    kind = "raft.quorum-lost",
                    member = %format_args!("{id:x}"),
                    term,
                    "leader {id:x} steps down: no quorum heard from for an election timeout"
                );
                self.become_follower(self.term, NONE);
                return;
            }
            self.transferee = NONE; // a transfer has one election timeout to succeed
        }
        if self.heartbeat_elapsed >= self.config.heartbeat_tick {
            self.heartbeat_elapsed = 0;
            let ctx = self.read_only.last_ctx();
            self.broadcast_heartbeat(ctx);
        }
    }

    fn reset(&mut self, term: u64) {
        if self.term != term {
            self.term = term;
            self.vote = NONE;
        }
        self.leader = NONE;
        self.transferee = NONE;
        self.election_elapsed = 0;
        self.heartbeat_elapsed = 0;
        self.pending_conf_index = 0;
        self.read_only = ReadOnly::default();
        let base = self.config.election_tick;
        self.randomized_timeout = self.jitter.election_timeout(base).clamp(base, 2 * base - 1);
        self.tracker.reset_votes();
        let next = self.log.last_index() + 1;
        for progress in self.tracker.progress.values_mut() {
            progress.reset(next);
        }
    }

    pub(super) fn become_follower(&mut self, term: u64, leader: u64) {
        self.reset(term);
        self.leader = leader;
        self.role = Role::Follower;
    }

    /// Asking first changes neither term nor vote: whoever cannot win disturbs nobody.
    pub(super) fn become_pre_candidate(&mut self) {
        assert_ne!(self.role, Role::Leader, "a leader does not campaign");
        self.tracker.reset_votes();
        self.leader = NONE;
        self.role = Role::PreCandidate;
    }

    pub(super) fn become_candidate(&mut self) {
        assert_ne!(self.role, Role::Leader, "a leader does not campaign");
        self.reset(self.term + 1);
        self.vote = self.id;
        self.role = Role::Candidate;
    }

    /// A leader opens its term with an empty entry: it may count only entries of its own term, so
    /// without one it could not commit what its predecessor left.
    pub(super) fn become_leader(&mut self) {
        assert_eq!(self.role, Role::Candidate, "only a candidate becomes leader");
        self.reset(self.term);
        self.leader = self.id;
        self.role = Role::Leader;
        // What the predecessor left may hold a membership change.
        self.pending_conf_index = self.log.last_index();
        let (saved, id, term) = (self.log.stable_index(), self.id, self.term);
        if let Some(own) = self.tracker.progress.get_mut(&id) {
            own.maybe_update(saved);
            own.become_replicate();
        }
        tracing::info!(
            kind = "raft.elected",
            member = %format_args!("{id:x}"),
            term,
            "{id:x} became raft leader at term {term}"
        );
        if !self.config.defects.has(Defect::OlderTermCommitted) {
            self.append_entries(vec![Default::default()]);
        }
    }
}
