//! A client's bytes on their way to HTTP/2, with every `:authority` written alike.
//!
//! Clients built with Go's gRPC name as authority whatever they were told to dial:
//! `http://10.0.0.1:2379` from etcdctl's maintenance commands, `#initially=[...]` from those of
//! 3.5.0. Go's servers take that, and Rust's `h2` refuses the request as malformed. A member looks
//! at no authority, so each becomes the one letter that stands for all of them.
//!
//! The new value is never longer than the old one. The decoder's table of headers thus never holds
//! more bytes than the encoder thinks, drops nothing that the encoder still refers to, and what it
//! keeps for longer lies behind everything that the encoder knows (RFC 7541, sections 2.3.3 and 4).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::rewound::PREFACE;

/// A frame's head: length in 3 bytes, type, flags, stream in 4 bytes (RFC 9113, section 4.1).
const HEAD: usize = 9;
const HEADERS: u8 = 1;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;
/// The largest frame that may be sent to who has not asked for more.
const FRAME_MAX: usize = 1 << 14;
/// `:authority` in the static table (RFC 7541, appendix A).
const AUTHORITY: usize = 1;
/// What is written for every authority: a string of one byte, not Huffman coded.
const WRITTEN: [u8; 2] = [1, b'e'];

/// A client's connection, from the preface on.
pub(super) struct Authorities<S> {
    stream: S,
    /// What was read and not looked at yet.
    raw: BytesMut,
    /// What was looked at and not handed out yet.
    out: BytesMut,
    /// How many bytes are to be passed as they are.
    passing: usize,
}

impl<S> Authorities<S> {
    pub fn new(stream: S) -> Self {
        let (raw, out) = (BytesMut::new(), BytesMut::new());
        Authorities { stream, raw, out, passing: PREFACE.len() }
    }

    fn look(&mut self) {
        loop {
            if self.passing > 0 {
                let n = self.passing.min(self.raw.len());
                self.out.unsplit(self.raw.split_to(n));
                self.passing -= n;
            }
            let Some(head) = self.raw.first_chunk::<HEAD>() else { return };
            if self.passing > 0 {
                return;
            }
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            if head[3] != HEADERS || length > FRAME_MAX {
                self.passing = HEAD + length;
                continue;
            }
            if self.raw.len() < HEAD + length {
                return;
            }
            let frame = self.raw.split_to(HEAD + length);
            match rewritten(&frame) {
                Some(frame) => self.out.extend_from_slice(&frame),
                None => self.out.unsplit(frame),
            }
        }
    }
}

/// The HEADERS frame with other authorities, if it has any.
fn rewritten(frame: &[u8]) -> Option<Vec<u8>> {
    let flags = frame[4];
    let (mut at, mut end) = (HEAD, frame.len());
    if flags & PADDED != 0 {
        end = end.checked_sub(usize::from(*frame.get(at)?))?;
        at += 1;
    }
    if flags & PRIORITY != 0 {
        at += 5;
    }
    let mut fields = frame.get(at..end)?;
    let mut values = Vec::new();
    // What cannot be read ends in the next frame, or nowhere; h2 will tell.
    while let Some((value, rest)) = field(fields) {
        let start = end - rest.len() - value.map_or(0, <[u8]>::len);
        values.extend(value.map(|value| start..start + value.len()));
        fields = rest;
    }
    if values.is_empty() {
        return None;
    }
    let mut out = Vec::with_capacity(frame.len());
    let mut copied = 0;
    for value in values {
        out.extend_from_slice(&frame[copied..value.start]);
        out.extend_from_slice(&WRITTEN);
        copied = value.end;
    }
    out.extend_from_slice(&frame[copied..]);
    let length = (out.len() - HEAD) as u32;
    out[..3].copy_from_slice(&length.to_be_bytes()[1..]);
    Some(out)
}

/// The first field of a header block (RFC 7541, section 6): its value as written, length and all,
/// where it is an authority that is not empty; and what comes behind it.
fn field(bytes: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let prefix = match *bytes.first()? {
        0x80.. => 7,      // an entry of the table
        0x40..=0x7f => 6, // a literal that becomes one
        0x20..=0x3f => 5, // another size of the table
        0x00..=0x1f => 4, // a literal that does not
    };
    let (index, mut rest) = integer(bytes, prefix)?;
    if prefix == 7 || prefix == 5 {
        return Some((None, rest));
    }
    if index == 0 {
        rest = string(rest)?;
    }
    let after = string(rest)?;
    let value = &rest[..rest.len() - after.len()];
    Some(((index == AUTHORITY && value.len() > 1).then_some(value), after))
}

