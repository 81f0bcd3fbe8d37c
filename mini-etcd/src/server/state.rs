//! What the log has made of this member: the replicated state, and how it goes into a snapshot.

use std::collections::BTreeSet;
use std::time::Duration;

use anatomy_proto::etcdserverpb::AlarmType;
use prost::Message;

use super::membership::{Membership, MembershipImage};
use crate::defects::{Defect, Defects};
use crate::lease::{LeaseImage, Lessor};
use crate::mvcc::Store;
use crate::mvcc::image::{Inconsistent, StoreImage};

/// The replicated state.
pub struct State {
    /// Keys and values.
    pub store: Store,
    /// Leases.
    pub lessor: Lessor,
    /// Members.
    pub membership: Membership,
    /// Alarms: the member that raised it, and which.
    pub alarms: BTreeSet<(u64, i32)>,
    defects: Defects,
}

/// The state in a snapshot.
#[derive(Clone, PartialEq, prost::Message)]
struct Image {
    #[prost(message, required, tag = "1")]
    store: StoreImage,
    #[prost(message, repeated, tag = "2")]
    leases: Vec<LeaseImage>,
    #[prost(message, required, tag = "3")]
    membership: MembershipImage,
    #[prost(message, repeated, tag = "4")]
    alarms: Vec<AlarmImage>,
}

/// Bytes that are not those of a state.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// They are no message.
    #[error(transparent)]
    Form(#[from] prost::DecodeError),
    /// What they say of the store cannot be.
    #[error(transparent)]
    Store(#[from] Inconsistent),
}

#[derive(Clone, PartialEq, prost::Message)]
struct AlarmImage {
    #[prost(uint64, tag = "1")]
    member: u64,
    #[prost(int32, tag = "2")]
    alarm: i32,
}

impl State {
    /// The state of a member that has applied nothing.
    pub fn new(membership: Membership, election: Duration) -> Self {
        State {
            store: Store::default(),
            lessor: Lessor::new(election),
            membership,
            alarms: BTreeSet::new(),
            defects: Defects::default(),
        }
    }

    /// Makes it wrong on purpose.
    pub fn plant(&mut self, defects: Defects) {
        self.defects = defects;
        self.store.plant(defects);
        self.lessor.plant(defects);
    }

    /// Whether a member has run out of space: nothing more is put in.
    pub fn is_full(&self) -> bool {
        self.has_alarm(AlarmType::Nospace)
    }

    /// Whether the members were found to disagree: nothing is changed any more.
    pub fn is_corrupt(&self) -> bool {
        self.has_alarm(AlarmType::Corrupt)
    }

    fn has_alarm(&self, which: AlarmType) -> bool {
        self.alarms.iter().any(|(_, alarm)| *alarm == which as i32)
    }

    /// The state as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let alarm = |(member, alarm): &(u64, i32)| AlarmImage { member: *member, alarm: *alarm };
        let leases = match self.defects.has(Defect::SnapshotWithoutLeases) {
            true => Vec::new(),
            false => self.lessor.image(),
        };
        Image {
            store: self.store.image(),
            leases,
            membership: self.membership.image(),
            alarms: self.alarms.iter().map(alarm).collect(),
        }
        .encode_to_vec()
    }

    /// Replaces the state by what the bytes hold. Whether leases run out here stays as it was.
    ///
    /// # Errors
    /// Where the bytes are not those of a state.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<(), Unreadable> {
        let image = Image::decode(bytes)?;
        // In the order of the changes: the last put decides, and a deletion detaches.
        let changes = image.store.records.iter();
        let hangs: Vec<(bytes::Bytes, i64)> =
            changes.map(|r| (r.kv.key.clone(), if r.deleted { 0 } else { r.kv.lease })).collect();
        let store = Store::from_image(image.store)?;
        self.lessor.restore(image.leases);
        for (key, lease) in hangs {
            self.lessor.attach(&key, lease);
        }
        self.store = store;
        self.store.plant(self.defects);
        self.membership = Membership::from_image(image.membership);
        self.alarms = image.alarms.into_iter().map(|a| (a.member, a.alarm)).collect();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    use proptest::prelude::*;

    prop_compose! {
        fn record()(
            key in 0u8..3, main in -2i64..6, sub in -1i64..3, created in -1i64..5,
            version in -1i64..4, lease in 0i64..3, deleted in any::<bool>(),
        ) -> crate::mvcc::image::RecordImage {
            let kv = anatomy_proto::mvccpb::KeyValue {
                key: Bytes::from(vec![key]),
                create_revision: created,
                mod_revision: main,
                version,
                lease,
                ..Default::default()
            };
            crate::mvcc::image::RecordImage { sub, deleted, kv }
        }
    }

    proptest! {
        /// A snapshot may come from another member.
        #[test]
        fn no_snapshot_makes_a_member_panic(
            noise in prop::collection::vec(any::<u8>(), 0..100),
            records in prop::collection::vec(record(), 0..12),
            revision in -2i64..8,
            compacted in -2i64..8,
        ) {
            let mut state = State::new(Membership::default(), Duration::from_secs(1));
            drop(state.restore(&noise));
            let image = Image { store: StoreImage { revision, compacted, records }, ..Image::default() };
            drop(state.restore(&image.encode_to_vec()));
            let mut write = state.store.write();
            write.delete_range(&crate::mvcc::Keys::new(Bytes::from_static(b"\0"), Bytes::from_static(b"\0")));
            write.put(Bytes::from_static(b"\x01"), Bytes::new(), 0);
            write.finish();
            let _ = state.store.compact(3);
            let _ = state.store.hash(0);
        }
    }

    #[test]
    fn a_state_reads_back_from_its_bytes() {
        let mut state = State::new(Membership::default(), Duration::from_secs(1));
        let now = tokio::time::Instant::now();
        state.lessor.grant(7, 10, now).unwrap();
        for (key, lease) in [("a", 7), ("b", 7), ("b", 0)] {
            let key = Bytes::from_static(key.as_bytes());
            let mut write = state.store.write();
            write.put(key.clone(), Bytes::new(), lease);
            write.finish();
            state.lessor.attach(&key, lease);
        }
        state.alarms.insert((1, AlarmType::Nospace as i32));
        let mut again = State::new(Membership::default(), Duration::from_secs(1));
        again.restore(&state.encode()).unwrap();
        assert_eq!(again.store, state.store);
        assert!(again.is_full());
        assert_eq!(again.lessor.revoke(7), Ok(vec![Bytes::from_static(b"a")]));
    }
}
