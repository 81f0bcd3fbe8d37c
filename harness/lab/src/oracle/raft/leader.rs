//! Who leads, and what a leader may commit.

use std::collections::BTreeSet;

use mini_etcd::raft::{Role, Status};

use super::{Checker, Invariant};

impl Checker {
    pub(super) fn turned(&mut self, id: u64, status: &Status) {
        let leads = (status.role == Role::Leader).then_some(status.term);
        let member = self.members.entry(id).or_default();
        let before = std::mem::replace(&mut member.commit, status.commit);
        let led = std::mem::replace(&mut member.leads, leads);
        let mut counted = std::mem::take(&mut member.counted);
        if status.commit < before {
            let text = format!("member {id:x} went back from {before} to {}", status.commit);
            self.broken(Invariant::MonotonicCommit, text);
        }
        if leads.is_none() {
            return;
        }
        let leader = *self.leaders.entry(status.term).or_insert(id);
        if leader != id {
            let text = format!("{leader:x} and {id:x} both lead term {}", status.term);
            self.broken(Invariant::ElectionSafety, text);
        }
        if led != leads {
            self.is_complete(id, status.term);
        }
        if status.commit > before {
            counted.push(status.voters.clone());
            self.counts(id, status, before, &counted);
        }
        let member = self.members.entry(id).or_default();
        member.counted = vec![status.voters.clone()];
    }

    fn is_complete(&mut self, id: u64, term: u64) {
        let disk = &self.members[&id].disk;
        let lacks = self
            .committed
            .range(disk.snapshot.0 + 1..)
            .find(|(index, committed)| **committed < term && !disk.has(**index, **committed));
        if let Some((index, committed)) = lacks {
            let text =
                format!("{id:x} leads term {term} without entry {index} of term {committed}");
            self.broken(Invariant::LeaderCompleteness, text);
        }
    }

    /// A leader's commit index went up.
    fn counts(&mut self, id: u64, status: &Status, before: u64, counted: &[BTreeSet<u64>]) {
        let disk = &self.members[&id].disk;
        let commit = status.commit;
        let of_leader = disk.log.get(&commit).map(|entry| entry.term);
        let new: Vec<(u64, u64)> = disk
            .log
            .range(before + 1..=commit)
            .map(|(index, entry)| (*index, entry.term))
            .collect();
        if of_leader.is_some_and(|term| term != status.term) {
            let text = format!(
                "{id:x} leads term {} and counted entry {commit} of term {}",
                status.term,
                of_leader.unwrap_or_default()
            );
            self.broken(Invariant::CommitByQuorum, text);
        }
        let have = |voter: &&u64| {
            let disk = self.members.get(voter).map(|member| &member.disk);
            disk.is_some_and(|disk| disk.has(commit, status.term))
        };
        // The voters may have changed within the turn.
        let is_quorum =
            |voters: &BTreeSet<u64>| voters.iter().filter(have).count() * 2 > voters.len();
        if of_leader == Some(status.term) && !counted.iter().any(is_quorum) {
            let voters = &status.voters;
            let text = format!(
                "{id:x} commits entry {commit} of term {}, which {} of {} voters have on disk",
                status.term,
                voters.iter().filter(have).count(),
                voters.len()
            );
            self.broken(Invariant::CommitByQuorum, text);
        }
        for (index, term) in new {
            self.commits(id, index, term);
        }
    }
}
