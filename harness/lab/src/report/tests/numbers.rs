//! The numbers of the card, the heat-map and the indicators, on a run like the record.

use super::*;
use crate::scenario::World;

fn close(a: Option<f64>, b: f64) -> bool {
    a.is_some_and(|a| (a - b).abs() < 1e-6)
}

#[test]
fn the_measures_of_a_run_like_the_record() {
    let impact = with_report(impact::impact);
    assert_eq!((impact.outage, impact.total), (4860.0, 1070.0));
    assert_eq!((impact.failed, impact.requests), (9277, 36_000));
    // Seven times ten seconds before the alarm. The first minute in which payments go through again
    // begins at 4870.
    assert_eq!((impact.detected_after, impact.unseen), (Some(65.0), Some(70.0)));
    assert_eq!(impact.mitigated_after, Some(4870.0));
    assert_eq!((impact.reach, impact.wrong, impact.late), (5, Some(0), None));
    let paid = &impact.journeys[2];
    assert_eq!((paid.name.as_str(), paid.depth), ("current-payment", 1.0));
    assert!(close(Some(paid.lost), 4863.0), "{paid:?}");
    assert!(close(paid.burn, 100.0), "an hour without success and 1 % allowed: {paid:?}");
    assert!(close(paid.budget, 4863.0 / (30.0 * 864.0)), "{paid:?}");
}

#[test]
fn payments_that_stand_in_took_are_late_and_not_lost() {
    let replayed = |payments: &str| {
        let fields = BTreeMap::from([("payments".to_owned(), payments.to_owned())]);
        Event { kind: "reconciled".to_owned(), fields, ..Event::default() }
    };
    let events = [replayed("2341"), replayed("2366")];
    let request = sample::request();
    let (scenario, outcome) = (&request.scenario, sample::outcome(&request));
    let findings = Findings::default();
    let report =
        Report { scenario, outcome: &outcome, events: &events, findings: &findings, build: "" };
    let figures = card::card(&report).figures;
    assert!(figures.contains(&("payments booked late".to_owned(), "4,707".to_owned())));
}

#[test]
fn a_world_without_monitoring_is_not_said_to_be_unseen() {
    let request = sample::request();
    let mut scenario = (*request.scenario).clone();
    scenario.world = World::Etcd;
    let outcome = sample::outcome(&request);
    let findings = Findings::default();
    let report = Report {
        scenario: &scenario,
        outcome: &outcome,
        events: &[],
        findings: &findings,
        build: "",
    };
    assert_eq!(impact::impact(&report).unseen, None);
    let health = health::health(&report);
    assert!(health.strips.iter().all(|strip| strip.gaps.is_empty()));
    assert!(health.rows.iter().all(|row| row.unseen == "–"));
}

#[test]
fn a_service_is_as_well_as_the_journeys_that_need_it() {
    let health = with_report(health::health);
    let strip = |name: &str| health.strips.iter().find(|s| s.name == name).expect("a row");
    assert!(health.services.is_some_and(|y| y < strip("edge").y));
    // current-payment needs it, and its alarm came after seventy seconds; app-feed has none.
    let (ledger, feed) = (strip("ledger"), strip("feed"));
    assert_eq!((ledger.gaps.len(), feed.gaps.len()), (1, 1));
    assert!(ledger.gaps[0].width < feed.gaps[0].width);
    assert_eq!(strip("current-payment").alarms.len(), 1);
    let classes = |name: &str| strip(name).cells.iter().map(|c| c.class).collect::<Vec<_>>();
    assert!(classes("feed").contains(&"s0") && !classes("card-processor").contains(&"s0"));
}

#[test]
fn what_the_cluster_said_of_a_service_is_a_tick_in_its_row() {
    let said = |kind: &str, field: &str, value: &str| {
        let fields = BTreeMap::from([(field.to_owned(), value.to_owned())]);
        Event { at: 60.0, kind: kind.to_owned(), fields, ..Event::default() }
    };
    let events = [
        said("endpoints.update-failed", "service", "default/ledger"),
        said("pod.mount-failed", "pod", "default/ledger-3208161613-9v29j"),
        said("pod.mount-failed", "pod", "default/prepaid-ledger-3208161613-9v29j"),
    ];
    let request = sample::request();
    let (scenario, outcome) = (&request.scenario, sample::outcome(&request));
    let findings = Findings::default();
    let report =
        Report { scenario, outcome: &outcome, events: &events, findings: &findings, build: "" };
    let strips = health::health(&report).strips;
    let notes = |name: &str| strips.iter().find(|s| s.name == name).expect("a row").notes.len();
    assert_eq!((notes("ledger"), notes("prepaid-ledger"), notes("edge")), (2, 1, 0));
}

#[test]
fn retries_are_counted_and_not_the_lines_that_tell_of_them() {
    let tried = |at: f64, times: &str| {
        let fields = BTreeMap::from([("times".to_owned(), times.to_owned())]);
        Event { at, kind: "watch.failed".to_owned(), fields, ..Event::default() }
    };
    let events = [tried(30.0, "1"), tried(90.0, "58")];
    let request = sample::request();
    let (scenario, outcome) = (&request.scenario, sample::outcome(&request));
    let findings = Findings::default();
    let report =
        Report { scenario, outcome: &outcome, events: &events, findings: &findings, build: "" };
    let drawn = indicators::indicators(&report);
    let [row] = &drawn.rows[..] else { panic!("{} rows", drawn.rows.len()) };
    assert_eq!((row.total, row.peak, row.peak_at.as_str()), (59, 58, "14:11"));
    let names: Vec<&str> = drawn.success.iter().map(|line| line.name.as_str()).collect();
    assert_eq!(names, ["all requests", "prepaid-payment", "current-payment", "card-payment"]);
    let least: Vec<&str> = drawn.success.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(least[2], "success, 0.0 % at the least");
}

#[test]
fn a_proxy_is_behind_from_its_exception_until_its_pod_stops() {
    let said = |at: f64, process: &str, kind: &str| {
        let pod = ("pod".to_owned(), format!("default/{process}"));
        Event {
            at,
            process: process.to_owned(),
            kind: kind.to_owned(),
            fields: BTreeMap::from([pod]),
            ..Event::default()
        }
    };
    let request = sample::request();
    let (scenario, outcome) = (&request.scenario, sample::outcome(&request));
    let findings = Findings::default();
    let views = |events: &[Event]| {
        let report = Report { scenario, outcome: &outcome, events, findings: &findings, build: "" };
        indicators::indicators(&report).views
    };
    let mut events = vec![
        said(-200.0, "linkerd-a", "mesh.namer.ready"),
        said(-200.0, "linkerd-b", "mesh.namer.ready"),
    ];
    assert!(views(&events).is_none(), "both follow");
    events.push(said(100.0, "linkerd-a", "mesh.namer.frozen"));
    events.push(said(200.0, "linkerd-a", "pod.stopped"));
    events.push(said(300.0, "linkerd-b", "mesh.namer.failed"));
    events.push(said(400.0, "linkerd-b", "mesh.namer.ready"));
    let drawn = views(&events).expect("first one and then the other is behind");
    assert_eq!(drawn.text, "at the worst 1 frozen, 0 blind, of 2");
    assert_eq!((drawn.frozen.matches('M').count(), drawn.blind.matches('M').count()), (1, 1));
}
