//! All oracles over what was noted.

use std::collections::BTreeMap;

use anatomy_proto::mvccpb::{Event, KeyValue};
use bytes::Bytes;

use super::ears::Ears;
use super::notes::{All, Notes};
use super::transfer;
use crate::oracle::linearizability::{self, Verdict};
use crate::oracle::{lock, revisions, transfers, watch};
use crate::outcome::Violation;

/// How many findings of one oracle are told.
const TOLD: usize = 5;

/// What is wrong with a run.
pub fn violations(notes: &Notes, ears: &Ears) -> Vec<Violation> {
    let all = notes.all();
    let mut found = all.violations.clone();
    found.extend(ears.raft.violations());
    found.extend(order(&all));
    found.extend(revisions::check(&all.stamps));
    found.extend(lock::check(&all.holds));
    let accounts = all.readings.iter().filter(|reading| !reading.balances.is_empty());
    let accounts: Vec<_> = accounts.cloned().collect();
    found.extend(transfers::check(&accounts, transfer::ACCOUNTS, transfer::TOTAL));
    let history = history(&all);
    found.extend(all.watches.iter().flat_map(|watch| watch::check(watch, &history)));
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    found.retain(|violation| {
        let count = count.entry(violation.oracle.clone()).or_default();
        *count += 1;
        *count <= TOLD
    });
    found
}

fn order(all: &All) -> Option<Violation> {
    let report = linearizability::check(&all.operations, linearizability::BUDGET);
    let text = match report.verdict {
        Verdict::Linearizable => return None,
        Verdict::Impossible(found) => found.to_string(),
        // Not known to be wrong, but nobody shall think that it was looked at.
        Verdict::Unknown => "not decided within the budget of the search".to_owned(),
    };
    Some(Violation { oracle: linearizability::NAME.to_owned(), text, data_loss: false })
}

/// What really happened: what all watches together say, and what was acknowledged.
fn history(all: &All) -> watch::History {
    let mut events: BTreeMap<(i64, Bytes), Event> = BTreeMap::new();
    let mut delivered = std::collections::BTreeSet::new();
    let said = all.watches.iter().flat_map(|watch| &watch.responses);
    for event in said.flat_map(|response| &response.events) {
        let Some(kv) = &event.kv else { continue };
        delivered.insert(kv.mod_revision);
        let plain = Event { prev_kv: None, ..event.clone() };
        events.entry((kv.mod_revision, kv.key.clone())).or_insert(plain);
    }
    // A revision that no watch told of is missing in each.
    for (key, written) in &all.acknowledged {
        if !delivered.contains(&written.revision) {
            let (key, revision) = (Bytes::from(key.clone()), written.revision);
            let kv = KeyValue {
                key: key.clone(),
                value: Bytes::from(written.value.clone()),
                mod_revision: revision,
                ..KeyValue::default()
            };
            let event = Event { kv: Some(kv), ..Event::default() };
            events.insert((revision, key), event);
        }
    }
    watch::History::new(2, events.into_values()).compacted(all.compacted)
}
