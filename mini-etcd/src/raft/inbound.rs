//! What a message from a peer must be like before it is looked at.
//!
//! The core takes its own invariants for granted; whatever a message could do to them is found out
//! here.

use anatomy_proto::raftpb::{Message, MessageType};

use super::Error;
use super::core::Raft;
use super::storage::Storage;

/// Terms and indices grow by one: what is above was never reached.
const REACHABLE: u64 = u64::MAX >> 1;

impl<S: Storage> Raft<S> {
    pub(super) fn inspect(&self, m: &Message) -> Result<(), Error> {
        let malformed = |reason| Err(Error::Malformed { from: m.from, reason });
        let Ok(kind) = MessageType::try_from(m.r#type) else {
            return malformed("unknown message type");
        };
        let metadata = m.snapshot.as_ref().and_then(|snapshot| snapshot.metadata.as_ref());
        let snapshot = metadata.map_or((0, 0), |metadata| (metadata.index, metadata.term));
        let numbers =
            [m.term, m.log_term, m.index, m.commit, m.reject_hint, snapshot.0, snapshot.1];
        let last = m.entries.iter().map(|entry| entry.term.max(entry.index));
        if numbers.into_iter().chain(last).any(|number| number > REACHABLE) {
            return malformed("no cluster has reached this term or index");
        }
        match kind {
            MessageType::MsgHup
            | MessageType::MsgBeat
            | MessageType::MsgCheckQuorum
            | MessageType::MsgSnapStatus
            | MessageType::MsgUnreachable => return Err(Error::LocalMessage(m.r#type)),
            MessageType::MsgAppResp
            | MessageType::MsgHeartbeatResp
            | MessageType::MsgVoteResp
            | MessageType::MsgPreVoteResp
                if !self.tracker.progress.contains_key(&m.from) =>
            {
                return Err(Error::UnknownPeer(m.from));
            }
            MessageType::MsgProp | MessageType::MsgReadIndex if m.entries.is_empty() => {
                return malformed("a request needs an entry");
            }
            MessageType::MsgProp | MessageType::MsgReadIndex => return Ok(()),
            _ if m.term == 0 => return malformed("a message between members carries a term"),
            MessageType::MsgAppResp
                if m.term == self.term && !m.reject && m.index > self.log.last_index() =>
            {
                return malformed("it acknowledges what was not sent");
            }
            MessageType::MsgApp => inspect_append(m)?,
            MessageType::MsgSnap if metadata.is_none() || snapshot.1 == 0 => {
                return malformed("a snapshot needs an index and a term");
            }
            MessageType::MsgSnap
                if snapshot.0 == self.log.committed
                    && !self.log.matches(snapshot.0, snapshot.1) =>
            {
                return malformed("the snapshot contradicts what is committed");
            }
            MessageType::MsgHeartbeat if m.term >= self.term => {
                let last = self.log.last_index();
                if m.commit > last {
                    return Err(Error::LogLost { commit: m.commit, last });
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn inspect_append(m: &Message) -> Result<(), Error> {
    let malformed = |reason| Err(Error::Malformed { from: m.from, reason });
    let last = m.index + m.entries.len() as u64;
    if !(m.index + 1..=last).zip(&m.entries).all(|(index, e)| e.index == index) {
        return malformed("appended entries must follow each other");
    }
    if (m.index > 0 && m.log_term == 0) || m.entries.iter().any(|entry| entry.term == 0) {
        return malformed("an entry has a term");
    }
    let terms = || std::iter::once(m.log_term).chain(m.entries.iter().map(|e| e.term));
    if !terms().zip(terms().skip(1).chain([m.term])).all(|(term, next)| term <= next) {
        return malformed("terms must not fall along a log");
    }
    Ok(())
}
