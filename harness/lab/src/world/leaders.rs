//! Who leads etcd, as its members tell: harm may be meant for the leader of that moment.
//!
//! What is heard here changes nothing in the run.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use mini_etcd::raft::Role;
use mini_etcd::server::observer::{Observation, Observer};

/// Who leads which term, by machine. Clones share it.
#[derive(Clone, Default)]
pub struct Leaders(Arc<Mutex<BTreeMap<u64, String>>>);

impl Leaders {
    /// The machine whose member leads the newest term that anybody has led.
    pub fn leader(&self) -> Option<String> {
        let leaders = self.0.lock().expect("no panic with the lock");
        leaders.last_key_value().map(|(_, machine)| machine.clone())
    }

    /// Takes in what the member on a machine does.
    pub fn hear(&self, machine: &str, what: &Observation<'_>) {
        if let Observation::Turned(status) = what
            && status.role == Role::Leader
        {
            let mut leaders = self.0.lock().expect("no panic with the lock");
            leaders.entry(status.term).or_insert_with(|| machine.to_owned());
        }
    }

    /// An observer for the member on a machine.
    pub fn on(&self, machine: &str) -> Arc<dyn Observer> {
        Arc::new(Ear { machine: machine.to_owned(), leaders: self.clone() })
    }
}

struct Ear {
    machine: String,
    leaders: Leaders,
}

impl Observer for Ear {
    fn observe(&self, _: u64, what: Observation<'_>) {
        self.leaders.hear(&self.machine, &what);
    }
}
