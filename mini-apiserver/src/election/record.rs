//! What the lock says.

use harness_env::Wall;
use serde::{Deserialize, Serialize};

/// The record in the lock's annotation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Record {
    /// Who leads.
    pub holder_identity: String,
    /// For how long, in seconds since it was renewed.
    pub lease_duration_seconds: u64,
    /// Since when it leads.
    pub acquire_time: String,
    /// When it last said so.
    pub renew_time: String,
    /// How often the leader changed.
    pub leader_transitions: u64,
}

impl Record {
    /// The record of the first leader there ever was.
    pub(super) fn first(identity: &str, wall: Wall) -> Self {
        let now = crate::election::stamp(wall);
        Record {
            holder_identity: identity.to_string(),
            lease_duration_seconds: super::LEASE.as_secs(),
            acquire_time: now.clone(),
            renew_time: now,
            leader_transitions: 0,
        }
    }

    /// The record with which `identity` takes or renews the lock; `None` while it is another's and
    /// `held`, that is, it changed less than a lease ago.
    pub(super) fn claim(&self, identity: &str, wall: Wall, held: bool) -> Option<Self> {
        let own = self.holder_identity == identity;
        if held && !own {
            return None;
        }
        let mut record = Record::first(identity, wall);
        record.leader_transitions = self.leader_transitions + u64::from(!own);
        if own {
            record.acquire_time.clone_from(&self.acquire_time);
        }
        Some(record)
    }

    /// Reads an annotation; one that cannot be read is nobody's record.
    pub(super) fn from_text(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    pub(super) fn to_text(&self) -> String {
        serde_json::to_string(self).expect("strings and numbers are JSON")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Wall = Wall::from_unix(1_509_109_800);

    #[test]
    fn a_held_lock_is_left_alone_and_a_stale_one_is_taken() {
        let held = Record::first("a", NOW);
        assert_eq!(held.claim("b", NOW, true), None);
        let taken = held.claim("b", NOW, false).expect("it is stale");
        assert_eq!((&*taken.holder_identity, taken.leader_transitions), ("b", 1));
    }

    #[test]
    fn a_renewal_keeps_when_it_was_acquired() {
        let held = Record::first("a", NOW);
        let later = Wall::from_unix(NOW.unix() + 2);
        let renewed = held.claim("a", later, true).expect("it is its own");
        assert_eq!(renewed.acquire_time, held.acquire_time);
        assert_eq!((&*renewed.renew_time, renewed.leader_transitions), ("2017-10-27T13:10:02Z", 0));
    }

    #[test]
    fn a_record_reads_back_and_rubbish_is_nobodys() {
        let record = Record::first("a", NOW);
        assert_eq!(Record::from_text(&record.to_text()), record);
        assert_eq!(Record::from_text("{"), Record::default());
    }
}
