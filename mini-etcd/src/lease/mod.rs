//! Leases: keys that go away together when nobody renews them.
//!
//! Which leases exist and what they hold changes through Raft alone. *When* they run out is known
//! to the leader only (the primary lessor, in etcd's words): it renews without a log entry and
//! proposes a revocation for what ran out. A new leader gives every lease its whole time again,
//! unless the log says how much was left: from 3.4 on the leader may note that every few minutes
//! (a checkpoint, etcd 3.4 lease/lessor.go).

pub mod lessor;

use bytes::Bytes;

pub use lessor::{Lessor, Renewed};

/// The longest time to live in seconds (etcd 3.2 lease/lessor.go `maxLeaseTTL`).
pub const TTL_MAX: i64 = 9_000_000_000;

/// Why a lease could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeaseError {
    /// There is no such lease.
    #[error("requested lease not found")]
    NotFound,
    /// The id is taken.
    #[error("lease already exists")]
    Exists,
    /// The time to live is above [`TTL_MAX`].
    #[error("too large lease TTL")]
    TooLargeTtl,
    /// Only the leader knows when leases run out.
    #[error("not the primary lessor")]
    NotPrimary,
    /// It ran out, and its revocation is on its way through the log.
    #[error("the lease is being revoked")]
    RunOut,
}

/// What `LeaseTimeToLive` tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeToLive {
    /// Seconds asked for at the grant.
    pub granted: i64,
    /// Seconds left.
    pub remaining: i64,
    /// The keys attached, in order.
    pub keys: Vec<Bytes>,
}

/// A lease in a snapshot.
#[derive(Clone, PartialEq, prost::Message)]
pub struct LeaseImage {
    /// Its id.
    #[prost(int64, tag = "1")]
    pub id: i64,
    /// Its time to live in seconds.
    #[prost(int64, tag = "2")]
    pub ttl: i64,
    /// Seconds left at its last checkpoint; 0 where there is none.
    #[prost(int64, tag = "3")]
    pub remaining: i64,
}
