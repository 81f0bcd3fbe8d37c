//! Leases: keys that go away together when nobody renews them.
//!
//! Which leases exist and what they hold changes through Raft alone. *When* they run out is known
//! to the leader only (the primary lessor, in etcd's words): it renews without a log entry and
//! proposes a revocation for what ran out. A new leader gives every lease its whole time again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

/// The longest time to live in seconds (etcd 3.2 lease/lessor.go `maxLeaseTTL`).
pub const TTL_MAX: i64 = 9_000_000_000;

/// All leases of a member.
#[derive(Debug)]
pub struct Lessor {
    leases: BTreeMap<i64, Lease>,
    owners: BTreeMap<Bytes, i64>,
    /// The shortest time to live in seconds; shorter ones are raised to it.
    ttl_min: i64,
    primary: bool,
}

#[derive(Debug)]
struct Lease {
    /// Seconds.
    ttl: i64,
    keys: BTreeSet<Bytes>,
    /// Known on the leader alone.
    expires: Option<Instant>,
}

/// Why a lease could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeaseError {
    /// There is no such lease, or it ran out.
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
}

fn seconds(ttl: i64) -> Duration {
    Duration::from_secs(ttl.max(0) as u64)
}

impl Lessor {
    /// No leases. The shortest time to live is one and a half election time-outs, in whole seconds
    /// (etcd 3.2 etcdserver/server.go `minTTL`).
    pub fn new(election: Duration) -> Self {
        let ttl_min = (election.as_millis() as u64 * 3 / 2).div_ceil(1000) as i64;
        Lessor { leases: BTreeMap::new(), owners: BTreeMap::new(), ttl_min, primary: false }
    }

    /// Makes a lease. Returns its time to live in seconds.
    ///
    /// # Errors
    /// [`LeaseError::Exists`], [`LeaseError::TooLargeTtl`].
    pub fn grant(&mut self, id: i64, ttl: i64, now: Instant) -> Result<i64, LeaseError> {
        if ttl > TTL_MAX {
            return Err(LeaseError::TooLargeTtl);
        }
        if self.leases.contains_key(&id) {
            return Err(LeaseError::Exists);
        }
        let ttl = ttl.max(self.ttl_min);
        let expires = self.primary.then(|| now + seconds(ttl));
        self.leases.insert(id, Lease { ttl, keys: BTreeSet::new(), expires });
        Ok(ttl)
    }

    /// Ends a lease. Returns the keys that were attached.
    ///
    /// # Errors
    /// [`LeaseError::NotFound`].
    pub fn revoke(&mut self, id: i64) -> Result<Vec<Bytes>, LeaseError> {
        let lease = self.leases.remove(&id).ok_or(LeaseError::NotFound)?;
        for key in &lease.keys {
            self.owners.remove(key);
        }
        Ok(lease.keys.into_iter().collect())
    }

    /// Whether the lease exists.
    pub fn contains(&self, id: i64) -> bool {
        self.leases.contains_key(&id)
    }

    /// Attaches a key to a lease (0: to none), taking it off the one it was attached to.
    pub fn attach(&mut self, key: &Bytes, id: i64) {
        if let Some(old) = self.owners.remove(key)
            && let Some(lease) = self.leases.get_mut(&old)
        {
            lease.keys.remove(key);
        }
        if let Some(lease) = self.leases.get_mut(&id) {
            lease.keys.insert(key.clone());
            self.owners.insert(key.clone(), id);
        }
    }

    /// Gives a lease its whole time again. Returns its time to live in seconds.
    ///
    /// # Errors
    /// [`LeaseError::NotPrimary`], and [`LeaseError::NotFound`] also where it ran out already.
    pub fn renew(&mut self, id: i64, now: Instant) -> Result<i64, LeaseError> {
        if !self.primary {
            return Err(LeaseError::NotPrimary);
        }
        let lease = self.leases.get_mut(&id).ok_or(LeaseError::NotFound)?;
        if lease.expires.is_some_and(|at| at <= now) {
            return Err(LeaseError::NotFound);
        }
        lease.expires = Some(now + seconds(lease.ttl));
        Ok(lease.ttl)
    }

