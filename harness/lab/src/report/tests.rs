//! Reports of a run like the record, and of one with nothing in it.

use std::collections::BTreeMap;

use super::*;
use crate::outcome::{Entry, Record, sample};

fn alarm(at: f64, kind: &str, journey: &str) -> Event {
    let fields = BTreeMap::from([("journey".to_owned(), journey.to_owned())]);
    Event { at, kind: kind.to_owned(), fields, ..Event::default() }
}

fn with_report<T>(test: impl FnOnce(&Report) -> T) -> T {
    let request = sample::request();
    let outcome = sample::outcome(&request);
    let mut events = vec![
        alarm(65.0, "alarm.raised", "current-payment"),
        alarm(4900.0, "alarm.cleared", "current-payment"),
    ];
    events.extend((0..90).map(|n| Event {
        at: f64::from(n) * 20.0,
        kind: "apiserver.timeout".to_owned(),
        ..Event::default()
    }));
    test(&Report { scenario: &request.scenario, outcome: &outcome, events: &events })
}

#[test]
fn the_post_mortem_of_a_run_like_the_record() {
    insta::assert_snapshot!(with_report(|report| report.markdown()));
}

#[test]
fn a_report_is_one_file_that_fetches_nothing() {
    let page = with_report(|report| report.html());
    for reference in ["src=", "href=\"http", "@import", "url(http", "fetch("] {
        assert!(!page.contains(reference), "{reference}");
    }
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    for id in ["verdict", "timeline", "real", "health", "indicators", "again"] {
        assert!(page.contains(&format!("<section id=\"{id}\"")), "{id}");
    }
}

#[test]
fn the_numbers_in_a_report_are_those_of_the_outcome() {
    let page = with_report(|report| report.html());
    let start = page.find("id=\"outcome\">").expect("the JSON is there") + "id=\"outcome\">".len();
    let json = &page[start..start + page[start..].find("</script>").expect("and ends")];
    let back: Outcome = serde_json::from_str(json).expect("and is an outcome");
    let request = sample::request();
    assert_eq!(back.timeline, sample::outcome(&request).timeline);
}

#[test]
fn what_a_run_says_cannot_become_markup() {
    let request = sample::request();
    let mut outcome = sample::outcome(&request);
    outcome.timeline.push(Entry {
        at: 1.0,
        actor: "<b>mallory</b>".into(),
        kind: "step.deploy".into(),
        text: "</script><script>alert(1)</script>".into(),
        because: vec!["\"><img onerror=alert(1)>".into()],
    });
    let report = Report { scenario: &request.scenario, outcome: &outcome, events: &[] };
    let page = report.html();
    for injected in ["<b>mallory", "<script>alert", "<img"] {
        assert!(!page.contains(injected), "{injected}");
    }
    assert!(!report.markdown().contains("<b>"));
}

#[test]
fn a_missed_objective_without_an_alarm_is_told() {
    let rows = with_report(|report| health::health(report).rows);
    let row = rows.iter().find(|row| row.name == "current-payment").expect("it is a journey");
    assert_eq!(row.detected.as_deref(), Some("1 min 5 s"));
    // Seven buckets before the alarm.
    assert_eq!(row.unseen, "1 min 10 s");
    let blind = rows.iter().find(|row| row.name == "app-feed").expect("it is a journey");
    assert_eq!((blind.missed.clone(), blind.detected.clone()), (blind.unseen.clone(), None));
}

#[test]
fn marks_of_a_lane_do_not_hide_each_other() {
    let marks = with_report(|report| lanes::lanes(report).marks);
    for (n, one) in marks.iter().enumerate() {
        for other in &marks[..n] {
            let apart = (one.x - other.x).abs() >= 13.0 || (one.y - other.y).abs() >= 13.0;
            assert!(apart, "{} and {}", one.text, other.text);
        }
    }
}

#[test]
fn a_run_with_nothing_in_it_has_a_report_too() {
    let request = sample::request();
    let empty = Outcome::of(&request, Record::default());
    let report = Report { scenario: &request.scenario, outcome: &empty, events: &[] };
    assert!(report.html().contains("every objective was met"));
    assert!(report.markdown().contains("severity **ok**"));
}
