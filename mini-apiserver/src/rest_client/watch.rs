//! The stream of events that a watch is.

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;

use super::error::Error;
use super::lines::Lines;
use super::pool::Lease;

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventType {
    /// It is new to the watcher.
    Added,
    /// It changed.
    Modified,
    /// It is gone; the object is its last state.
    Deleted,
    /// The watch cannot go on; the object is a `Status`.
    Error,
}

/// The events of a watch, in order. Dropping it closes the connection.
pub struct WatchStream {
    path: String,
    lines: Lines,
    /// The body and the connection it comes from; gone once the stream has ended.
    source: Option<(Incoming, Lease)>,
}

impl WatchStream {
    pub(crate) fn new(path: String, body: Incoming, lease: Lease) -> Self {
        WatchStream { path, lines: Lines::default(), source: Some((body, lease)) }
    }

    /// The next event; `None` when the server ended the watch in good order. After an error there
    /// is nothing more.
    ///
    /// # Errors
    /// [`Error::Io`] if the connection broke, [`Error::Decode`] if a line is no event. An `ERROR`
    /// event is not an error here.
    pub async fn next(&mut self) -> Option<Result<(EventType, Value), Error>> {
        loop {
            if let Some(line) = self.lines.next_line() {
                let event = decode(line).map_err(|detail| self.bad(detail));
                if event.is_err() {
                    self.source = None;
                }
                return Some(event);
            }
            let chunk = match self.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => return None,
                Err(error) => return Some(Err(error)),
            };
            if let Err(error) = self.lines.push(&chunk) {
                self.source = None;
                return Some(Err(self.bad(error.to_string())));
            }
        }
    }

    /// The next bytes; `None` at the end. Gives the connection back when the body ended well.
    async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let Some((body, _)) = &mut self.source else { return Ok(None) };
            match body.frame().await {
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
                Some(Err(error)) => {
                    self.source = None;
                    return Err(Error::from_hyper(&error));
                }
                None => {
                    if let Some((_, lease)) = self.source.take() {
                        lease.give_back();
                    }
                    if !self.lines.rest().is_empty() {
                        return Err(self.bad("the stream ended within a line".to_string()));
                    }
                    return Ok(None);
                }
            }
        }
    }

    fn bad(&self, detail: String) -> Error {
        Error::Decode { path: self.path.clone(), detail }
    }
}

/// Reads one line of a watch.
fn decode(line: &[u8]) -> Result<(EventType, Value), String> {
    let mut event: Value = serde_json::from_slice(line)
        .map_err(|error| format!("expected an event as JSON: {error}"))?;
    let kind = match event.get("type").and_then(Value::as_str) {
        Some("ADDED") => EventType::Added,
        Some("MODIFIED") => EventType::Modified,
        Some("DELETED") => EventType::Deleted,
        Some("ERROR") => EventType::Error,
        other => {
            return Err(format!(
                "expected type ADDED, MODIFIED, DELETED or ERROR, got {}",
                other.unwrap_or("none")
            ));
        }
    };
    match event.get_mut("object").map(Value::take) {
        Some(object @ Value::Object(_)) => Ok((kind, object)),
        _ => Err("expected an event with an object".to_string()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_is_an_event_or_an_error_that_says_what_was_expected() {
        let line = br#"{"type":"MODIFIED","object":{"kind":"Pod"}}"#;
        assert_eq!(decode(line), Ok((EventType::Modified, json!({"kind": "Pod"}))));
        for (line, expected) in [
            ("{", "expected an event as JSON"),
            (r#"{"type":"BOOKMARK","object":{}}"#, "got BOOKMARK"),
            (r#"{"object":{}}"#, "got none"),
            (r#"{"type":"ADDED"}"#, "with an object"),
            ("[]", "got none"),
        ] {
            let error = decode(line.as_bytes()).expect_err(line);
            assert!(error.contains(expected), "{line}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic(line in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = decode(&line);
        }
    }
}
