//! What is wrong with what the log is made into.

use std::time::Duration;

use bytes::Bytes;
use mini_etcd::defects::Defect;
use mini_etcd::lease::Lessor;
use mini_etcd::mvcc::{Keys, Store};
use mini_etcd::server::membership::Membership;
use mini_etcd::server::state::State;
use tokio::time::Instant;

use crate::without_and_with;

const A: Bytes = Bytes::from_static(b"a");

fn put(store: &mut Store, key: Bytes, lease: i64) {
    let mut write = store.write();
    write.put(key, Bytes::new(), lease);
    write.finish();
}

#[test]
fn a_follower_ends_leases_by_its_own_clock() {
    let expired = without_and_with(Defect::LeaseExpiredByFollower, |defects| {
        let mut lessor = Lessor::new(Duration::from_secs(1));
        lessor.plant(defects);
        let now = Instant::now();
        lessor.grant(1, 10, now).unwrap();
        let later = now + Duration::from_secs(10);
        assert_eq!(lessor.is_watching(), !lessor.expired(later, 10).is_empty());
        lessor.expired(later, 10)
    });
    assert_eq!(expired, [vec![], vec![1]]);
}

#[test]
fn who_led_once_goes_on_ending_leases_that_are_renewed_elsewhere() {
    let expired = without_and_with(Defect::LeaseExpiredByFollower, |defects| {
        let mut lessor = Lessor::new(Duration::from_secs(1));
        lessor.plant(defects);
        let now = Instant::now();
        lessor.promote(now, Duration::ZERO);
        lessor.grant(1, 10, now).unwrap();
        lessor.demote();
        lessor.expired(now + Duration::from_secs(10), 10)
    });
    assert_eq!(expired, [vec![], vec![1]]);
}

#[test]
fn a_compaction_drops_what_is_still_readable() {
    let found = without_and_with(Defect::CompactionDropsLive, |defects| {
        let mut store = Store::default();
        store.plant(defects);
        put(&mut store, A, 0);
        put(&mut store, Bytes::from_static(b"b"), 0);
        store.compact(3).unwrap();
        store.count(&Keys::single(A), 0).unwrap()
    });
    assert_eq!(found, [1, 0]);
}

#[test]
fn a_snapshot_holds_the_keys_of_a_lease_without_the_lease() {
    let kept = without_and_with(Defect::SnapshotWithoutLeases, |defects| {
        let new = || State::new(Membership::default(), Duration::from_secs(1));
        let mut state = new();
        state.plant(defects);
        state.lessor.grant(7, 10, Instant::now()).unwrap();
        put(&mut state.store, A, 7);
        state.lessor.attach(&A, 7);
        let mut restored = new();
        restored.restore(&[state.encode().into()]).unwrap();
        (restored.store.count(&Keys::single(A), 0).unwrap(), restored.lessor.contains(7))
    });
    assert_eq!(kept, [(1, true), (1, false)]);
}

#[test]
fn what_is_wrong_with_a_state_stays_so_over_a_snapshot() {
    let found = without_and_with(Defect::CompactionDropsLive, |defects| {
        let mut state = State::new(Membership::default(), Duration::from_secs(1));
        state.plant(defects);
        put(&mut state.store, A, 0);
        put(&mut state.store, Bytes::from_static(b"b"), 0);
        state.restore(&[state.encode().into()]).unwrap();
        state.store.compact(3).unwrap();
        state.store.count(&Keys::single(A), 0).unwrap()
    });
    assert_eq!(found, [1, 0]);
}
