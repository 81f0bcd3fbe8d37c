//! A member against messages that no member would send: whatever they say, it does not panic. What it
//! cannot use is an error, and a log that was lost is one that ends it.

use anatomy_proto::raftpb::{ConfState, Entry, Message, MessageType, Snapshot, SnapshotMetadata};
use mini_etcd::raft::{Config, Error, MemStorage, RawNode, Storage};
use proptest::prelude::*;

fn member() -> (RawNode<MemStorage>, MemStorage) {
    let conf = ConfState { nodes: vec![1, 2, 3], learners: vec![4] };
    let storage = MemStorage::with_members(conf);
    let jitter = Box::new(|base: u32| base);
    (RawNode::new(Config::new(1), storage.clone(), jitter), storage)
}

/// Does what a member asks.
fn work(node: &mut RawNode<MemStorage>, storage: &MemStorage) {
    while node.has_ready() {
        let ready = node.ready();
        if let Some(snapshot) = &ready.snapshot {
            storage.apply_snapshot(snapshot.clone()).expect("a newer snapshot");
        }
        storage.append(&ready.entries);
        if let Some(state) = ready.hard_state {
            storage.set_hard_state(state);
        }
        for message in &ready.messages {
            if message.r#type() == MessageType::MsgSnap {
                // Raft reads it here.
                drop(storage.snapshot());
            }
        }
        node.advance(ready);
    }
}

/// Mostly small numbers, so that they hit what is there.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 0u64..6, 1 => any::<u64>(), 1 => Just(u64::MAX)]
}

prop_compose! {
    fn entry()(index in number(), term in number(), r#type in 0..3i32, size in 0usize..3) -> Entry {
        Entry { index, term, r#type, data: vec![7; size].into() }
    }
}

prop_compose! {
    fn snapshot()(
        index in number(), term in number(), nodes in prop::collection::vec(0u64..5, 0..4),
        has_metadata in any::<bool>(),
    ) -> Snapshot {
        let conf_state = Some(ConfState { nodes, learners: vec![] });
        let metadata = SnapshotMetadata { conf_state, index, term };
        Snapshot { metadata: has_metadata.then_some(metadata), ..Snapshot::default() }
    }
}

prop_compose! {
    fn message()(
        kind in -1..20i32, from in 0u64..6, term in number(), log_term in number(),
        index in number(), commit in number(), reject in any::<bool>(), reject_hint in number(),
        entries in prop::collection::vec(entry(), 0..4), follows in any::<bool>(),
        snapshot in prop::option::of(snapshot()),
    ) -> Message {
        let mut entries = entries;
        if follows {
            // As a leader would send them.
            for (entry, n) in entries.iter_mut().zip(1..) {
                (entry.index, entry.term) = (index.saturating_add(n), log_term.min(term));
            }
        }
        Message {
            r#type: kind, to: 1, from, term, log_term, index, commit, reject, reject_hint, entries,
            snapshot, ..Message::default()
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Message(Box<Message>),
    Tick(u8),
    Propose,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => message().prop_map(|message| Step::Message(Box::new(message))),
        1 => (1u8..30).prop_map(Step::Tick),
        1 => Just(Step::Propose),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_message_makes_a_member_panic(steps in prop::collection::vec(step(), 1..60)) {
        let (mut node, storage) = member();
        for step in steps {
            match step {
                Step::Tick(n) => (0..n).for_each(|_| node.tick()),
                Step::Propose => drop(node.propose(vec![1].into())),
                Step::Message(message) => {
                    if let Err(Error::LogLost { .. }) = node.step(*message) {
                        return Ok(());
                    }
                }
            }
            work(&mut node, &storage);
        }
    }
}