/// An integer whose first `bits` bits are the last of a byte (section 5.1), and what is behind it.
fn integer(bytes: &[u8], bits: u32) -> Option<(usize, &[u8])> {
    let (first, mut rest) = bytes.split_first()?;
    let most = (1 << bits) - 1;
    let mut value = usize::from(*first) & most;
    if value < most {
        return Some((value, rest));
    }
    for shift in [0, 7, 14, 21] {
        let (byte, behind) = rest.split_first()?;
        rest = behind;
        value += usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((value, rest));
        }
    }
    None
}

/// What is behind a string (section 5.2).
fn string(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = integer(bytes, 7)?;
    rest.get(length..)
}

impl<S: AsyncRead + Unpin> AsyncRead for Authorities<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while this.out.is_empty() {
            let mut space = [0; 8 << 10];
            let mut read = ReadBuf::new(&mut space);
            ready!(Pin::new(&mut this.stream).poll_read(cx, &mut read))?;
            if read.filled().is_empty() {
                // The rest of a frame that never came whole.
                this.out = std::mem::take(&mut this.raw);
                break;
            }
            this.raw.extend_from_slice(read.filled());
            this.look();
        }
        let n = this.out.len().min(buf.remaining());
        buf.put_slice(&this.out[..n]);
        this.out.advance(n);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Authorities<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tokio::io::AsyncReadExt;

    /// What comes out of these bytes, which arrive in pieces of `piece`.
    fn through(bytes: &[u8], piece: usize) -> Vec<u8> {
        struct Pieces<'a>(&'a [u8], usize);
        impl AsyncRead for Pieces<'_> {
            fn poll_read(
                mut self: Pin<&mut Self>,
                _: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                let (now, later) = self.0.split_at(self.0.len().min(self.1).min(buf.remaining()));
                buf.put_slice(now);
                self.0 = later;
                Poll::Ready(Ok(()))
            }
        }
        let mut out = Vec::new();
        let mut stream = Authorities::new(Pieces(bytes, piece));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(stream.read_to_end(&mut out)).unwrap();
        out
    }

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = &(payload.len() as u32).to_be_bytes()[1..];
        [length, &[kind, flags, 0, 0, 0, 1], payload].concat()
    }

    #[test]
    fn an_authority_is_written_anew_and_everything_else_stays() {
        // `:method: POST` by index, two authorities, `a: b` with its name.
        let before = b"\x83\x41\x0dhttp://a:2379\x01\x03a:1\x40\x01a\x01b";
        let after = b"\x83\x41\x01e\x01\x01e\x40\x01a\x01b";
        let data = frame(0, 1, b"\x41\x03abc");
        for (flags, head, tail) in [
            (0x4, &b""[..], &b""[..]),
            (0x4 | PADDED, b"\x02", b"\0\0"),
            (0x4 | PRIORITY, b"\0\0\0\0\x10", b""),
        ] {
            let whole = |fields: &[u8]| {
                let headers = frame(HEADERS, flags, &[head, fields, tail].concat());
                [&PREFACE[..], &data, &headers, &data].concat()
            };
            for piece in [1, 7, 1000] {
                assert_eq!(through(&whole(before), piece), whole(after));
            }
        }
    }

    #[test]
    fn no_authority_is_none() {
        let empty = frame(HEADERS, 4, b"\x41\0\x83");
        let whole = [&PREFACE[..], &empty].concat();
        assert_eq!(through(&whole, 1000), whole);
    }

    proptest! {
        /// Whatever comes is passed on, or is a frame's worth of headers.
        #[test]
        fn random_bytes_pass(
            frames in prop::collection::vec(
                (0u8..3, any::<u8>(), prop::collection::vec(any::<u8>(), 0..60)), 0..6),
            noise in prop::collection::vec(any::<u8>(), 0..30),
            piece in 1usize..50,
        ) {
            let mut bytes = PREFACE.to_vec();
            for (kind, flags, payload) in &frames {
                bytes.extend(frame(*kind, *flags, payload));
            }
            bytes.extend(&noise);
            let out = through(&bytes, piece);
            prop_assert!(out.len() <= bytes.len());
            if frames.iter().all(|(kind, ..)| *kind != HEADERS) && noise.len() < HEAD {
                prop_assert_eq!(out, bytes);
            }
        }
    }
}
