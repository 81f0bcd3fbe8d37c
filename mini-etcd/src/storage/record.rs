//! A record of the log: a header of 12 bytes and a body.
//!
//! ```text
//! | body length u32 | CRC of (chain, length) u32 | CRC of (chain, length, body) u32 | kind u8, payload, 255 |
//! ```
//! Each checksum starts from the one before it in the log (the chain), so that a record is valid
//! at its own place alone. The header has a checksum of its own: without it a flipped bit in a
//! length would look like a record that was cut off, and acknowledged entries would be dropped.
//!
//! A crash may leave a prefix of the last write, or pages of it missing, which read as zeros; zeros
//! also stand where nothing was written yet. A record begins and ends its body with a byte other than
//! zero, so that what is not there can be told from what was changed. Such a tail was never
//! acknowledged and is cut off. Anything else that is wrong is damage.

use std::ops::Range;

use anatomy_proto::raftpb::{Entry, HardState};
use prost::Message;

const HEADER: usize = 12;
/// The unit in which a disk loses writes: a missing piece reads as zeros.
const SECTOR: usize = 512;
/// Ends each body.
const END: u8 = 255;
/// Far above the largest entry; a longer record is damage.
const LARGEST: usize = 512 << 20;

/// What the log holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// Whose log it is; first in each file.
    Identity(Identity),
    /// A Raft entry. It replaces what the log had at its index and after.
    Entry(Entry),
    /// Raft's hard state.
    State(HardState),
    /// A snapshot file was completed.
    Snapshot(Marker),
}

/// Whose log it is.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Identity {
    /// The member.
    #[prost(uint64, tag = "1")]
    pub member: u64,
    /// The cluster.
    #[prost(uint64, tag = "2")]
    pub cluster: u64,
}

/// The place of a snapshot in the log.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Marker {
    /// The last entry that the snapshot covers.
    #[prost(uint64, tag = "1")]
    pub index: u64,
    /// Its term.
    #[prost(uint64, tag = "2")]
    pub term: u64,
}

impl Record {
    /// Appends the record to `out`. Returns the chain after it.
    pub fn encode(&self, chain: u32, out: &mut Vec<u8>) -> u32 {
        let (kind, payload) = match self {
            Record::Identity(x) => (1, x.encode_to_vec()),
            Record::Entry(x) => (2, x.encode_to_vec()),
            Record::State(x) => (3, x.encode_to_vec()),
            Record::Snapshot(x) => (4, x.encode_to_vec()),
        };
        let length = u32::try_from(payload.len() + 2).expect("entries are bounded").to_le_bytes();
        let header = crc(chain, &[&length]);
        let whole = crc(chain, &[&length, &[kind], &payload, &[END]]);
        for part in [&length, &header.to_le_bytes(), &whole.to_le_bytes()] {
            out.extend_from_slice(part);
        }
        out.push(kind);
        out.extend_from_slice(&payload);
        out.push(END);
        whole
    }

    fn decode(body: &[u8]) -> Option<Record> {
        let (_, body) = body.split_last()?;
        let (kind, payload) = body.split_first()?;
        Some(match kind {
            1 => Record::Identity(Message::decode(payload).ok()?),
            2 => Record::Entry(Message::decode(payload).ok()?),
            3 => Record::State(Message::decode(payload).ok()?),
            4 => Record::Snapshot(Message::decode(payload).ok()?),
            _ => return None,
        })
    }
}

/// What is at a place of the log.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// A record, the offset after it, and the chain after it.
    Record(Record, usize, u32),
    /// The end of the file.
    End,
    /// The remains of a write that was never finished.
    Torn,
    /// Damage.
    Damaged(String),
}

/// Reads the record at `offset` of a file's `bytes`.
pub fn read(bytes: &[u8], offset: usize, chain: u32) -> Step {
    let rest = &bytes[offset..];
    if rest.is_empty() {
        return Step::End;
    }
    let Some((header, after)) = rest.split_at_checked(HEADER) else {
        return Step::Torn;
    };
    let word = |i: usize| u32::from_le_bytes(header[i..i + 4].try_into().expect("four bytes"));
    let length = word(0) as usize;
    if crc(chain, &[&header[..4]]) != word(4) || length > LARGEST {
        let kind = after.first();
        return torn_or(
            bytes,
            offset..offset + HEADER,
            kind,
            "the header's checksum does not match",
        );
    }
    let Some(body) = after.get(..length) else {
        return Step::Torn;
    };
    let end = offset + HEADER + length;
    if crc(chain, &[&header[..4], body]) != word(8) {
        return torn_or(bytes, offset..end, body.last(), "the checksum does not match");
    }
    match Record::decode(body) {
        Some(record) => Step::Record(record, end, word(8)),
        None => Step::Damaged("a checksummed record of an unknown form".into()),
    }
}

/// The record at `offset` with zeros for what is missing of it and no look at its checksum, if that
/// makes one. For the planted defect alone.
pub(super) fn patched(bytes: &mut Vec<u8>, offset: usize, chain: u32) -> Option<Step> {
    let header = bytes[offset..].first_chunk::<HEADER>()?;
    let word = |i: usize| u32::from_le_bytes(header[i..i + 4].try_into().expect("four bytes"));
    let length = word(0) as usize;
    if crc(chain, &[&header[..4]]) != word(4) || length > LARGEST {
        return None;
    }
    let (start, end, chain) = (offset + HEADER, offset + HEADER + length, word(8));
    bytes.resize(end.max(bytes.len()), 0);
    Some(Step::Record(Record::decode(&bytes[start..end])?, end, chain))
}

/// Bad bytes are a torn write if what comes last of it is not there, or a whole piece of them in one
/// sector is zeros.
fn torn_or(bytes: &[u8], bad: Range<usize>, last: Option<&u8>, what: &str) -> Step {
    if last.is_none_or(|last| *last == 0) {
        return Step::Torn;
    }
    let mut start = bad.start;
    while start < bad.end {
        let end = bad.end.min((start / SECTOR + 1) * SECTOR);
        if bytes[start..end].iter().all(|byte| *byte == 0) {
            return Step::Torn;
        }
        start = end;
    }
    Step::Damaged(what.into())
}

fn crc(chain: u32, parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&chain.to_le_bytes());
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize()
}
