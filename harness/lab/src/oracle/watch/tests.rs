//! For each promise, watches that keep it and watches that break it.

use anatomy_proto::etcdserverpb::watch_create_request::FilterType;
use anatomy_proto::etcdserverpb::{ResponseHeader, WatchCreateRequest, WatchResponse};
use anatomy_proto::mvccpb::event::EventType;
use anatomy_proto::mvccpb::{Event, KeyValue};
use bytes::Bytes;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::{History, Watch, check};

fn pair(key: &'static str, revision: i64) -> KeyValue {
    KeyValue {
        key: Bytes::from(key),
        value: Bytes::from(format!("v{revision}")),
        mod_revision: revision,
        ..KeyValue::default()
    }
}

fn put(key: &'static str, revision: i64) -> Event {
    Event { r#type: EventType::Put as i32, kv: Some(pair(key, revision)), prev_kv: None }
}

fn delete(key: &'static str, revision: i64) -> Event {
    let kv = KeyValue { value: Bytes::new(), ..pair(key, revision) };
    Event { r#type: EventType::Delete as i32, kv: Some(kv), prev_kv: None }
}

/// Revisions 2 to 7; 4 is a transaction.
fn happened() -> Vec<Event> {
    vec![
        put("a", 2),
        put("b", 3),
        put("a", 4),
        put("b", 4),
        delete("b", 5),
        put("c", 6),
        put("a", 7),
    ]
}

fn history() -> History {
    History::new(2, happened())
}

fn list(events: &[Event]) -> WatchResponse {
    let revision = events.iter().map(super::revision).max().unwrap_or(0);
    let header = Some(ResponseHeader { revision, ..ResponseHeader::default() });
    WatchResponse { header, events: events.to_vec(), ..WatchResponse::default() }
}

fn progress(revision: i64) -> WatchResponse {
    let header = Some(ResponseHeader { revision, ..ResponseHeader::default() });
    WatchResponse { header, ..WatchResponse::default() }
}

/// Everything from a revision on.
fn all_from(start_revision: i64, responses: Vec<WatchResponse>) -> Watch {
    let request = WatchCreateRequest {
        key: Bytes::from_static(b"\0"),
        range_end: Bytes::from_static(b"\0"),
        start_revision,
        ..WatchCreateRequest::default()
    };
    Watch { name: "w".to_owned(), request, responses, heard: None }
}

fn texts(watch: &Watch) -> Vec<String> {
    check(watch, &history()).into_iter().map(|violation| violation.text).collect()
}

#[track_caller]
fn accept(watch: &Watch) {
    assert_eq!(texts(watch), [""; 0]);
}

#[track_caller]
fn reject(watch: &Watch, text: &str) {
    let texts = texts(watch);
    assert!(texts.iter().any(|found| found == text), "{texts:#?}");
}

#[test]
fn a_watch_that_gets_everything_in_order_is_accepted() {
    let events = happened();
    accept(&all_from(2, vec![list(&events)]));
    let split = vec![list(&events[..2]), list(&events[2..4]), list(&events[4..]), progress(7)];
    accept(&all_from(2, split.clone()));
    accept(&all_from(0, split[1..].to_vec()));
    accept(&all_from(9, vec![]));
}

#[test]
fn an_event_that_comes_after_a_later_one_is_found() {
    let watch = all_from(2, vec![list(&[put("a", 2), put("c", 6)]), list(&[put("b", 3)])]);
    reject(&watch, "w is not ordered: the put b=v3 of revision 3 came after revision 6");
}

#[test]
fn an_event_that_comes_twice_is_found() {
    let watch = all_from(2, vec![list(&[put("a", 2)]), list(&[put("a", 2)])]);
    reject(&watch, "w is not unique: the put a=v2 of revision 2 came twice");
}

#[test]
fn an_event_that_is_left_out_is_found() {
    let watch = all_from(2, vec![list(&[put("a", 2)]), list(&[put("a", 4), put("b", 4)])]);
    reject(&watch, "w is not reliable: the put b=v3 of revision 3 never came, but revision 4 did");
}

#[test]
fn the_end_of_a_watch_may_be_missing_unless_there_was_time() {
    let cut_short = all_from(2, vec![list(&happened()[..6])]);
    accept(&cut_short);
    let waited = Watch { heard: Some(7), ..cut_short };
    let text = "w is not reliable: the put a=v7 of revision 7 never came, though there was time";
    reject(&waited, text);
    let silent = Watch { heard: Some(7), ..all_from(7, vec![]) };
    reject(&silent, text);
}

#[test]
fn a_revision_in_two_lists_is_found() {
    let events = happened();
    let watch = all_from(2, vec![list(&events[..3]), list(&events[3..])]);
    reject(
        &watch,
        "w is not atomic: a list has a part of revision 4 without the put b=v4 of revision 4",
    );
    let unknown = check(&watch, &History::new(8, []));
    assert_eq!(unknown[0].text, "w is not atomic: revision 4 came in two lists");
}

#[test]
fn the_fragments_of_a_list_are_one_list() {
    let events = happened();
    let first = WatchResponse { fragment: true, ..list(&events[..3]) };
    accept(&all_from(2, vec![first, list(&events[3..])]));
}

#[test]
fn a_watch_that_resumes_too_late_or_too_early_is_found() {
    let watch = all_from(3, vec![list(&happened()[2..])]);
    reject(
        &watch,
        "w is not resumable: from revision 3 on, the first to come was 4 and not the put b=v3 of \
         revision 3",
    );
    let watch = all_from(3, vec![list(&happened())]);
    reject(
        &watch,
        "w is not resumable: the put a=v2 of revision 2 came, which is before the start at 3",
    );
}

#[test]
fn a_watch_is_ended_for_a_compaction_only_if_it_needs_what_is_compacted() {
    let ended = |compact_revision| WatchResponse {
        canceled: true,
        compact_revision,
        ..WatchResponse::default()
    };
    accept(&all_from(2, vec![list(&happened()[..1]), ended(6)]));
    let watch = all_from(2, vec![list(&happened()[..5]), ended(5)]);
    reject(&watch, "w is not resumable: it was ended for the compaction at 5, but is at 6");
}

#[test]
fn progress_that_runs_ahead_of_events_is_found() {
    let events = happened();
    let watch = all_from(2, vec![list(&events[..2]), progress(4), list(&events[2..])]);
    reject(&watch, "w is not bookmarkable: progress to 4 came before the put a=v4 of revision 4");
    // The history need not be known for this.
    let unknown = check(&watch, &History::new(8, []));
    let text = "w is not bookmarkable: the put a=v4 of revision 4 came after progress to 4";
    assert_eq!(unknown[0].text, text);
}

#[test]
fn an_event_of_another_key_or_kind_is_found() {
    let mut watch = all_from(2, vec![list(&[put("a", 2)]), list(&[put("a", 4)])]);
    watch.request.key = Bytes::from("a");
    watch.request.range_end = Bytes::new();
    accept(&watch);
    watch.request.key = Bytes::from("b");
    reject(&watch, "w is not filtered: the put a=v2 of revision 2 was not asked for");
    let mut watch = all_from(5, vec![list(&[delete("b", 5)])]);
    accept(&watch);
    watch.request.filters = vec![FilterType::Nodelete as i32];
    reject(&watch, "w is not filtered: the deletion of b of revision 5 was not asked for");
    watch.responses = vec![list(&[put("c", 6)])];
    accept(&watch);
}

#[test]
fn a_wrong_previous_pair_is_found() {
    let with = |previous: Option<KeyValue>| {
        let event = Event { prev_kv: previous, ..put("a", 7) };
        let mut watch = all_from(7, vec![list(&[event])]);
        watch.request.prev_kv = true;
        watch
    };
    accept(&with(Some(pair("a", 4))));
    reject(
        &with(Some(pair("a", 2))),
        "w is not true to the previous pair: the put a=v7 of revision 7 shows v2 of revision 2 \
         before it, not v4 of revision 4",
    );
    reject(
        &with(Some(pair("a", 9))),
        "w is not true to the previous pair: the put a=v7 of revision 7 shows v9 of revision 9 \
         before it, not v4 of revision 4",
    );
    let none = "w is not true to the previous pair: the put a=v7 of revision 7 shows nothing \
                before it, not v4 of revision 4";
    reject(&with(None), none);
    let forgotten = check(&with(None), &history().compacted(7));
    assert!(forgotten.is_empty(), "{forgotten:?}");
    let mut unasked = with(Some(pair("a", 4)));
    unasked.request.prev_kv = false;
    reject(
        &unasked,
        "w is not true to the previous pair: the put a=v7 of revision 7 has a previous pair",
    );
}

#[test]
fn the_pair_before_a_first_put_and_after_a_deletion_is_none() {
    let events = vec![put("a", 2), delete("a", 3), put("a", 4)];
    let history = History::new(2, events.clone());
    let mut events = events;
    events[1].prev_kv = Some(pair("a", 2));
    let mut watch = all_from(2, vec![list(&events)]);
    watch.request.prev_kv = true;
    assert_eq!(check(&watch, &history), []);
}

#[test]
fn a_deletion_that_nobody_told_of_explains_why_nothing_was_before_only_if_the_put_made_the_key() {
    let made = |created: i64| {
        let kv = KeyValue { create_revision: created, ..pair("a", 7) };
        let mut watch = all_from(7, vec![list(&[Event { kv: Some(kv), ..put("a", 7) }])]);
        watch.request.prev_kv = true;
        watch
    };
    let told_of = |revisions: &[i64]| {
        let mut events = vec![put("a", 4)];
        events.extend(revisions.iter().map(|at| put("c", *at)));
        events.extend(made(7).events().cloned());
        History::new(4, events)
    };
    assert_eq!(check(&made(7), &told_of(&[5])), []);
    // Nothing can have happened between the two.
    assert_eq!(check(&made(7), &told_of(&[5, 6])).len(), 1);
    // The put itself says that the key was there.
    let kept = check(&made(4), &told_of(&[5]));
    assert!(kept.iter().any(|found| found.text.contains("shows nothing before it")), "{kept:?}");
}

#[test]
fn an_event_that_never_happened_is_found() {
    let watch = all_from(2, vec![list(&[put("a", 2)]), list(&[put("x", 3), put("b", 3)])]);
    reject(&watch, "w is not genuine: the put x=v3 of revision 3 never happened");
    let mut other = put("a", 2);
    other.kv.as_mut().expect("a pair").value = Bytes::from("other");
    reject(
        &all_from(2, vec![list(&[other])]),
        "w is not genuine: the put a=other of revision 2 came, but there was the put a=v2 of \
         revision 2",
    );
}

proptest! {
    #![proptest_config(ProptestConfig {
        rng_seed: RngSeed::Fixed(7), failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn any_watch_that_is_cut_where_revisions_end_is_accepted_and_any_loss_inside_is_found(
        cuts in proptest::collection::btree_set(prop_oneof![Just(1usize), Just(2), 4..7usize], 0..5),
        start in 2..8i64,
        lost in 0..7usize,
    ) {
        let events = happened();
        let mine = |event: &Event| super::revision(event) >= start;
        let mut lists: Vec<Vec<Event>> = Vec::new();
        let ends = cuts.iter().copied().chain([events.len()]);
        let mut from = 0;
        for to in ends {
            lists.push(events[from..to].iter().filter(|event| mine(event)).cloned().collect());
            from = to;
        }
        lists.retain(|list| !list.is_empty());
        let responses = |lists: &[Vec<Event>]| lists.iter().map(|events| list(events)).collect();
        let whole = Watch { heard: Some(7), ..all_from(start, responses(&lists)) };
        prop_assert_eq!(check(&whole, &history()), []);
        let gone = &events[lost];
        if mine(gone) {
            lists.iter_mut().for_each(|list| list.retain(|event| event != gone));
            let torn = Watch { heard: Some(7), ..all_from(start, responses(&lists)) };
            prop_assert!(!check(&torn, &history()).is_empty());
        }
    }
}
