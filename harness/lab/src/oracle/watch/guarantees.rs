//! One check for each promise. A check tells the first place where the promise is broken.

use std::collections::BTreeSet;

use anatomy_proto::mvccpb::event::EventType;
use anatomy_proto::mvccpb::{Event, KeyValue};

use super::history::{History, is_asked_for};
use super::{Watch, revision};

/// A promise.
pub struct Guarantee {
    /// Its name in etcd's documentation.
    pub name: &'static str,
    /// What is promised.
    pub promise: &'static str,
    /// Where the promise is broken, if it is.
    pub check: fn(&Watch, &History) -> Option<String>,
}

/// All of them. The first six are named in etcd's documentation, learning/api_guarantees, "Watch
/// APIs"; the last three follow from the API reference, `WatchCreateRequest`.
pub const GUARANTEES: [Guarantee; 9] = [
    Guarantee {
        name: "ordered",
        promise: "events come in the order of their revisions",
        check: ordered,
    },
    Guarantee { name: "unique", promise: "no event comes twice", check: unique },
    Guarantee {
        name: "reliable",
        promise: "between two events that come, none is left out",
        check: reliable,
    },
    Guarantee {
        name: "atomic",
        promise: "all events of a revision come in one list",
        check: atomic,
    },
    Guarantee {
        name: "resumable",
        promise: "a watch from a revision that is not compacted delivers everything from there on",
        check: resumable,
    },
    Guarantee {
        name: "bookmarkable",
        promise: "once progress to a revision is notified, everything up to it has come",
        check: bookmarkable,
    },
    Guarantee {
        name: "filtered",
        promise: "only events of the keys and kinds that were asked for come",
        check: filtered,
    },
    Guarantee {
        name: "true to the previous pair",
        promise: "where it was asked for, an event has the pair as it was before, else none",
        check: previous,
    },
    Guarantee { name: "genuine", promise: "what comes is what happened", check: genuine },
];

fn key(event: &Event) -> &[u8] {
    event.kv.as_ref().map_or(&[], |kv| &kv.key)
}

fn told(event: &Event) -> String {
    let name = String::from_utf8_lossy(key(event));
    match event.r#type() {
        EventType::Put => {
            let value = event.kv.as_ref().map(|kv| String::from_utf8_lossy(&kv.value));
            format!("put {name}={} of revision {}", value.unwrap_or_default(), revision(event))
        }
        EventType::Delete => format!("deletion of {name} of revision {}", revision(event)),
    }
}

fn ordered(watch: &Watch, _: &History) -> Option<String> {
    let mut last = 0;
    watch.events().find_map(|event| {
        if revision(event) < last {
            return Some(format!("the {} came after revision {last}", told(event)));
        }
        last = revision(event);
        None
    })
}

fn unique(watch: &Watch, _: &History) -> Option<String> {
    let mut seen = BTreeSet::new();
    let again = watch.events().find(|event| !seen.insert((revision(event), key(event))))?;
    Some(format!("the {} came twice", told(again)))
}

/// The first revision in `from..=to` of which nothing came.
fn missing(watch: &Watch, history: &History, from: i64, to: i64) -> Option<i64> {
    let came: BTreeSet<i64> = watch.events().map(revision).collect();
    history.revisions(from, to, &watch.request).into_iter().find(|at| !came.contains(at))
}

fn left_out(watch: &Watch, history: &History, at: i64) -> String {
    let event = history.of(at, &watch.request).first().map(|event| told(event));
    event.unwrap_or_else(|| format!("revision {at}"))
}

fn reliable(watch: &Watch, history: &History) -> Option<String> {
    let first = watch.events().map(revision).next();
    let last = watch.events().map(revision).max();
    let heard = watch.heard.filter(|_| !is_canceled(watch));
    // A watch that was left alone long enough has everything from its start to then.
    let from = if heard.is_some() { watch.starts() } else { first };
    let (from, to) = (from?, last.max(heard)?);
    let at = missing(watch, history, from, to)?;
    let (told, until) = (left_out(watch, history, at), last.filter(|last| *last > at));
    Some(match until {
        Some(last) => format!("the {told} never came, but revision {last} did"),
        None => format!("the {told} never came, though there was time"),
    })
}

fn is_canceled(watch: &Watch) -> bool {
    watch.responses.iter().any(|response| response.canceled)
}

