//! Which message means what: first the term decides who is out of date, then the role.

use anatomy_proto::raftpb::{Message, MessageType};

use super::core::{Raft, message};
use super::ready::Role;
use super::storage::Storage;
use super::{Error, NONE};

impl<S: Storage> Raft<S> {
    /// Takes a message of a peer, or one of this member's own.
    pub(super) fn step(&mut self, m: Message) -> Result<(), Error> {
        if m.term > self.term && !self.enter_term(&m) {
            return Ok(());
        }
        if m.term != 0 && m.term < self.term {
            self.answer_old_term(&m);
            return Ok(());
        }
        match m.r#type() {
            MessageType::MsgHup => self.campaign(false),
            MessageType::MsgVote | MessageType::MsgPreVote => self.handle_vote_request(&m),
            _ => match self.role {
                Role::Leader => return self.step_leader(m),
                Role::Follower => return self.step_follower(m),
                Role::PreCandidate | Role::Candidate => return self.step_candidate(m),
            },
        }
        Ok(())
    }

    /// A message of a later term. False if it is to be ignored.
    fn enter_term(&mut self, m: &Message) -> bool {
        match m.r#type() {
            MessageType::MsgVote | MessageType::MsgPreVote if self.in_lease(m) => {
                tracing::debug!(
                    kind = "raft.vote.ignored",
                    member = %format_args!("{:x}", self.id),
                    candidate = %format_args!("{:x}", m.from),
                    leader = %format_args!("{:x}", self.leader),
                    "vote request ignored: the leader's lease has not run out"
                );
                return false;
            }
            // A pre-vote is about a term that nobody has entered.
            MessageType::MsgPreVote => {}
            MessageType::MsgPreVoteResp if !m.reject => {}
            MessageType::MsgApp | MessageType::MsgHeartbeat | MessageType::MsgSnap => {
                self.become_follower(m.term, m.from);
            }
            _ => self.become_follower(m.term, NONE),
        }
        true
    }

    /// A message of an earlier term is dropped, with two exceptions that free a stuck member: a
    /// leader must learn that a member is ahead of it (with leases or pre-votes, that member's
    /// candidacy will not tell), and a pre-candidate that it is behind.
    fn answer_old_term(&mut self, m: &Message) {
        match m.r#type() {
            MessageType::MsgApp | MessageType::MsgHeartbeat
                if self.config.check_quorum || self.config.pre_vote =>
            {
                self.send(message(MessageType::MsgAppResp, m.from));
            }
            MessageType::MsgPreVote => {
                let answer = message(MessageType::MsgPreVoteResp, m.from);
                self.send(Message { term: self.term, reject: true, ..answer });
            }
            _ => {}
        }
    }

    fn step_leader(&mut self, m: Message) -> Result<(), Error> {
        match m.r#type() {
            MessageType::MsgProp => return self.handle_proposal(m.entries),
            MessageType::MsgReadIndex => self.handle_read_index(m),
            MessageType::MsgAppResp => self.handle_append_response(&m),
            MessageType::MsgHeartbeatResp => self.handle_heartbeat_response(&m),
            MessageType::MsgSnapStatus => self.handle_snapshot_status(&m),
            MessageType::MsgUnreachable => self.handle_unreachable(&m),
            MessageType::MsgTransferLeader => self.handle_transfer(&m),
            _ => {}
        }
        Ok(())
    }

    fn step_candidate(&mut self, m: Message) -> Result<(), Error> {
        match m.r#type() {
            MessageType::MsgProp => return Err(Error::ProposalDropped),
            // Somebody else has won this term.
            MessageType::MsgApp | MessageType::MsgHeartbeat | MessageType::MsgSnap => {
                self.become_follower(m.term, m.from);
                return self.step_follower(m);
            }
            MessageType::MsgVoteResp | MessageType::MsgPreVoteResp => self.handle_vote_response(&m),
            _ => {}
        }
        Ok(())
    }

    fn step_follower(&mut self, mut m: Message) -> Result<(), Error> {
        match m.r#type() {
            MessageType::MsgApp | MessageType::MsgHeartbeat | MessageType::MsgSnap => {
                self.election_elapsed = 0;
                self.leader = m.from;
                match m.r#type() {
                    MessageType::MsgApp => self.handle_append(&m),
                    MessageType::MsgHeartbeat => self.handle_heartbeat(m),
                    _ => self.handle_snapshot(m),
                }
            }
            MessageType::MsgProp if self.leader == NONE => return Err(Error::ProposalDropped),
            MessageType::MsgProp | MessageType::MsgReadIndex | MessageType::MsgTransferLeader
                if self.leader != NONE =>
            {
                m.to = self.leader;
                self.send(m);
            }
            MessageType::MsgTimeoutNow => self.campaign(true),
            MessageType::MsgReadIndexResp => self.handle_read_index_response(m),
            _ => {}
        }
        Ok(())
    }
}
