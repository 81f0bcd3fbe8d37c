//! Why a member cannot run.

use std::io;
use std::net::SocketAddr;

use crate::{raft, storage};

/// Why a member cannot run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its disk cannot be worked with.
    #[error(transparent)]
    Storage(#[from] storage::Error),
    /// Its log is not the one that it once acknowledged. It must not vote with it: others may have
    /// counted on what is gone.
    #[error(transparent)]
    LogLost(#[from] raft::Error),
    /// It cannot listen.
    #[error("cannot listen on {addr}: {source}")]
    Listen {
        /// Where.
        addr: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// `initial-cluster` does not name this member with its peer address.
    #[error("`initial-cluster` has no member `{name}` at {addr}: every member names itself there")]
    NotInCluster {
        /// The member's name.
        name: String,
        /// Its advertised peer address.
        addr: SocketAddr,
    },
    /// No member of the cluster to join could be asked.
    #[error("cannot fetch cluster info from the members named in `initial-cluster`: {0}")]
    NoPeerAnswered(String),
    /// The cluster to join is another than `initial-cluster` says.
    #[error("`initial-cluster` does not match the cluster: expected {expected}, found {found}")]
    ClusterMismatch {
        /// What the cluster's members say.
        expected: String,
        /// What the setting says.
        found: String,
    },
    /// A snapshot or log entry that this program did not write.
    #[error("index {index} of the log cannot be read: {what}")]
    Undecodable {
        /// The entry's or snapshot's index.
        index: u64,
        /// What was expected.
        what: &'static str,
    },
}
