//! What the log has made of this member: the replicated state, and how it goes into a snapshot.

use std::collections::BTreeSet;
use std::time::Duration;

use anatomy_proto::etcdserverpb::AlarmType;
use bytes::Bytes;
use prost::Message;

use super::membership::{Membership, MembershipImage};
use crate::defects::{Defect, Defects};
use crate::lease::{LeaseImage, Lessor};
use crate::mvcc::image::{Inconsistent, StoreImage};
use crate::mvcc::{Revision, Store};

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

/// Some of an [`Image`].
#[derive(Clone, PartialEq, prost::Message)]
struct StorePart {
    #[prost(message, required, tag = "1")]
    store: StoreImage,
}

/// The records that are missing in a state's bytes.
#[derive(Debug)]
pub struct Rest {
    after: Revision,
    until: i64,
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
        let mut bytes = Vec::with_capacity(self.store.bytes() as usize);
        let mut rest = self.begin(0, &mut bytes);
        self.go_on(&mut rest, usize::MAX, &mut bytes);
        bytes
    }

    /// Appends the state as it is now, but for the records of the store. They are to be those behind
    /// revision `after` (0: all) up to now.
    pub fn begin(&self, after: i64, bytes: &mut Vec<u8>) -> Rest {
        let alarm = |(member, alarm): &(u64, i32)| AlarmImage { member: *member, alarm: *alarm };
        let leases = match self.defects.has(Defect::SnapshotWithoutLeases) {
            true => Vec::new(),
            false => self.lessor.image(),
        };
        let image = Image {
            store: self.store.image(),
            leases,
            membership: self.membership.image(),
            alarms: self.alarms.iter().map(alarm).collect(),
        };
        image.encode(bytes).expect("a vector grows");
        Rest { after: Revision { main: after, sub: i64::MAX }, until: self.store.revision() }
    }

    /// Appends records that are missing, `portion` bytes and what the last of them has beyond: messages
    /// behind one another are read as one. Returns whether there are no more. What was made since may
    /// be applied already, but no compaction.
    pub fn go_on(&self, rest: &mut Rest, portion: usize, bytes: &mut Vec<u8>) -> bool {
        let begin = bytes.len();
        for record in self.store.records(rest.after, rest.until) {
            rest.after = record.revision();
            let store = StoreImage { records: vec![record], ..StoreImage::default() };
            StorePart { store }.encode(bytes).expect("a vector grows");
            if bytes.len() - begin >= portion {
                return false;
            }
        }
        true
    }

    /// Replaces the state by what the bytes hold: a whole state and each time what changed behind the
    /// store's revision in the part before, with no compaction in between. Whether leases run out here
    /// stays as it was.
    ///
    /// # Errors
    /// Where the bytes are not those of a state.
    pub fn restore(&mut self, parts: &[Bytes]) -> Result<(), Unreadable> {
        let mut image = Image::default();
        for part in parts {
            // From a slice: what is kept is copied, where it would keep the whole file in memory.
            let later = Image::decode(&part[..])?;
            image.store.extend(later.store);
            image = Image { store: image.store, ..later };
        }
        // In the order of the changes: the last put decides, and a deletion detaches.
        let changes = image.store.records.iter();
        let hangs: Vec<(Bytes, i64)> =
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
            drop(state.restore(&[noise.into()]));
            let image = Image { store: StoreImage { revision, compacted, records }, ..Image::default() };
            drop(state.restore(&[image.encode_to_vec().into()]));
            let mut write = state.store.write();
            write.delete_range(&crate::mvcc::Keys::new(Bytes::from_static(b"\0"), Bytes::from_static(b"\0")));
            write.put(Bytes::from_static(b"\x01"), Bytes::new(), 0);
            write.finish();
            let _ = state.store.compact(3);
            let _ = state.store.hash(0);
        }
    }

    fn put(state: &mut State, key: &'static str, bytes: usize) {
        let mut write = state.store.write();
        write.put(Bytes::from_static(key.as_bytes()), vec![b'v'; bytes].into(), 0);
        write.finish();
    }

    #[test]
    fn a_state_is_encoded_as_it_was_while_more_is_put_into_it() {
        let mut state = State::new(Membership::default(), Duration::from_secs(1));
        ["a", "b", "c"].iter().for_each(|key| put(&mut state, key, 100));
        let (before, mut bytes) = (state.store.clone(), Vec::new());
        let mut rest = state.begin(0, &mut bytes);
        let mut portions = 0;
        while !state.go_on(&mut rest, 100, &mut bytes) {
            put(&mut state, "a", 1);
            portions += 1;
        }
        assert_eq!(portions, 3);
        let mut again = State::new(Membership::default(), Duration::from_secs(1));
        again.restore(&[bytes.into()]).unwrap();
        assert_eq!(again.store, before);
    }

    #[test]
    fn a_state_reads_back_from_its_parts() {
        let mut state = State::new(Membership::default(), Duration::from_secs(1));
        put(&mut state, "a", 1);
        let whole = state.encode();
        let extent = state.store.extent();
        state.alarms.insert((1, AlarmType::Nospace as i32));
        ["a", "b"].iter().for_each(|key| put(&mut state, key, 1));
        assert!(extent.grew_to(state.store.extent()));
        let mut added = Vec::new();
        let mut rest = state.begin(extent.revision, &mut added);
        assert!(state.go_on(&mut rest, usize::MAX, &mut added));
        assert!(added.len() < state.encode().len());
        let mut again = State::new(Membership::default(), Duration::from_secs(1));
        again.restore(&[whole.into(), added.into()]).unwrap();
        assert_eq!((&again.store, &again.alarms), (&state.store, &state.alarms));
        state.store.compact(3).unwrap();
        assert!(
            !extent.grew_to(state.store.extent()),
            "what is gone is not told by what was added"
        );
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
        again.restore(&[state.encode().into()]).unwrap();
        assert_eq!(again.store, state.store);
        assert!(again.is_full());
        assert_eq!(again.lessor.revoke(7), Ok(vec![Bytes::from_static(b"a")]));
    }
}
