//! Elections: who may ask for votes, and who gets one.

use anatomy_proto::raftpb::{EntryType, Message, MessageType};
use bytes::Bytes;

use super::NONE;
use super::core::{Raft, message};
use super::ready::Role;
use super::storage::Storage;
use super::tracker::Tally;

/// Marks a vote request that the old leader asked for: leases do not hold against it.
pub(super) const CAMPAIGN_TRANSFER: Bytes = Bytes::from_static(b"CampaignTransfer");

impl<S: Storage> Raft<S> {
    /// Whether this member could lead: learners and removed members cannot.
    pub(super) fn promotable(&self) -> bool {
        self.tracker.voters.contains(&self.id)
    }

    /// Starts an election, unless this member does not yet know who votes: a membership change
    /// that is committed but not applied could change that.
    pub(super) fn campaign(&mut self, transfer: bool) {
        if self.role == Role::Leader || !self.promotable() || self.has_unapplied_conf_change() {
            return;
        }
        if self.config.pre_vote && !transfer {
            self.become_pre_candidate();
            self.request_votes(MessageType::MsgPreVote, self.term + 1, Bytes::new());
        } else {
            self.campaign_for_votes(transfer);
        }
    }

    fn campaign_for_votes(&mut self, transfer: bool) {
        self.become_candidate();
        let context = if transfer { CAMPAIGN_TRANSFER } else { Bytes::new() };
        self.request_votes(MessageType::MsgVote, self.term, context);
    }

    fn request_votes(&mut self, kind: MessageType, term: u64, context: Bytes) {
        if self.poll(self.id, true) == Tally::Won {
            return; // the only voter needs nobody else
        }
        let (index, log_term) = (self.log.last_index(), self.log.last_term());
        for to in self.tracker.peers(self.id) {
            if !self.tracker.voters.contains(&to) {
                continue;
            }
            let context = context.clone();
            self.send(Message { term, index, log_term, context, ..message(kind, to) });
        }
    }

    /// Counts one answer and acts on the outcome.
    fn poll(&mut self, from: u64, granted: bool) -> Tally {
        let tally = self.tracker.record_vote(from, granted);
        match (tally, self.role) {
            (Tally::Won, Role::PreCandidate) => self.campaign_for_votes(false),
            (Tally::Won, _) => {
                self.become_leader();
                self.broadcast_append();
            }
            (Tally::Lost, _) => self.become_follower(self.term, NONE),
            (Tally::Open, _) => {}
        }
        tally
    }

    /// An answer to a candidacy that may be over by now.
    pub(super) fn handle_vote_response(&mut self, m: &Message) {
        let asked = match self.role {
            Role::PreCandidate => MessageType::MsgPreVoteResp,
            Role::Candidate => MessageType::MsgVoteResp,
            Role::Follower | Role::Leader => return,
        };
        if m.r#type() == asked {
            self.poll(m.from, !m.reject);
        }
    }

    /// Whether a candidate's request is not even looked at, because this member heard from a
    /// leader within an election timeout. That keeps a removed or cut-off member from unseating a
    /// leader that works (Ongaro 2014, section 4.2.3).
    pub(super) fn in_lease(&self, m: &Message) -> bool {
        self.config.check_quorum
            && self.leader != NONE
            && self.election_elapsed < self.config.election_tick
            && m.context != CAMPAIGN_TRANSFER
    }

    /// Answers a request for a vote or a pre-vote.
    pub(super) fn handle_vote_request(&mut self, m: &Message) {
        let pre_vote = m.r#type() == MessageType::MsgPreVote;
        let may_vote = self.vote == m.from
            || (self.vote == NONE && self.leader == NONE)
            || (pre_vote && m.term > self.term);
        let grant = may_vote && self.log.is_up_to_date(m.index, m.log_term);
        let answer = if pre_vote { MessageType::MsgPreVoteResp } else { MessageType::MsgVoteResp };
        // A granted answer carries the request's term: a pre-candidate asks about a term that
        // this member has not entered, and would ignore an answer from an older one.
        let term = if grant { m.term } else { self.term };
        tracing::debug!(
            kind = "raft.vote",
            member = %format_args!("{:x}", self.id),
            candidate = %format_args!("{:x}", m.from),
            grant,
            pre_vote,
            term,
            "vote asked for"
        );
        self.send(Message { term, reject: !grant, ..message(answer, m.from) });
        if grant && !pre_vote {
            self.election_elapsed = 0;
            self.vote = m.from;
        }
    }

    fn has_unapplied_conf_change(&self) -> bool {
        let lo = (self.log.applied + 1).max(self.log.first_index());
        let unapplied = self
            .log
            .slice(lo, self.log.committed + 1, u64::MAX)
            .expect("entries not yet applied are never compacted");
        unapplied.iter().any(|e| e.r#type() == EntryType::EntryConfChange)
    }
}
