//! What survives a crash: a write-ahead log of Raft's hard state and entries, and snapshot files.
//!
//! The layout is etcd's (`member/wal`, `member/snap`, names in hexadecimal), the record format is
//! our own. A record is durable once [`Wal::save`] has returned from a synced write; Raft messages
//! that depend on it leave after that. On start the newest snapshot whose marker is in the log is
//! loaded, from one file or several, and the entries after it are replayed.
//!
//! | module | the question it answers |
//! |---|---|
//! | [`record`] | what bytes a record is, and whether bad bytes are a torn write or damage |
//! | [`segment`] | how log files are named and read |
//! | [`wal`] | how records are appended |
//! | [`snap`] | how snapshot files are written and found |
//! | [`bolt`] | what the database file is that etcd's tools read |
//! | [`open`](mod@open) | what a member finds when it starts |

pub mod bolt;
pub mod open;
pub mod record;
pub mod segment;
pub mod snap;
pub mod wal;

#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;

pub use open::{Opened, Storage, Written};
pub use wal::Wal;

/// A disk that cannot be worked with.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file holds what was never written to it.
    #[error("{path} is damaged at byte {offset}: {what}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where in it, in bytes.
        offset: u64,
        /// What was found and what was expected.
        what: String,
    },
}

/// Adds the path to an I/O error.
pub(crate) fn at(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
    let path = path.into();
    move |source| Error::Io { path, source }
}
