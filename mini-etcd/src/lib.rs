//! A small etcd.

pub mod client;
pub mod lease;
pub mod mvcc;
mod profile;
pub mod raft;
pub mod server;
pub mod storage;

pub use profile::Profile;
