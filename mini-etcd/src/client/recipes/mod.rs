//! What is built on etcd again and again: a session that is alive as long as its process, a lock, an
//! election (etcd 3.4 clientv3/concurrency). The keys and transactions are etcdctl's too, so
//! `etcdctl lock` and `etcdctl elect` queue up in the same line.
//!
//! Whoever wants to be first puts a key under a prefix, named after its session's lease. First is
//! whose key was created first; everybody else waits until the keys created before theirs are
//! gone. The keys go away with the lease.

mod election;
mod line;
mod mutex;
mod session;

pub use election::{Election, Leader, Observer};
pub use mutex::Mutex;
pub use session::Session;

use super::Error;

/// Why somebody is not first, or cannot be.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RecipeError {
    /// etcd refused, or was not there.
    #[error(transparent)]
    Etcd(#[from] Error),
    /// The session ended while it waited.
    #[error("the session has expired")]
    SessionExpired,
    /// Somebody else has the lock.
    #[error("the lock is held by another session")]
    Locked,
    /// There is a later leader, or none.
    #[error("this session is not the leader")]
    NotLeader,
    /// A watch was cancelled by etcd: history that it needed is compacted.
    #[error("the watch was cancelled at revision {0}")]
    Cancelled(i64),
}
