//! Watches: what etcd promises of the events that a watch delivers.
//!
//! The promises are those of "Watch APIs" in etcd's documentation (learning/api_guarantees) and, for
//! filters and previous pairs, of the API reference (`WatchCreateRequest`). Each is a check of its
//! own over the responses as they came and the history of revisions as it was ([`History`]): from a
//! reader of everything, or from what the log says.
//!
//! | file | the idea |
//! |---|---|
//! | `history` | what really happened, revision by revision |
//! | `guarantees` | one check for each promise |

mod guarantees;
mod history;
#[cfg(test)]
mod tests;

use anatomy_proto::etcdserverpb::{WatchCreateRequest, WatchResponse};
use anatomy_proto::mvccpb::Event;

use crate::outcome::Violation;

pub use guarantees::{GUARANTEES, Guarantee};
pub use history::History;

/// The name in [`Violation::oracle`].
pub const NAME: &str = "watch";

/// A watch as its reader lived through it.
#[derive(Clone, Debug)]
pub struct Watch {
    /// Whose, for people.
    pub name: String,
    /// What was asked for. A start revision of 0 stands for the first revision that came.
    pub request: WatchCreateRequest,
    /// What came, in order, over all streams that it lived on.
    pub responses: Vec<WatchResponse>,
    /// The revision that it was given the time to hear of, where anybody saw to that.
    pub heard: Option<i64>,
}

impl Watch {
    /// The lists of events that came, a fragmented one put together.
    fn lists(&self) -> Vec<List<'_>> {
        let mut lists: Vec<List<'_>> = Vec::new();
        let mut open = false;
        for response in &self.responses {
            let revision = response.header.as_ref().map_or(0, |header| header.revision);
            match lists.last_mut().filter(|_| open) {
                Some(list) => list.events.extend(&response.events),
                None => {
                    let events = response.events.iter().collect();
                    lists.push(List { events, revision, response });
                }
            }
            open = response.fragment;
        }
        lists
    }

    /// All events in the order in which they came.
    fn events(&self) -> impl Iterator<Item = &Event> {
        self.responses.iter().flat_map(|response| &response.events)
    }

    /// The first revision that belongs to it, where that is known.
    fn starts(&self) -> Option<i64> {
        let asked = self.request.start_revision;
        let first = || self.events().map(revision).next();
        if asked > 0 { Some(asked) } else { first() }
    }
}

/// One list of events.
struct List<'a> {
    events: Vec<&'a Event>,
    revision: i64,
    response: &'a WatchResponse,
}

impl List<'_> {
    fn is_progress(&self) -> bool {
        let response = self.response;
        self.events.is_empty() && !response.created && !response.canceled
    }
}

/// The revision of an event.
fn revision(event: &Event) -> i64 {
    event.kv.as_ref().map_or(0, |kv| kv.mod_revision)
}

/// What is wrong with a watch, given what happened.
pub fn check(watch: &Watch, history: &History) -> Vec<Violation> {
    let broken = GUARANTEES.iter().filter_map(|guarantee| {
        let found = (guarantee.check)(watch, history)?;
        let text = format!("{} is not {}: {found}", watch.name, guarantee.name);
        Some(Violation { oracle: NAME.to_owned(), text, data_loss: false })
    });
    broken.collect()
}
