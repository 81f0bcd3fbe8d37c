//! What a member counts, as a page for Prometheus. Names, kinds and meanings are those of etcd 3.4;
//! what only its implementation has (Go's runtime, bbolt, the v2 store) is not there.

use std::fmt::{Display, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anatomy_proto::etcdserverpb::InternalRaftRequest;
use anatomy_proto::mvccpb::event::EventType;

use super::shared::Shared;
use crate::mvcc::Store;
use crate::raft::NONE;

/// A number that grows.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Durations by powers of two from 1 ms, 14 of them (etcd 3.4 wal/metrics.go).
#[derive(Default)]
pub(crate) struct Durations(Mutex<([u64; 14], Duration, u64)>);

impl Durations {
    pub fn add(&self, took: Duration) {
        let mut seen = self.0.lock().expect("no task panics with the lock");
        let first = (0..14).find(|n| took <= Duration::from_millis(1 << n)).unwrap_or(14);
        seen.0[first..].iter_mut().for_each(|count| *count += 1);
        seen.1 += took;
        seen.2 += 1;
    }
}

/// What a member counts.
#[derive(Default)]
pub(crate) struct Metrics {
    pub proposals_failed: Counter,
    pub reads_failed: Counter,
    pub ranges: Counter,
    pub puts: Counter,
    pub deletes: Counter,
    pub txns: Counter,
    pub leases_granted: Counter,
    pub leases_revoked: Counter,
    pub leases_renewed: Counter,
    pub wal_syncs: Durations,
}

impl Metrics {
    /// Counts a request that was applied and took the store from revision `before` to what it is.
    pub fn applied(&self, request: &Kind, before: i64, store: &Store) {
        let (mut puts, mut deletes) = (0, 0);
        for (_, event) in store.events(before + 1, store.revision()) {
            *(if event.r#type == EventType::Put as i32 { &mut puts } else { &mut deletes }) += 1;
        }
        self.puts.add(puts);
        self.deletes.add(deletes);
        match request {
            Kind::Txn => self.txns.add(1),
            Kind::Grant => self.leases_granted.add(1),
            Kind::Revoke => self.leases_revoked.add(1),
            Kind::Other => {}
        }
    }
}

/// The kinds of requests that are counted apart.
pub(crate) enum Kind {
    Txn,
    Grant,
    Revoke,
    Other,
}

impl Kind {
    pub fn of(request: &InternalRaftRequest) -> Kind {
        match request {
            _ if request.txn.is_some() => Kind::Txn,
            _ if request.lease_grant.is_some() => Kind::Grant,
            _ if request.lease_revoke.is_some() => Kind::Revoke,
            _ => Kind::Other,
        }
    }
}

/// The page while it is written.
#[derive(Default)]
struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}").expect("a string grows");
    }

    fn line(&mut self, name: &str, value: impl Display) {
        writeln!(self.0, "{name} {value}").expect("a string grows");
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.head(name, "gauge", help);
        self.line(name, value);
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, "counter", help);
        self.line(name, value);
    }

    /// A gauge that is 1 and says what it says with its label.
    fn label(&mut self, name: &str, help: &str, label: &str, value: &str) {
        self.head(name, "gauge", help);
        self.line(&format!("{name}{{{label}=\"{value}\"}}"), 1);
    }

    fn histogram(&mut self, name: &str, help: &str, durations: &Durations) {
        self.head(name, "histogram", help);
        let seen = durations.0.lock().expect("no task panics with the lock");
        for (n, count) in seen.0.iter().enumerate() {
            let below = f64::from(1u32 << n) / 1000.0;
            self.line(&format!("{name}_bucket{{le=\"{below}\"}}"), count);
        }
        self.line(&format!("{name}_bucket{{le=\"+Inf\"}}"), seen.2);
        self.line(&format!("{name}_sum"), seen.1.as_secs_f64());
        self.line(&format!("{name}_count"), seen.2);
    }
}

impl Shared {
    /// The page of `/metrics`.
    pub fn metrics_page(&self) -> String {
        let mut page = Page::default();
        self.server_metrics(&mut page);
        self.store_metrics(&mut page);
        page.0
    }

