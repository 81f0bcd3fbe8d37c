//! The multi-version store: every change makes a revision, old revisions stay readable until they
//! are compacted, and the records in revision order are the history that watches read.
//!
//! Everything is in memory. etcd keeps the same two structures, the key index in memory and the
//! records in a bbolt file; here Raft's snapshots hold the records, each those that are new, and the
//! rest is replayed from the write-ahead log, so that a member has one durable format less. Changes
//! come from Raft entries alone and are a function of them.
//!
//! | module | the question it answers |
//! |---|---|
//! | [`key_index`] | which revisions a key has had |
//! | [`store`] | what was stored at a revision |
//! | [`write`](mod@write) | what a transaction changes |
//! | [`range`] | how a range request is answered |
//! | [`history`] | what happened between two revisions |
//! | [`image`] | how the store is written to snapshots |
//! | [`backend`] | what etcd's database file would hold |

pub mod backend;
pub mod history;
pub mod image;
pub mod key_index;
pub mod keys;
pub mod range;
pub mod store;
pub mod write;

#[cfg(test)]
mod model;

pub use keys::Keys;
pub use store::{Store, StoreError};
pub use write::Write;

/// When something was changed: `main` numbers the transactions, `sub` the changes within one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revision {
    /// The transaction, from 2 (an empty store is at revision 1).
    pub main: i64,
    /// The change within it, from 0.
    pub sub: i64,
}
