//! Durability: what a message promises is on the sender's disk, and a restart finds it there.

use anatomy_proto::raftpb::{Entry, HardState, Message, MessageType, SnapshotMetadata};

use super::member::{Change, Disk, Member, identities};
use super::{Checker, Invariant};

impl Checker {
    pub(super) fn started(
        &mut self,
        id: u64,
        hard_state: HardState,
        snapshot: &SnapshotMetadata,
        entries: &[Entry],
        applied: u64,
    ) {
        let snapshot = (snapshot.index, snapshot.term);
        let log = identities(entries).into_iter().collect();
        let disk = Disk { hard_state, snapshot, log };
        if let Some(before) = self.members.get(&id)
            && let Some(gone) = lost(before, &disk)
        {
            let text = format!("member {id:x} started again without {gone}");
            self.broken(Invariant::Durability, text);
        }
        self.write(id, snapshot, entries);
        let member = Member { disk, applied, commit: hard_state.commit, ..Member::default() };
        self.members.insert(id, member);
    }

    pub(super) fn saving(
        &mut self,
        id: u64,
        snapshot: Option<&SnapshotMetadata>,
        entries: &[Entry],
        hard_state: Option<&HardState>,
    ) {
        let snapshot = snapshot.map(|snapshot| (snapshot.index, snapshot.term));
        let before = self.members.get(&id).map_or((0, 0), |member| member.disk.snapshot);
        self.write(id, snapshot.unwrap_or(before), entries);
        self.one_change_at_a_time(id, entries);
        let member = self.members.entry(id).or_default();
        if let Some((index, _)) = snapshot {
            member.applied = index;
        }
        let (entries, hard_state) = (identities(entries), hard_state.copied());
        member.saving = Some(Change { snapshot, entries, hard_state });
    }

    pub(super) fn saved(&mut self, id: u64) {
        let Some(member) = self.members.get_mut(&id) else { return };
        if let Some(change) = member.saving.take() {
            member.disk.take(change);
        }
    }

    pub(super) fn sent(&mut self, id: u64, message: &Message) {
        let Some(member) = self.members.get(&id) else { return };
        let disk = &member.disk;
        let HardState { term, vote, .. } = disk.hard_state;
        // A later term stands for an earlier promise: it was kept then.
        let promised = |to: u64| term > message.term || (term == message.term && vote == to);
        let kept = match message.r#type() {
            MessageType::MsgVoteResp if !message.reject => promised(message.to),
            MessageType::MsgVote => promised(id),
            // What it acknowledged in an earlier term, the leader of a later one may have replaced in
            // the same write: then that leader was elected without it, and it is not committed.
            MessageType::MsgAppResp if !message.reject => {
                term > message.term || (term == message.term && disk.last_index() >= message.index)
            }
            _ => true,
        };
        if kept {
            return;
        }
        let (kind, to, about) = (message.r#type().as_str_name(), message.to, message.term);
        let last = disk.last_index();
        let text = format!(
            "member {id:x} sent {kind} of term {about} and index {} to {to:x} with term {term}, vote \
             {vote:x} and entries up to {last} on its disk",
            message.index
        );
        self.broken(Invariant::Durability, text);
    }
}

/// What was durable and is not there.
fn lost(before: &Member, now: &Disk) -> Option<String> {
    let (old, new) = (before.disk.hard_state, now.hard_state);
    if (new.term, new.vote) < (old.term, 0) {
        return Some(format!("its term {}: it has {}", old.term, new.term));
    }
    if new.term == old.term && old.vote != 0 && new.vote != old.vote {
        return Some(format!("its vote of term {}: {:x}, not {:x}", old.term, new.vote, old.vote));
    }
    // What it was about to replace may be there or not.
    let sure = before.saving.as_ref().map_or(u64::MAX, Change::first);
    let gone = before.disk.log.range(..sure).find(|(index, entry)| !now.has(**index, entry.term));
    gone.map(|(index, entry)| format!("entry {index} of term {}", entry.term))
}
