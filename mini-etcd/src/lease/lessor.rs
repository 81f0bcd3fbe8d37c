//! All leases of a member.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::{LeaseError, LeaseImage, TTL_MAX, TimeToLive};
use crate::defects::{Defect, Defects};

/// All leases of a member.
#[derive(Debug)]
pub struct Lessor {
    leases: BTreeMap<i64, Lease>,
    owners: BTreeMap<Bytes, i64>,
    /// The shortest time to live in seconds; shorter ones are raised to it.
    ttl_min: i64,
    /// How often the log is to note how much is left of a lease that is longer than this.
    checkpoints: Option<Duration>,
    primary: bool,
    /// On the leader: when leases run out, and when they are to be noted.
    deadlines: BTreeSet<(Instant, i64)>,
    due: BTreeSet<(Instant, i64)>,
    defects: Defects,
}

#[derive(Debug)]
struct Lease {
    /// Seconds.
    ttl: i64,
    /// Seconds left at the last checkpoint; 0 where there is none.
    remaining: i64,
    keys: BTreeSet<Bytes>,
    /// Known on the leader alone.
    expires: Option<Instant>,
}

impl Lease {
    fn new(ttl: i64, remaining: i64) -> Self {
        Lease { ttl, remaining, keys: BTreeSet::new(), expires: None }
    }

    /// What a new leader gives it.
    fn left(&self) -> i64 {
        if self.remaining > 0 { self.remaining } else { self.ttl }
    }
}

/// What a renewal comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewed {
    /// It lives for these seconds again.
    For(i64),
    /// The log says that less is left of it: that has to be taken back first, with a checkpoint of 0.
    Noted,
}

fn seconds(ttl: i64) -> Duration {
    Duration::from_secs(ttl.max(0) as u64)
}

impl Lessor {
    /// No leases. The shortest time to live is one and a half election time-outs, in whole seconds
    /// (etcd 3.2 etcdserver/server.go `minTTL`).
    pub fn new(election: Duration) -> Self {
        let ttl_min = (election.as_millis() as u64 * 3 / 2).div_ceil(1000) as i64;
        Lessor {
            leases: BTreeMap::new(),
            owners: BTreeMap::new(),
            ttl_min,
            checkpoints: None,
            primary: false,
            deadlines: BTreeSet::new(),
            due: BTreeSet::new(),
            defects: Defects::default(),
        }
    }

    /// Makes it wrong on purpose.
    pub fn plant(&mut self, defects: Defects) {
        self.defects = defects;
    }

    /// Whether leases run out here.
    fn keeps_time(&self) -> bool {
        self.primary || self.defects.has(Defect::LeaseExpiredByFollower)
    }

    /// Notes how much is left of long leases this often; never where it is `None`.
    pub fn set_checkpoints(&mut self, every: Option<Duration>) {
        self.checkpoints = every;
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
        self.leases.insert(id, Lease::new(ttl, 0));
        if self.keeps_time() {
            self.prolong(id, now + seconds(ttl));
        }
        if self.primary {
            self.schedule(id, now);
        }
        Ok(ttl)
    }

