//! What must hold of every run, one property a file (or a folder, where the property is large).

pub mod linearizability;
pub mod payments;
pub mod watch;