    /// What is known of a lease.
    ///
    /// # Errors
    /// [`LeaseError::NotPrimary`], [`LeaseError::NotFound`].
    pub fn time_to_live(&self, id: i64, now: Instant) -> Result<TimeToLive, LeaseError> {
        if !self.primary {
            return Err(LeaseError::NotPrimary);
        }
        let lease = self.leases.get(&id).ok_or(LeaseError::NotFound)?;
        let remaining =
            lease.expires.map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        Ok(TimeToLive {
            granted: lease.ttl,
            remaining: remaining.as_secs() as i64,
            keys: lease.keys.iter().cloned().collect(),
        })
    }

    /// The ids of all leases, in order.
    pub fn ids(&self) -> Vec<i64> {
        self.leases.keys().copied().collect()
    }

    /// Becomes the leader's: every lease gets its whole time, and `extend` on top.
    pub fn promote(&mut self, now: Instant, extend: Duration) {
        self.primary = true;
        for lease in self.leases.values_mut() {
            lease.expires = Some(now + extend + seconds(lease.ttl));
        }
    }

    /// Is the leader's no more: nothing runs out here.
    pub fn demote(&mut self) {
        self.primary = false;
        self.leases.values_mut().for_each(|lease| lease.expires = None);
    }

    /// Up to `limit` leases that have run out, in the order of their ids.
    pub fn expired(&self, now: Instant, limit: usize) -> Vec<i64> {
        let ran_out = self.leases.iter().filter(|(_, l)| l.expires.is_some_and(|at| at <= now));
        ran_out.map(|(id, _)| *id).take(limit).collect()
    }

    /// Whether something here can run out.
    pub fn is_watching(&self) -> bool {
        self.primary && !self.leases.is_empty()
    }

    /// The leases as messages. What they hold is in the store.
    pub fn image(&self) -> Vec<LeaseImage> {
        self.leases.iter().map(|(id, lease)| LeaseImage { id: *id, ttl: lease.ttl }).collect()
    }

    /// Replaces everything by what an image holds. The keys have to be attached anew.
    pub fn restore(&mut self, image: Vec<LeaseImage>) {
        self.owners.clear();
        self.leases = image
            .into_iter()
            .map(|i| (i.id, Lease { ttl: i.ttl, keys: BTreeSet::new(), expires: None }))
            .collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lessor() -> (Lessor, Instant) {
        let now = Instant::now();
        let mut lessor = Lessor::new(Duration::from_secs(1));
        lessor.promote(now, Duration::ZERO);
        (lessor, now)
    }

    #[test]
    fn a_lease_that_is_not_renewed_runs_out() {
        let (mut lessor, now) = lessor();
        assert_eq!(lessor.grant(1, 10, now), Ok(10));
        let later = now + Duration::from_secs(9);
        assert_eq!(lessor.renew(1, later), Ok(10));
        assert!(lessor.expired(later + Duration::from_secs(9), 10).is_empty());
        assert_eq!(lessor.expired(later + Duration::from_secs(10), 10), [1]);
        assert_eq!(lessor.renew(1, later + Duration::from_secs(10)), Err(LeaseError::NotFound));
    }

    #[test]
    fn a_short_time_to_live_is_raised_to_one_and_a_half_elections() {
        let (mut lessor, now) = lessor();
        assert_eq!(lessor.grant(1, 1, now), Ok(2));
        assert_eq!(lessor.grant(1, 5, now), Err(LeaseError::Exists));
        assert_eq!(lessor.grant(2, TTL_MAX + 1, now), Err(LeaseError::TooLargeTtl));
    }

    #[test]
    fn a_key_hangs_on_the_last_lease_it_was_put_with() {
        let (mut lessor, now) = lessor();
        lessor.grant(1, 10, now).unwrap();
        lessor.grant(2, 10, now).unwrap();
        let key = Bytes::from_static(b"k");
        lessor.attach(&key, 1);
        lessor.attach(&key, 2);
        assert_eq!(lessor.revoke(1), Ok(vec![]));
        assert_eq!(lessor.revoke(2), Ok(vec![key]));
    }

    #[test]
    fn a_new_leader_gives_every_lease_its_whole_time() {
        let (mut lessor, now) = lessor();
        lessor.grant(1, 10, now).unwrap();
        lessor.demote();
        assert!(lessor.expired(now + Duration::from_secs(60), 10).is_empty());
        assert_eq!(lessor.renew(1, now), Err(LeaseError::NotPrimary));
        let elected = now + Duration::from_secs(60);
        lessor.promote(elected, Duration::from_secs(1));
        assert!(lessor.expired(elected + Duration::from_secs(10), 10).is_empty());
        assert_eq!(lessor.expired(elected + Duration::from_secs(11), 10), [1]);
    }
}