    /// Ends a lease. Returns the keys that were attached.
    ///
    /// # Errors
    /// [`LeaseError::NotFound`].
    pub fn revoke(&mut self, id: i64) -> Result<Vec<Bytes>, LeaseError> {
        let lease = self.leases.remove(&id).ok_or(LeaseError::NotFound)?;
        if let Some(at) = lease.expires {
            self.deadlines.remove(&(at, id));
        }
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

    /// Gives a lease its whole time again, if it may have it.
    ///
    /// # Errors
    /// [`LeaseError::NotPrimary`], [`LeaseError::NotFound`], and [`LeaseError::RunOut`]: then
    /// whether it can be renewed shows when its revocation has come or the leader has changed.
    pub fn renew(&mut self, id: i64, now: Instant) -> Result<Renewed, LeaseError> {
        if !self.primary {
            return Err(LeaseError::NotPrimary);
        }
        let lease = self.leases.get_mut(&id).ok_or(LeaseError::NotFound)?;
        if lease.expires.is_some_and(|at| at <= now) {
            return Err(LeaseError::RunOut);
        }
        if lease.remaining > 0 && self.checkpoints.is_some() {
            return Ok(Renewed::Noted);
        }
        let ttl = lease.ttl;
        self.prolong(id, now + seconds(ttl));
        Ok(Renewed::For(ttl))
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

    /// Becomes the leader's: every lease gets what the log says is left of it, else its whole time,
    /// and `extend` on top.
    pub fn promote(&mut self, now: Instant, extend: Duration) {
        self.primary = true;
        for id in self.ids() {
            let left = self.leases[&id].left();
            self.prolong(id, now + extend + seconds(left));
            self.schedule(id, now);
        }
    }

    /// Is the leader's no more: nothing runs out here.
    pub fn demote(&mut self) {
        self.primary = false;
        self.due.clear();
        if !self.keeps_time() {
            self.leases.values_mut().for_each(|lease| lease.expires = None);
            self.deadlines.clear();
        }
    }

    /// Up to `limit` leases that have run out, the first to do so first.
    pub fn expired(&self, now: Instant, limit: usize) -> Vec<i64> {
        self.deadlines.range(..=(now, i64::MAX)).map(|(_, id)| *id).take(limit).collect()
    }

    /// Up to `limit` leases whose time left is to be noted now, with that time in seconds.
    pub fn due_checkpoints(&mut self, now: Instant, limit: usize) -> Vec<(i64, i64)> {
        let mut due = Vec::new();
        while due.len() < limit
            && let Some((at, id)) = self.due.first().copied()
            && at <= now
        {
            self.due.remove(&(at, id));
            let Some(lease) = self.leases.get(&id) else { continue };
            let Some(left) = lease.expires.and_then(|at| at.checked_duration_since(now)) else {
                continue;
            };
            let left = left.as_millis().div_ceil(1000) as i64;
            if left >= lease.ttl {
                self.schedule(id, now);
            } else if left > 0 {
                due.push((id, left));
            }
        }
        due
    }

    /// The log notes how many seconds are left of a lease; 0: its whole time.
    pub fn checkpoint(&mut self, id: i64, remaining: i64, now: Instant) {
        if let Some(lease) = self.leases.get_mut(&id) {
            lease.remaining = remaining;
            if self.primary {
                self.schedule(id, now);
            }
        }
    }

    /// Whether something here can run out.
    pub fn is_watching(&self) -> bool {
        self.keeps_time() && !self.leases.is_empty()
    }

    /// The leases as messages. What they hold is in the store.
    pub fn image(&self) -> Vec<LeaseImage> {
        let image = |(id, lease): (&i64, &Lease)| LeaseImage {
            id: *id,
            ttl: lease.ttl,
            remaining: lease.remaining,
        };
        self.leases.iter().map(image).collect()
    }

    /// Replaces everything by what an image holds. The keys have to be attached anew.
    pub fn restore(&mut self, image: Vec<LeaseImage>) {
        self.owners.clear();
        self.deadlines.clear();
        self.due.clear();
        self.leases = image.into_iter().map(|i| (i.id, Lease::new(i.ttl, i.remaining))).collect();
    }

    fn prolong(&mut self, id: i64, until: Instant) {
        let lease = self.leases.get_mut(&id).expect("who prolongs has found it");
        if let Some(before) = lease.expires.replace(until) {
            self.deadlines.remove(&(before, id));
        }
        self.deadlines.insert((until, id));
    }

    /// A lease that lives longer than the time between two notes gets the next one then.
    fn schedule(&mut self, id: i64, now: Instant) {
        if let Some(every) = self.checkpoints
            && self.leases.get(&id).is_some_and(|lease| seconds(lease.left()) > every)
        {
            self.due.insert((now + every, id));
        }
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
        assert_eq!(lessor.renew(1, later), Ok(Renewed::For(10)));
        assert!(lessor.expired(later + Duration::from_secs(9), 10).is_empty());
        assert_eq!(lessor.expired(later + Duration::from_secs(10), 10), [1]);
        assert_eq!(lessor.renew(1, later + Duration::from_secs(10)), Err(LeaseError::RunOut));
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

    #[test]
    fn a_new_leader_gives_a_lease_what_the_log_says_is_left_of_it() {
        let (mut lessor, now) = lessor();
        lessor.set_checkpoints(Some(Duration::from_secs(300)));
        lessor.grant(1, 1000, now).unwrap();
        lessor.grant(2, 200, now).unwrap();
        assert!(lessor.due_checkpoints(now + Duration::from_secs(299), 10).is_empty());
        let noted = now + Duration::from_secs(300);
        assert_eq!(lessor.due_checkpoints(noted, 10), [(1, 700)], "the other is too short");
        lessor.checkpoint(1, 700, noted);
        let mut next = Lessor::new(Duration::from_secs(1));
        next.restore(lessor.image());
        next.promote(noted, Duration::ZERO);
        assert_eq!(next.time_to_live(1, noted).unwrap().remaining, 700);
        assert_eq!(next.time_to_live(1, noted).unwrap().granted, 1000);
    }

    #[test]
    fn a_renewal_takes_back_what_was_noted_first() {
        let (mut lessor, now) = lessor();
        lessor.set_checkpoints(Some(Duration::from_secs(300)));
        lessor.grant(1, 1000, now).unwrap();
        lessor.checkpoint(1, 700, now);
        assert_eq!(lessor.renew(1, now), Ok(Renewed::Noted));
        lessor.checkpoint(1, 0, now);
        assert_eq!(lessor.renew(1, now), Ok(Renewed::For(1000)));
    }
}