fn atomic(watch: &Watch, history: &History) -> Option<String> {
    let mut closed = 0;
    for list in watch.lists() {
        let revisions: BTreeSet<i64> = list.events.iter().map(|event| revision(event)).collect();
        for at in &revisions {
            if *at == closed {
                return Some(format!("revision {at} came in two lists"));
            }
            let here: BTreeSet<&[u8]> = list
                .events
                .iter()
                .filter(|event| revision(event) == *at)
                .map(|event| key(event))
                .collect();
            let all = if history.knows(*at) { history.of(*at, &watch.request) } else { Vec::new() };
            if let Some(event) = all.into_iter().find(|event| !here.contains(key(event))) {
                return Some(format!(
                    "a list has a part of revision {at} without the {}",
                    told(event)
                ));
            }
        }
        closed = revisions.last().copied().unwrap_or(closed);
    }
    None
}

fn resumable(watch: &Watch, history: &History) -> Option<String> {
    let start = watch.request.start_revision;
    let before = watch.events().find(|event| start > 0 && revision(event) < start);
    if let Some(event) = before {
        return Some(format!("the {} came, which is before the start at {start}", told(event)));
    }
    let mut next = start;
    for list in watch.lists() {
        let compacted = list.response.compact_revision;
        if list.response.canceled && compacted > 0 && next >= compacted {
            let text = format!("it was ended for the compaction at {compacted}, but is at {next}");
            return Some(text);
        }
        let last = list.events.iter().map(|event| revision(event)).max();
        next = next.max(last.map_or(0, |last| last + 1));
    }
    let first = watch.events().map(revision).next()?;
    let at = missing(watch, history, start, first).filter(|_| start > 0)?;
    let told = left_out(watch, history, at);
    Some(format!("from revision {start} on, the first to come was {first} and not the {told}"))
}

fn bookmarkable(watch: &Watch, history: &History) -> Option<String> {
    let starts = watch.starts()?;
    let mut came = BTreeSet::new();
    let mut notified = 0;
    for list in watch.lists() {
        if let Some(event) = list.events.iter().find(|event| revision(event) <= notified) {
            return Some(format!("the {} came after progress to {notified}", told(event)));
        }
        came.extend(list.events.iter().map(|event| revision(event)));
        if list.is_progress() {
            notified = notified.max(list.revision);
            let due = history.revisions(starts, notified, &watch.request);
            if let Some(at) = due.into_iter().find(|at| !came.contains(at)) {
                let told = left_out(watch, history, at);
                return Some(format!("progress to {notified} came before the {told}"));
            }
        }
    }
    None
}

fn filtered(watch: &Watch, _: &History) -> Option<String> {
    let strange = watch.events().find(|event| !is_asked_for(&watch.request, event))?;
    Some(format!("the {} was not asked for", told(strange)))
}

fn previous(watch: &Watch, history: &History) -> Option<String> {
    watch.events().find_map(|event| {
        let shown = event.prev_kv.as_ref();
        if !watch.request.prev_kv {
            return shown.map(|_| format!("the {} has a previous pair", told(event)));
        }
        let at = revision(event);
        let was = history.before(at, key(event))?;
        let forgotten = shown.is_none() && history.may_be_forgotten(at);
        // In a revision of which nobody told anything the key may well have been put or deleted.
        let (since, was) = was;
        let mut between = since + 1..at;
        let untold = match shown {
            Some(kv) => {
                let at = kv.mod_revision;
                !is_first(event) && between.contains(&at) && !history.has(at)
            }
            None => is_first(event) && between.any(|between| !history.has(between)),
        };
        if shown == was || forgotten || untold {
            return None;
        }
        let text = |pair: Option<&KeyValue>| match pair {
            Some(kv) => {
                let value = String::from_utf8_lossy(&kv.value);
                format!("{value} of revision {}", kv.mod_revision)
            }
            None => "nothing".to_owned(),
        };
        Some(format!("the {} shows {} before it, not {}", told(event), text(shown), text(was)))
    })
}

/// Whether an event says of itself that the key was not there before.
fn is_first(event: &Event) -> bool {
    event.r#type() == EventType::Put
        && event.kv.as_ref().is_some_and(|kv| kv.create_revision == kv.mod_revision)
}

fn genuine(watch: &Watch, history: &History) -> Option<String> {
    watch.events().filter(|event| history.knows(revision(event))).find_map(|event| {
        let Some(real) = history.event(revision(event), key(event)) else {
            return Some(format!("the {} never happened", told(event)));
        };
        // What a deletion shows of the pair is its key and its revision.
        let same = event.r#type() == real.r#type()
            && (event.r#type() == EventType::Delete || event.kv == real.kv);
        (!same).then(|| format!("the {} came, but there was the {}", told(event), told(real)))
    })
}
