//! What must hold of every run, one property a file (or a folder, where the property is large).

pub mod acknowledged;
pub mod linearizability;
pub mod lock;
pub mod payments;
pub mod raft;
pub mod revisions;
pub mod transfers;
pub mod watch;
