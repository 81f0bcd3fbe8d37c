//! Raft: what must hold of the members of a cluster after everything that any of them does.
//!
//! The promises are those of Ongaro and Ousterhout, "In Search of an Understandable Consensus
//! Algorithm" (2014), figure 3, and of Ongaro's thesis (2014), chapters 3 and 4; what has to be
//! durable before a message leaves is the thesis' 3.8 and 10.2.1. Nothing is asked of the members: an
//! [`Observer`] hears what they save, send and apply, and everything is checked as it is heard.
//!
//! | file | the idea |
//! |---|---|
//! | `member` | what a member has on its disk and believes, as far as was heard |
//! | `disk` | durability: what a message promises, and what a restart finds |
//! | `log` | entries: log matching, state machine safety |
//! | `leader` | election safety, leader completeness, commit |
//! | `voters` | quorum intersection |

mod disk;
mod leader;
mod log;
mod member;
#[cfg(test)]
mod tests;
mod voters;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use mini_etcd::server::observer::{Observation, Observer};

use crate::outcome::Violation;
use member::{Identity, Member};

/// The name in [`Violation::oracle`].
pub const NAME: &str = "raft";

/// How many broken promises are told: what comes after follows from them.
const TOLD: usize = 10;

/// A promise that was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// A term has at most one leader (figure 3).
    ElectionSafety,
    /// Entries of the same index and term are the same, and so is all before them (figure 3).
    LogMatching,
    /// What is committed is in the log of every later leader (figure 3).
    LeaderCompleteness,
    /// No two members apply different entries at an index (figure 3).
    StateMachineSafety,
    /// What a member knows to be committed does not become less (3.5).
    MonotonicCommit,
    /// A leader commits what a quorum has on disk, and by counting only entries of its own term
    /// (3.6.2).
    CommitByQuorum,
    /// A quorum of the voters before a change and one after it have a member in common (4.1): members
    /// come and go one at a time.
    QuorumIntersection,
    /// What a member has promised is on its disk before the promise leaves, and found there again
    /// (3.8): its vote, its term, its entries.
    Durability,
}

impl Invariant {
    fn name(self) -> &'static str {
        match self {
            Invariant::ElectionSafety => "election safety",
            Invariant::LogMatching => "log matching",
            Invariant::LeaderCompleteness => "leader completeness",
            Invariant::StateMachineSafety => "state machine safety",
            Invariant::MonotonicCommit => "monotonic commit",
            Invariant::CommitByQuorum => "commit by quorum",
            Invariant::QuorumIntersection => "quorum intersection",
            Invariant::Durability => "durability",
        }
    }
}

/// What was heard of a cluster, and what is wrong with it.
#[derive(Debug, Default)]
pub struct Checker {
    members: BTreeMap<u64, Member>,
    /// Who led each term.
    leaders: BTreeMap<u64, u64>,
    /// Every entry that was ever written: what it is, and the term of the one before it.
    entries: BTreeMap<(u64, u64), (Identity, Option<u64>)>,
    /// The term of each entry that is known to be committed.
    committed: BTreeMap<u64, u64>,
    /// What was applied at each index: the entry, and the revision after it.
    applied: BTreeMap<u64, (Identity, i64)>,
    /// The voters after each change, by its index.
    voters: BTreeMap<u64, BTreeSet<u64>>,
    found: Vec<(Invariant, String)>,
}

impl Checker {
    /// Hears what a member does.
    pub fn hear(&mut self, id: u64, what: Observation<'_>) {
        match what {
            Observation::Started { hard_state, snapshot, log, applied } => {
                self.started(id, hard_state, &snapshot, &log, applied);
            }
            Observation::Saving { snapshot, entries, hard_state } => {
                self.saving(id, snapshot, entries, hard_state);
            }
            Observation::Saved => self.saved(id),
            Observation::Sent(messages) => messages.iter().for_each(|one| self.sent(id, one)),
            Observation::Applied { entry, revision, members } => {
                self.applied(id, entry, revision);
                self.configured(id, entry.index, members);
            }
            Observation::Turned(status) => self.turned(id, status),
        }
    }

    fn broken(&mut self, invariant: Invariant, text: String) {
        if self.found.len() < TOLD {
            self.found.push((invariant, text));
        }
    }

    /// What is wrong.
    pub fn violations(&self) -> Vec<Violation> {
        let told = |(invariant, text): &(Invariant, String)| Violation {
            oracle: NAME.to_owned(),
            text: format!("{}: {text}", invariant.name()),
            data_loss: false,
        };
        self.found.iter().map(told).collect()
    }
}

/// A checker that hears all members of a run. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Listener(Arc<Mutex<Checker>>);

impl Listener {
    /// What is wrong so far.
    pub fn violations(&self) -> Vec<Violation> {
        self.0.lock().expect("no panic with the lock").violations()
    }
}

impl Observer for Listener {
    fn observe(&self, member: u64, what: Observation<'_>) {
        self.0.lock().expect("no panic with the lock").hear(member, what);
    }
}
