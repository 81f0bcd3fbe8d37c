//! The bytes between members: `Hello` and `Welcome` once, then `Frame`s, each with its length
//! before it (u32, big-endian). An empty frame says that the sender is alive.

use std::io;

use anatomy_proto::etcdserverpb::Member;
use anatomy_proto::raftpb;
use bytes::Bytes;
use prost::Message;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Larger than any snapshot that a cluster of this kind makes; more is not read.
const FRAME_MAX: usize = 512 << 20;

/// What the dialling side begins with.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Hello {
    /// The sender's cluster; 0 where it is about to join one.
    #[prost(uint64, tag = "1")]
    pub cluster: u64,
    /// The sender; 0 where it does not know its id yet.
    #[prost(uint64, tag = "2")]
    pub from: u64,
    /// Whom it means to talk to; 0: whoever listens there.
    #[prost(uint64, tag = "3")]
    pub to: u64,
    /// The sender's version.
    #[prost(string, tag = "4")]
    pub version: String,
    /// Where the sender can be reached (rafthttp's header `X-PeerURLs`).
    #[prost(string, tag = "5")]
    pub url: String,
}

/// What the accepting side answers.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Welcome {
    #[prost(enumeration = "Verdict", tag = "1")]
    pub verdict: i32,
    /// The cluster.
    #[prost(uint64, tag = "2")]
    pub cluster: u64,
    /// Its members, where the sender is about to join.
    #[prost(message, repeated, tag = "3")]
    pub members: Vec<Member>,
}

/// Whether a sender is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum Verdict {
    /// Frames may follow.
    Welcome = 0,
    /// This is a member of another cluster.
    OtherCluster = 1,
    /// This is another member of the cluster.
    OtherMember = 2,
    /// The sender was removed from the cluster for ever (rafthttp answers 410 Gone).
    Removed = 3,
}

/// One message.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Frame {
    #[prost(oneof = "Content", tags = "1, 2, 3")]
    pub content: Option<Content>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Content {
    #[prost(message, tag = "1")]
    Raft(raftpb::Message),
    #[prost(message, tag = "2")]
    Question(Question),
    #[prost(message, tag = "3")]
    Answer(Answer),
}

/// A follower asks the leader about a lease (etcd: an HTTP request to `/leases`), or to let a learner
/// vote (`/members/promote/`).
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Question {
    /// Which question of the sender this is.
    #[prost(uint64, tag = "1")]
    pub number: u64,
    #[prost(int64, tag = "2")]
    pub lease: i64,
    /// Renew it; else only tell of it.
    #[prost(bool, tag = "3")]
    pub renew: bool,
    /// The learner; 0 where this is about a lease.
    #[prost(uint64, tag = "4")]
    pub promote: u64,
}

/// What the leader says to it.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Answer {
    #[prost(uint64, tag = "1")]
    pub number: u64,
    /// Whether there is such a lease, or the learner votes now.
    #[prost(bool, tag = "2")]
    pub found: bool,
    /// Whether the asked member is the leader.
    #[prost(bool, tag = "3")]
    pub primary: bool,
    /// Seconds at the grant.
    #[prost(int64, tag = "4")]
    pub granted: i64,
    /// Seconds left.
    #[prost(int64, tag = "5")]
    pub remaining: i64,
    #[prost(bytes = "bytes", repeated, tag = "6")]
    pub keys: Vec<Bytes>,
    /// Why the learner does not.
    #[prost(string, tag = "7")]
    pub refusal: String,
}

impl Frame {
    pub fn raft(message: raftpb::Message) -> Frame {
        Frame { content: Some(Content::Raft(message)) }
    }

    pub fn answer(answer: Answer) -> Frame {
        Frame { content: Some(Content::Answer(answer)) }
    }
}

/// Appends a message with its length to `out`.
pub(crate) fn encode(message: &impl Message, out: &mut Vec<u8>) {
    let length = u32::try_from(message.encoded_len()).expect("frames are bounded");
    out.extend_from_slice(&length.to_be_bytes());
    message.encode(out).expect("a vector grows");
}

/// Writes one message.
pub(crate) async fn write(
    to: &mut (impl AsyncWrite + Unpin),
    message: &impl Message,
) -> io::Result<()> {
    let mut bytes = Vec::new();
    encode(message, &mut bytes);
    to.write_all(&bytes).await?;
    to.flush().await
}

/// Reads one message.
pub(crate) async fn read<M: Message + Default>(
    from: &mut (impl AsyncRead + Unpin),
) -> io::Result<M> {
    let length = from.read_u32().await? as usize;
    if length > FRAME_MAX {
        let what = format!("a frame of {length} bytes: at most {FRAME_MAX} are expected");
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    }
    // What arrives is kept, not what was announced.
    let mut bytes = Vec::with_capacity(length.min(64 << 10));
    from.take(length as u64).read_to_end(&mut bytes).await?;
    if bytes.len() < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let invalid = |e: prost::DecodeError| io::Error::new(io::ErrorKind::InvalidData, e);
    M::decode(Bytes::from(bytes)).map_err(invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_frame_reads_back_and_an_empty_one_is_four_bytes() {
        let mut bytes = Vec::new();
        encode(&Frame::default(), &mut bytes);
        assert_eq!(bytes.len(), 4);
        let message = raftpb::Message { to: 1, from: 2, term: 3, ..raftpb::Message::default() };
        encode(&Frame::raft(message.clone()), &mut bytes);
        let mut from = &bytes[..];
        assert_eq!(read::<Frame>(&mut from).await.unwrap(), Frame::default());
        assert_eq!(read::<Frame>(&mut from).await.unwrap(), Frame::raft(message));
        let end = read::<Frame>(&mut from).await.unwrap_err();
        assert_eq!(end.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[tokio::test]
    async fn a_length_beyond_all_reason_is_an_error() {
        let mut from = &[0xff, 0xff, 0xff, 0xff, 0][..];
        let error = read::<Frame>(&mut from).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
