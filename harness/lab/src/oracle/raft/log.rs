//! Entries: what is written and what is applied.

use anatomy_proto::raftpb::Entry;

use super::member::Identity;
use super::{Checker, Invariant};

impl Checker {
    /// Log matching, inductively: if entries of the same index and term are the same and have the
    /// same term before them, then logs that agree on an entry agree on all before it.
    pub(super) fn write(&mut self, id: u64, snapshot: (u64, u64), entries: &[Entry]) {
        let known = self.members.get(&id);
        let mut before = entries.first().and_then(|first| {
            let index = first.index - 1;
            if index == snapshot.0 {
                return Some(snapshot.1);
            }
            let log = known.map(|member| &member.disk.log);
            log.and_then(|log| log.get(&index)).map(|entry| entry.term)
        });
        for entry in entries {
            let (at, new) = ((entry.index, entry.term), Identity::of(entry));
            let (seen, seen_before) = *self.entries.entry(at).or_insert((new, before));
            let agrees = seen_before.is_none() || before.is_none() || seen_before == before;
            if seen != new || !agrees {
                let (index, term) = at;
                let text = format!("member {id:x} has another entry {index} of term {term}");
                self.broken(Invariant::LogMatching, text);
            }
            before = Some(entry.term);
        }
    }

    pub(super) fn applied(&mut self, id: u64, entry: &Entry, revision: i64) {
        let member = self.members.entry(id).or_default();
        let expected = member.applied + 1;
        member.applied = entry.index;
        if entry.index != expected {
            let text = format!("member {id:x} applied entry {} before {expected}", entry.index);
            self.broken(Invariant::StateMachineSafety, text);
        }
        let new = (Identity::of(entry), revision);
        let seen = *self.applied.entry(entry.index).or_insert(new);
        if seen != new {
            let text = format!(
                "member {id:x} applied an entry of term {} at {} and is at revision {revision}; \
                 another member applied one of term {} and was at revision {}",
                entry.term, entry.index, seen.0.term, seen.1
            );
            self.broken(Invariant::StateMachineSafety, text);
        }
        self.commits(id, entry.index, entry.term);
    }

    /// An entry is known to be committed.
    pub(super) fn commits(&mut self, id: u64, index: u64, term: u64) {
        let known = *self.committed.entry(index).or_insert(term);
        if known != term {
            let text = format!(
                "member {id:x} commits entry {index} of term {term}; it was one of {known}"
            );
            self.broken(Invariant::StateMachineSafety, text);
        }
    }
}
