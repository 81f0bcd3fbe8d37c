//! What a member is told once, at its start.

use crate::defects::Defects;

/// The settings of one member. All durations are in ticks of the caller's clock (etcd: 100 ms).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// This member. Never [`super::NONE`].
    pub id: u64,
    /// Ticks without word from a leader before a follower may campaign; the actual wait is drawn
    /// from `election_tick..2 * election_tick` by the [`Jitter`].
    pub election_tick: u32,
    /// Ticks between two heartbeats of a leader.
    pub heartbeat_tick: u32,
    /// Bytes of entries in one append message; one entry always fits. etcd: 1 MiB.
    pub max_size_per_msg: u64,
    /// Append messages that may be under way to one follower. etcd: 512.
    pub max_inflight_msgs: usize,
    /// A leader that has not heard from a quorum for an election timeout steps down, and a member
    /// that has heard from a leader within one ignores candidates. etcd: on.
    pub check_quorum: bool,
    /// Ask whether an election could be won before raising the term. etcd: an option from 3.4 on,
    /// on by default from 3.5.
    pub pre_vote: bool,
    /// The last index that the caller's state machine already holds; nothing up to it is handed
    /// out again. The membership in the storage must be as of this index: etcd starts from its snapshot's.
    pub applied: u64,
    /// What is wrong with it on purpose.
    pub defects: Defects,
}

impl Config {
    /// etcd's defaults for a member: election 10 ticks, heartbeat 1 tick (etcd 3.2.9
    /// etcdserver/raft.go, embed/config.go).
    pub fn new(id: u64) -> Self {
        Self {
            id,
            election_tick: 10,
            heartbeat_tick: 1,
            max_size_per_msg: 1 << 20,
            max_inflight_msgs: 512,
            check_quorum: true,
            pre_vote: false,
            applied: 0,
            defects: Defects::default(),
        }
    }

    /// # Panics
    /// When the settings contradict each other: they come from the program, not from outside.
    pub(super) fn validate(&self) {
        assert_ne!(self.id, super::NONE, "a member needs an id");
        assert!(self.heartbeat_tick > 0, "heartbeat_tick must be at least one");
        assert!(self.election_tick > self.heartbeat_tick, "election_tick must exceed heartbeat");
        assert!(self.max_inflight_msgs > 0, "max_inflight_msgs must be at least one");
    }
}

/// Where the spread of election timeouts comes from. The core has no generator of its own.
pub trait Jitter: Send {
    /// The next election timeout, in ticks, from `base..2 * base`.
    fn election_timeout(&mut self, base: u32) -> u32;
}

impl<F: FnMut(u32) -> u32 + Send> Jitter for F {
    fn election_timeout(&mut self, base: u32) -> u32 {
        self(base)
    }
}
