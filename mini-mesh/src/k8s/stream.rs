//! From the chunks of a watch's answer to events.
//!
//! A chunk may hold several events, a part of one, or both. Incomplete JSON waits for the next
//! chunk; JSON that can never become an event is an error, and takes the whole events of its chunk
//! with it (linkerd 0.9.1 `Json.readChunked` returns a chunk's events together or not at all).

use crate::k8s::Event;

/// The most that one event may take, in bytes. linkerd had no limit; the apiserver's own objects
/// are at most 1.5 MB (etcd's request limit).
const EVENT_BYTES_MAX: usize = 8 << 20;

/// The stream is not one of events.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    /// Not JSON, or not an event of Endpoints.
    #[error("watch event: {0}")]
    Json(#[from] serde_json::Error),
    /// An event without an end in sight.
    #[error("watch event: longer than {EVENT_BYTES_MAX} bytes")]
    TooLong,
}

/// Cuts a stream of bytes into events.
#[derive(Debug, Default)]
pub struct EventParser {
    rest: Vec<u8>,
}

impl EventParser {
    /// Takes a chunk in and gives the events that it completes.
    ///
    /// # Errors
    /// The stream cannot be read on; the parser is of no use any more.
    pub fn push(&mut self, chunk: &[u8]) -> Result<Vec<Event>, Malformed> {
        self.rest.extend_from_slice(chunk);
        let mut events = Vec::new();
        let mut stream = serde_json::Deserializer::from_slice(&self.rest).into_iter::<Event>();
        let mut read = 0;
        loop {
            match stream.next() {
                Some(Ok(event)) => {
                    events.push(event);
                    read = stream.byte_offset();
                }
                Some(Err(error)) if error.is_eof() => break,
                Some(Err(error)) => return Err(Malformed::Json(error)),
                None => {
                    read = self.rest.len();
                    break;
                }
            }
        }
        self.rest.drain(..read);
        if self.rest.len() > EVENT_BYTES_MAX {
            return Err(Malformed::TooLong);
        }
        Ok(events)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(n: usize) -> String {
        let kind = ["ADDED", "MODIFIED", "DELETED"][n % 3];
        let subsets = ["null", "[]", r#"[{"addresses":[{"ip":"10.0.0.1"}]}]"#][n % 3];
        let meta = format!(r#"{{"name":"sérvice-{n}","resourceVersion":"{n}"}}"#);
        format!(r#"{{"type":"{kind}","object":{{"metadata":{meta},"subsets":{subsets}}}}}"#)
    }

    #[test]
    fn an_event_is_given_as_soon_as_its_last_brace_is_there() {
        let mut parser = EventParser::default();
        let line = line(1);
        let (head, tail) = line.as_bytes().split_at(line.len() - 1);
        assert_eq!(parser.push(head).unwrap(), []);
        assert_eq!(parser.push(tail).unwrap().len(), 1);
        assert_eq!(parser.push(b"\n").unwrap(), []);
    }

    #[test]
    fn a_bad_event_takes_the_whole_ones_of_its_chunk_with_it() {
        let mut parser = EventParser::default();
        let chunk = format!("{}\n{{\"type\":\"BOOKMARK\",\"object\":{{}}}}\n", line(1));
        assert!(parser.push(chunk.as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn how_a_stream_is_cut_changes_nothing(
            count in 0_usize..12,
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        ) {
            let text: String = (0..count).map(|n| line(n) + "\n").collect();
            let bytes = text.as_bytes();
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let mut parser = EventParser::default();
            let mut events = Vec::new();
            for pair in cuts.windows(2) {
                events.extend(parser.push(&bytes[pair[0]..pair[1]]).unwrap());
            }
            let whole = EventParser::default().push(bytes).unwrap();
            prop_assert_eq!(whole.len(), count);
            prop_assert_eq!(events, whole);
        }

        #[test]
        fn no_bytes_make_the_parser_panic(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..12),
        ) {
            let mut parser = EventParser::default();
            let _ = chunks.iter().try_for_each(|chunk| parser.push(chunk).map(drop));
        }

        #[test]
        fn no_damage_to_an_event_makes_the_parser_panic(
            at in any::<prop::sample::Index>(), byte in any::<u8>(), n in 0_usize..3,
        ) {
            let mut bytes = line(n).into_bytes();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = EventParser::default().push(&bytes);
        }
    }
}