    fn server_metrics(&self, page: &mut Page) {
        let (metrics, leader, progress) = (&self.metrics, self.leader.get(), self.progress.get());
        let profile = self.config.profile;
        let cluster = profile.cluster_version();
        let minor = cluster.rsplit_once('.').map_or(cluster, |(minor, _)| minor);
        let me = self.state().membership.members.get(&self.id).cloned().unwrap_or_default();
        page.label("etcd_cluster_version", "Which version is running.", "cluster_version", minor);
        page.label(
            "etcd_server_version",
            "Which version is running.",
            "server_version",
            profile.version(),
        );
        page.label(
            "etcd_server_id",
            "Server or member ID in hexadecimal format.",
            "server_id",
            &format!("{:x}", self.id),
        );
        let flag = u8::from;
        let help = "Whether or not a leader exists. 1 is existence, 0 is not.";
        page.gauge("etcd_server_has_leader", help, flag(leader.id != NONE));
        let help = "Whether or not this member is a leader. 1 if is, 0 otherwise.";
        page.gauge("etcd_server_is_leader", help, flag(leader.id == self.id));
        let help = "Whether or not this member is a learner. 1 if is, 0 otherwise.";
        page.gauge("etcd_server_is_learner", help, flag(me.is_learner));
        let help = "The number of leader changes seen.";
        page.counter("etcd_server_leader_changes_seen_total", help, leader.elected);
        let help = "The total number of consensus proposals committed.";
        page.gauge("etcd_server_proposals_committed_total", help, progress.commit);
        let help = "The total number of consensus proposals applied.";
        page.gauge("etcd_server_proposals_applied_total", help, progress.applied);
        let help = "The current number of pending proposals to commit.";
        page.gauge("etcd_server_proposals_pending", help, self.pending());
        let help = "The total number of failed proposals seen.";
        page.counter("etcd_server_proposals_failed_total", help, metrics.proposals_failed.get());
        let help = "The total number of failed read indexes seen.";
        page.counter("etcd_server_read_indexes_failed_total", help, metrics.reads_failed.get());
        let help = "Current backend storage quota size in bytes.";
        page.gauge("etcd_server_quota_backend_bytes", help, self.config.quota_bytes.unwrap_or(0));
        let help = "The latency distributions of fsync called by WAL.";
        page.histogram("etcd_disk_wal_fsync_duration_seconds", help, &metrics.wal_syncs);
        let help = "The total number of granted leases.";
        page.counter("etcd_debugging_lease_granted_total", help, metrics.leases_granted.get());
        let help = "The total number of revoked leases.";
        page.counter("etcd_debugging_lease_revoked_total", help, metrics.leases_revoked.get());
        let help = "The number of renewed leases seen by the leader.";
        page.counter("etcd_debugging_lease_renewed_total", help, metrics.leases_renewed.get());
    }

    fn store_metrics(&self, page: &mut Page) {
        let (revision, compacted, keys, records) = {
            let store = &self.state().store;
            (store.revision(), store.compacted(), store.keys(), store.bytes())
        };
        let (size, in_use) = self.database.size(records);
        let metrics = &self.metrics;
        let help = "The current revision of store.";
        page.gauge("etcd_debugging_mvcc_current_revision", help, revision);
        let help = "The revision of the last compaction in store.";
        page.gauge("etcd_debugging_mvcc_compact_revision", help, compacted);
        page.gauge("etcd_debugging_mvcc_keys_total", "Total number of keys.", keys);
        let help = "Total size of the underlying database physically allocated in bytes.";
        page.gauge("etcd_mvcc_db_total_size_in_bytes", help, size);
        let help = "Total size of the underlying database logically in use in bytes.";
        page.gauge("etcd_mvcc_db_total_size_in_use_in_bytes", help, in_use);
        let totals = [
            ("range", &metrics.ranges),
            ("put", &metrics.puts),
            ("delete", &metrics.deletes),
            ("txn", &metrics.txns),
        ];
        for (what, total) in totals {
            let help = format!("Total number of {what}s seen by this member.");
            page.counter(&format!("etcd_mvcc_{what}_total"), &help, total.get());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_counts_up_to_each_bound() {
        let durations = Durations::default();
        durations.add(Duration::from_millis(3));
        durations.add(Duration::from_secs(60));
        let mut page = Page::default();
        page.histogram("h", "Help.", &durations);
        for line in
            ["h_bucket{le=\"0.002\"} 0", "h_bucket{le=\"0.004\"} 1", "h_bucket{le=\"8.192\"} 1"]
        {
            assert!(page.0.contains(line), "{}", page.0);
        }
        assert!(
            page.0.ends_with("h_bucket{le=\"+Inf\"} 2\nh_sum 60.003\nh_count 2\n"),
            "{}",
            page.0
        );
    }
}
