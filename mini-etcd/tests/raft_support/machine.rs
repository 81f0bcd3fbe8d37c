//! A state machine whose whole state is a hash of everything it applied, in order.

use anatomy_proto::raftpb::{ConfChange, ConfChangeType, ConfState, Entry, EntryType, Snapshot};
use bytes::Bytes;
use prost::Message as _;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Machine {
    pub index: u64,
    pub hash: u64,
    pub conf: ConfState,
    /// Index and hash after each entry applied since the last look.
    pub history: Vec<(u64, u64)>,
}

impl Machine {
    /// As a restart finds it: what the snapshot holds.
    pub fn restore(snapshot: &Snapshot) -> Self {
        let metadata = snapshot.metadata.clone().unwrap_or_default();
        let hash = snapshot.data.as_ref().try_into().map_or(0, u64::from_be_bytes);
        let conf = metadata.conf_state.unwrap_or_default();
        Self { index: metadata.index, hash, conf, history: vec![(metadata.index, hash)] }
    }

    pub fn data(&self) -> Bytes {
        Bytes::copy_from_slice(&self.hash.to_be_bytes())
    }

    /// Applies one entry. For a membership change, what the core is to be told: changes that a
    /// server would refuse (the last voter goes, a voter is demoted) name node 0.
    pub fn apply(&mut self, entry: &Entry) -> Option<ConfChange> {
        assert_eq!(entry.index, self.index + 1, "entries are applied in order, each once");
        self.index = entry.index;
        let bytes = [&entry.term.to_be_bytes()[..], &entry.data].concat();
        for byte in bytes {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self.history.push((self.index, self.hash));
        if entry.r#type() != EntryType::EntryConfChange {
            return None;
        }
        let mut change = ConfChange::decode(entry.data.clone()).unwrap();
        let voter = self.conf.nodes.contains(&change.node_id);
        let refused = match change.r#type() {
            ConfChangeType::ConfChangeRemoveNode => voter && self.conf.nodes.len() == 1,
            ConfChangeType::ConfChangeAddLearnerNode => voter,
            _ => false,
        };
        if refused {
            change.node_id = 0;
        }
        Some(change)
    }

    /// Whether a member with this id has been removed from the configuration it was in.
    pub fn removes(change: &ConfChange, id: u64) -> bool {
        change.r#type() == ConfChangeType::ConfChangeRemoveNode && change.node_id == id
    }
}
