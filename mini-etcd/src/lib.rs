//! A small etcd: members that are real programs over `harness-env`, and the historical clients of
//! the v3 API.
//!
//! A member keeps a log with others (Raft), a multi-version store made from it, leases and
//! watches, and serves etcd's own gRPC API. Which etcd it is, is a [`Profile`]: the differences
//! between 3.1, 3.2 and 3.4 that clients can notice decided how outages went.
//!
//! ```no_run
//! use harness_env::real::Machine;
//! use mini_etcd::Profile;
//! use mini_etcd::server::{Config, run};
//!
//! # async fn example() -> Result<(), mini_etcd::server::Error> {
//! let (client, peer) = (([127, 0, 0, 1], 2379).into(), ([127, 0, 0, 1], 2380).into());
//! let config = Config::new("default", client, peer, Profile::V3_2_9);
//! run(Machine::new("etcd", ".").env(), config, std::future::pending()).await
//! # }
//! ```
//!
//! | module | the question it answers |
//! |---|---|
//! | [`raft`] | how members agree on a log, without I/O |
//! | [`storage`] | what survives a crash |
//! | [`mvcc`] | what was stored at a revision, and what changed since |
//! | [`lease`] | which keys go away when nobody renews them |
//! | [`server`] | the member |
//! | [`client`] | clientv3 as of its generations |
//! | [`defects`] | which mistakes can be planted, to check who checks |
//!
//! Not modelled: users and roles (authentication is off), TLS, the v2 API beyond a member's
//! attributes, raising the cluster's version. The store is in memory and in Raft's snapshots; a
//! database file is made for `etcdctl snapshot` alone, and its size is a model of what it would be.

pub mod client;
pub mod defects;
pub mod lease;
pub mod mvcc;
mod profile;
pub mod raft;
pub mod server;
pub mod storage;

pub use profile::Profile;
