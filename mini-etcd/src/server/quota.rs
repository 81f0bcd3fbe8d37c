//! How much a member stores, and when that is too much.
//!
//! etcd measures its database file, which grows by pages and never shrinks by itself: what compaction
//! frees is used again, and `Defragment` gives it back. The store here is in memory, so the file is
//! what it would be: the largest that the records have been since the last defragmentation (or
//! start). A member above its quota raises the alarm `NOSPACE` through the log, and then no member
//! takes anything that adds to the store until somebody disarms it (etcd 3.4 etcdserver/quota.go,
//! etcdserver/api/v3rpc/quota.go).
//!
//! etcd 3.4 answers a write that was applied, and took its member above the quota, with the error
//! all the same; here it is answered as what it was, done.

use std::sync::atomic::{AtomicU64, Ordering};

use anatomy_proto::etcdserverpb::alarm_request::AlarmAction;
use anatomy_proto::etcdserverpb::{AlarmRequest, AlarmType, InternalRaftRequest, PutRequest};

use super::apply::put_cost;
use super::apply_txn;
use super::refusal::Refusal;
use super::shared::Shared;

/// bbolt's page.
const PAGE: u64 = 4096;
/// What etcd 3.4 reports as in use of an empty store: its buckets and their roots.
const EMPTY: u64 = 4 * PAGE;
/// What a lease may take (etcdserver/quota.go `leaseOverhead`).
const LEASE_COST: u64 = 64;

/// The size of the database file.
#[derive(Default)]
pub(crate) struct Database {
    largest: AtomicU64,
}

/// Bytes of the file that are in use when the records take `records` bytes.
fn in_use(records: u64) -> u64 {
    EMPTY + records.next_multiple_of(PAGE)
}

impl Database {
    /// Notes how much the records take.
    pub fn grow(&self, records: u64) {
        self.largest.fetch_max(in_use(records), Ordering::Relaxed);
    }

    /// The file gives back what is not in use.
    pub fn defragment(&self, records: u64) {
        self.largest.store(in_use(records), Ordering::Relaxed);
    }

    /// The size of the file and how much of it is in use, in bytes.
    pub fn size(&self, records: u64) -> (u64, u64) {
        self.grow(records);
        (self.largest.load(Ordering::Relaxed) + PAGE, in_use(records))
    }
}

impl Shared {
    /// Whether the database is over its quota, or would be with `cost` bytes more.
    pub fn is_over_quota(&self, records: u64, cost: u64) -> bool {
        self.config.quota_bytes.is_some_and(|quota| self.database.size(records).0 + cost >= quota)
    }

    /// The request by which this member tells that it is over its quota.
    pub fn space_alarm(&self) -> InternalRaftRequest {
        let (action, alarm) = (AlarmAction::Activate.into(), AlarmType::Nospace.into());
        let alarm = Some(AlarmRequest { action, member_id: self.id, alarm });
        InternalRaftRequest { alarm, ..InternalRaftRequest::default() }
    }

    /// Whether a request still fits in here; if not, the alarm is raised first.
    ///
    /// # Errors
    /// [`Refusal::NoSpace`].
    pub async fn check_quota(&self, request: &InternalRaftRequest) -> Result<(), Refusal> {
        let Some(cost) = cost(request) else { return Ok(()) };
        let records = self.state().store.bytes();
        if !self.is_over_quota(records, cost) {
            return Ok(());
        }
        // Without a quorum the alarm is not raised; the request is refused all the same.
        drop(self.propose(self.space_alarm()).await);
        Err(Refusal::NoSpace)
    }
}

/// What a request may add to the database, in bytes; nothing where it is not asked about.
fn cost(request: &InternalRaftRequest) -> Option<u64> {
    let InternalRaftRequest { put, txn, lease_grant, .. } = request;
    let put = put.as_ref().map(|put: &PutRequest| put_cost(put));
    put.or(txn.as_ref().map(apply_txn::puts)).or(lease_grant.as_ref().map(|_| LEASE_COST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_store_is_as_large_as_etcds() {
        assert_eq!(Database::default().size(0), (20_480, 16_384));
    }

    #[test]
    fn the_file_keeps_what_compaction_frees_until_it_is_defragmented() {
        let database = Database::default();
        database.grow(100_000);
        let (full, _) = database.size(100_000);
        assert_eq!(database.size(10), (full, EMPTY + PAGE));
        database.defragment(10);
        assert_eq!(database.size(10), (EMPTY + 2 * PAGE, EMPTY + PAGE));
    }
}
