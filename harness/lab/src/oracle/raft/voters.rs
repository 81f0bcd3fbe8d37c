//! Who votes: one change at a time.

use std::collections::BTreeSet;

use anatomy_proto::raftpb::{ConfState, Entry};

use super::member::Identity;
use super::{Checker, Invariant};

impl Checker {
    /// The members after an applied entry.
    pub(super) fn configured(&mut self, id: u64, index: u64, members: &ConfState) {
        let voters: BTreeSet<u64> = members.nodes.iter().copied().collect();
        if let Some(member) = self.members.get_mut(&id) {
            member.counted.push(voters.clone());
        }
        let seen = self.voters.entry(index).or_insert_with(|| voters.clone());
        if *seen != voters {
            let text = format!("member {id:x} counts other voters than others after entry {index}");
            return self.broken(Invariant::QuorumIntersection, text);
        }
        let Some((_, before)) = self.voters.range(..index).next_back() else { return };
        let (before, after) = (before.len(), voters.symmetric_difference(before).count());
        if after > 1 {
            let text = format!(
                "entry {index} makes {before} voters {}, with {after} changes at once",
                voters.len()
            );
            self.broken(Invariant::QuorumIntersection, text);
        }
    }

    /// A leader takes a change only when it has applied the one before.
    pub(super) fn one_change_at_a_time(&mut self, id: u64, entries: &[Entry]) {
        let Some(member) = self.members.get(&id).filter(|member| member.leads.is_some()) else {
            return;
        };
        let first = entries.first().map_or(u64::MAX, |entry| entry.index);
        let kept = member.disk.log.range(member.applied + 1..).filter(|(index, _)| **index < first);
        let kept = kept.filter(|(_, entry)| entry.change).map(|(index, _)| *index);
        let taken: Vec<u64> = entries
            .iter()
            .filter(|entry| Identity::of(entry).change)
            .map(|entry| entry.index)
            .collect();
        if taken.is_empty() {
            return;
        }
        let waiting: Vec<String> = kept.chain(taken).map(|index| index.to_string()).collect();
        if waiting.len() > 1 {
            let text = format!(
                "{id:x} has taken changes {} of the members at once",
                waiting.join(" and ")
            );
            self.broken(Invariant::QuorumIntersection, text);
        }
    }
}
