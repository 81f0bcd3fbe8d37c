//! The two HTTP/2 frames of a server that a client's stream accounting needs: SETTINGS and GOAWAY.
//!
//! hyper keeps both to itself, so they are read from the bytes that go past ([`super::settings`]).
//! Only frame headers are looked at, and the payload of these two; everything else is stepped over.
//! The bytes come from outside and may be anything: nothing here can fail, and a frame that is not
//! what RFC 9113 allows is stepped over too (hyper closes such a connection).

/// RFC 9113, section 4.1: length 24, type 8, flags 8, reserved 1, stream 31.
const HEADER: usize = 9;
const SETTINGS: u8 = 0x4;
const GOAWAY: u8 = 0x7;
const ACK: u8 = 0x1;
const MAX_CONCURRENT_STREAMS: u16 = 0x3;
/// RFC 9113, section 6.5.2: the largest frame that may be sent to a client that did not ask for
/// larger ones.
const MAX_PAYLOAD: usize = 16_384;

/// What a server said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Its settings, with the stream limit where they name one.
    Settings { max_concurrent_streams: Option<u32> },
    /// It will open no stream after this one.
    GoAway { last_stream: u32 },
}

/// Reads frames from pieces of a byte stream, cut anywhere.
#[derive(Default)]
pub(super) struct Frames {
    header: Vec<u8>,
    /// The payload so far of a frame that is kept.
    payload: Vec<u8>,
    /// Bytes of payload still to come, and whether to keep them.
    left: usize,
    keep: bool,
}

impl Frames {
    /// Reads the next piece and passes on what was seen in it.
    pub fn feed(&mut self, mut bytes: &[u8], mut seen: impl FnMut(Seen)) {
        while !bytes.is_empty() {
            if self.header.len() < HEADER {
                let (now, rest) = bytes.split_at(bytes.len().min(HEADER - self.header.len()));
                self.header.extend_from_slice(now);
                bytes = rest;
                if self.header.len() < HEADER {
                    return;
                }
                self.begin();
            } else {
                let (now, rest) = bytes.split_at(bytes.len().min(self.left));
                if self.keep {
                    self.payload.extend_from_slice(now);
                }
                self.left -= now.len();
                bytes = rest;
            }
            if self.left == 0 {
                if self.keep
                    && let Some(what) = read(self.header[3], &self.payload)
                {
                    seen(what);
                }
                self.header.clear();
                self.payload.clear();
            }
        }
    }

    fn begin(&mut self) {
        let [a, b, c, kind, flags, ..] = self.header[..] else { return };
        self.left = u32::from_be_bytes([0, a, b, c]) as usize;
        self.keep =
            self.left <= MAX_PAYLOAD && (kind == GOAWAY || kind == SETTINGS && flags & ACK == 0);
    }
}

fn read(kind: u8, payload: &[u8]) -> Option<Seen> {
    if kind == GOAWAY {
        let last = payload.first_chunk::<4>()?;
        return Some(Seen::GoAway { last_stream: u32::from_be_bytes(*last) & 0x7fff_ffff });
    }
    let max_concurrent_streams = payload
        .chunks_exact(6)
        .filter(|setting| setting[..2] == MAX_CONCURRENT_STREAMS.to_be_bytes())
        .map(|setting| u32::from_be_bytes([setting[2], setting[3], setting[4], setting[5]]))
        .next_back();
    Some(Seen::Settings { max_concurrent_streams })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = (payload.len() as u32).to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags, 0, 0, 0, 0];
        frame.extend_from_slice(payload);
        frame
    }

    fn setting(id: u16, value: u32) -> Vec<u8> {
        [&id.to_be_bytes()[..], &value.to_be_bytes()[..]].concat()
    }

    fn feed_all<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Seen> {
        let (mut frames, mut seen) = (Frames::default(), Vec::new());
        for piece in pieces {
            frames.feed(piece, |what| seen.push(what));
        }
        seen
    }

    #[test]
    fn acknowledgements_and_other_frames_are_stepped_over() {
        let bytes = [
            frame(0, 0, &setting(3, 1)),
            frame(SETTINGS, ACK, &[]),
            frame(SETTINGS, 0, &[]),
            frame(SETTINGS, 0, &[setting(4, 9), setting(3, 250)].concat()),
            frame(8, 0, &[0; 4]),
            frame(GOAWAY, 0, &[0x80, 0, 0, 5, 0, 0, 0, 0, b'b', b'y', b'e']),
        ]
        .concat();
        let expected = [
            Seen::Settings { max_concurrent_streams: None },
            Seen::Settings { max_concurrent_streams: Some(250) },
            Seen::GoAway { last_stream: 5 },
        ];
        assert_eq!(feed_all([&bytes[..]]), expected);
    }

    #[test]
    fn a_frame_too_large_to_be_allowed_is_not_kept() {
        let bytes = [frame(SETTINGS, 0, &vec![0; 20_000]), frame(SETTINGS, 0, &[])].concat();
        assert_eq!(feed_all([&bytes[..]]), [Seen::Settings { max_concurrent_streams: None }]);
    }

    proptest! {
        #[test]
        fn garbage_cut_anywhere_is_read_without_a_panic(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..64), 0..64)
        ) {
            feed_all(pieces.iter().map(|piece| &piece[..]));
        }

        #[test]
        fn the_limit_is_found_however_the_bytes_are_cut(
            before in prop::collection::vec((0u8..12, prop::collection::vec(any::<u8>(), 0..40)), 0..8),
            limit in any::<u32>(),
            size in 1usize..50,
        ) {
            let mut bytes = Vec::new();
            for (kind, payload) in before.iter().filter(|(kind, _)| ![SETTINGS, GOAWAY].contains(kind)) {
                bytes.extend(frame(*kind, 0, payload));
            }
            bytes.extend(frame(SETTINGS, 0, &setting(3, limit)));
            let seen = feed_all(bytes.chunks(size));
            prop_assert_eq!(seen, [Seen::Settings { max_concurrent_streams: Some(limit) }]);
        }
    }
}
