//! The store against a model so simple that it cannot be wrong: a copy of everything at each
//! revision.

use std::collections::BTreeMap;

use anatomy_proto::mvccpb::{KeyValue, event::EventType};
use bytes::Bytes;
use proptest::prelude::*;

use super::image::StoreImage;
use super::{Keys, Revision, Store};

type State = BTreeMap<Bytes, KeyValue>;

#[derive(Default)]
struct Model {
    /// `states[i]` is what was stored at revision `i + 1`.
    states: Vec<State>,
    /// The changes of revision `i + 1`: key and whether it was deleted.
    changes: Vec<Vec<(Bytes, bool)>>,
    compacted: i64,
}

#[derive(Clone, Debug)]
enum Op {
    Put(u8, u8),
    Delete(u8, u8),
    DeleteFrom(u8),
}

#[derive(Clone, Debug)]
enum Step {
    Txn(Vec<Op>),
    Compact(u8),
    Reload,
}

fn key(n: u8) -> Bytes {
    Bytes::copy_from_slice(&[b'a' + n])
}

impl Model {
    fn new() -> Self {
        Model { states: vec![State::new()], changes: vec![Vec::new()], compacted: 0 }
    }

    fn revision(&self) -> i64 {
        self.states.len() as i64
    }

    fn txn(&mut self, ops: &[Op]) {
        let mut state = self.states.last().unwrap().clone();
        let mut changes = Vec::new();
        let at = self.revision() + 1;
        for op in ops {
            match op {
                Op::Put(k, v) => {
                    let old = state.get(&key(*k));
                    let kv = KeyValue {
                        key: key(*k),
                        value: Bytes::copy_from_slice(&[*v]),
                        lease: 0,
                        create_revision: old.map_or(at, |kv| kv.create_revision),
                        mod_revision: at,
                        version: old.map_or(1, |kv| kv.version + 1),
                    };
                    state.insert(key(*k), kv);
                    changes.push((key(*k), false));
                }
                Op::Delete(..) | Op::DeleteFrom(_) => {
                    let keys = keys_of(op);
                    let gone: Vec<Bytes> =
                        state.keys().filter(|k| keys.contains(k)).cloned().collect();
                    for k in gone {
                        state.remove(&k);
                        changes.push((k, true));
                    }
                }
            }
        }
        if !changes.is_empty() {
            self.states.push(state);
            self.changes.push(changes);
        }
    }
}

fn keys_of(op: &Op) -> Keys {
    match op {
        Op::Put(k, _) => Keys::single(key(*k)),
        Op::Delete(from, to) => Keys::new(key(*from), key(*to)),
        Op::DeleteFrom(from) => Keys::new(key(*from), Bytes::from_static(b"\0")),
    }
}

fn ops() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (0..6u8, any::<u8>()).prop_map(|(k, v)| Op::Put(k, v)),
        2 => (0..6u8, 0..7u8).prop_map(|(a, b)| Op::Delete(a, b)),
        1 => (0..6u8).prop_map(Op::DeleteFrom),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        12 => prop::collection::vec(ops(), 1..4).prop_map(Step::Txn),
        2 => any::<u8>().prop_map(Step::Compact),
        1 => Just(Step::Reload),
    ];
    prop::collection::vec(step, 1..40)
}

fn check(store: &Store, model: &Model) {
    let all = Keys::new(Bytes::from_static(b"\0"), Bytes::from_static(b"\0"));
    assert_eq!(store.revision(), model.revision());
    for at in 1..=model.revision() {
        let found = store.range(&all, at, 0);
        if at < model.compacted {
            assert!(found.is_err(), "revision {at} was compacted");
            continue;
        }
        let expected: Vec<KeyValue> = model.states[at as usize - 1].values().cloned().collect();
        assert_eq!(found.unwrap().kvs, expected, "at revision {at}");
    }
    for from in model.compacted.max(1)..=model.revision() {
        let seen: Vec<(i64, Bytes, bool)> = store
            .events(from, model.revision())
            .map(|(at, event)| {
                let deleted = event.r#type == EventType::Delete as i32;
                (at, event.kv.unwrap().key, deleted)
            })
            .collect();
        let expected: Vec<(i64, Bytes, bool)> = (from..=model.revision())
            .flat_map(|at| {
                let changes = &model.changes[at as usize - 1];
                changes.iter().map(move |(k, deleted)| (at, k.clone(), *deleted))
            })
            .collect();
        assert_eq!(seen, expected, "events from {from}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_readable_revision_and_its_events_are_those_of_the_model(steps in steps()) {
        let (mut store, mut model) = (Store::default(), Model::new());
        let (mut image, mut extent) = (store.image(), store.extent());
        for step in steps {
            match step {
                Step::Txn(ops) => {
                    let mut write = store.write();
                    for op in &ops {
                        match op {
                            Op::Put(k, v) => {
                                write.put(key(*k), Bytes::copy_from_slice(&[*v]), 0);
                            }
                            _ => {
                                write.delete_range(&keys_of(op));
                            }
                        }
                    }
                    write.finish();
                    model.txn(&ops);
                }
                Step::Compact(n) => {
                    let at = 1 + i64::from(n) % model.revision();
                    prop_assert_eq!(store.compact(at).is_ok(), at > model.compacted);
                    model.compacted = model.compacted.max(at);
                }
                Step::Reload => {
                    if !extent.grew_to(store.extent()) {
                        (image, extent.revision) = (store.image(), 0);
                    }
                    let behind = Revision { main: extent.revision, sub: i64::MAX };
                    let records = store.records(behind, store.revision()).collect();
                    image.extend(StoreImage { records, ..store.image() });
                    extent = store.extent();
                    let again = Store::from_image(image.clone()).unwrap();
                    prop_assert_eq!(again.hash(0), store.hash(0));
                    store = again;
                }
            }
            check(&store, &model);
        }
    }
}
