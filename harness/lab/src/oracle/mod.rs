//! What must hold of every run, one property a file.

pub mod payments;
