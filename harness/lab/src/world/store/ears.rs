//! Hearing what members do: for the Raft oracle, and so that the director knows who leads.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use mini_etcd::raft::Role;
use mini_etcd::server::observer::{Observation, Observer};

use crate::oracle::raft;

/// What was heard. Clones share it.
#[derive(Clone, Default)]
pub struct Ears {
    /// The oracle.
    pub raft: raft::Listener,
    /// Who leads which term, by machine.
    leaders: Arc<Mutex<BTreeMap<u64, String>>>,
}

impl Ears {
    /// The machine whose member leads the newest term that anybody has led.
    pub fn leader(&self) -> Option<String> {
        let leaders = self.leaders.lock().expect("no panic with the lock");
        leaders.last_key_value().map(|(_, machine)| machine.clone())
    }

    /// How many terms had a leader.
    pub fn terms(&self) -> usize {
        self.leaders.lock().expect("no panic with the lock").len()
    }

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
        if let Observation::Turned(status) = &what
            && status.role == Role::Leader
        {
            let mut leaders = self.ears.leaders.lock().expect("no panic with the lock");
            leaders.entry(status.term).or_insert_with(|| self.machine.clone());
        }
        self.ears.raft.observe(member, what);
    }
}
