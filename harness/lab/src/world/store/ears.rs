//! Hearing what members do: for the Raft oracle, and so that the director knows who leads.

use std::sync::Arc;

use mini_etcd::server::observer::{Observation, Observer};

use crate::oracle::raft;
use crate::world::leaders::Leaders;

/// What was heard. Clones share it.
#[derive(Clone, Default)]
pub struct Ears {
    /// The oracle.
    pub raft: raft::Listener,
    /// Who leads.
    pub leaders: Leaders,
}

impl Ears {
    /// An observer for the member on a machine.
    pub fn on(&self, machine: &str) -> Arc<dyn Observer> {
        Arc::new(Ear { machine: machine.to_owned(), ears: self.clone() })
    }
}

struct Ear {
    machine: String,
    ears: Ears,
}

impl Observer for Ear {
    fn observe(&self, member: u64, what: Observation<'_>) {
        self.ears.leaders.hear(&self.machine, &what);
        self.ears.raft.observe(member, what);
    }
}
