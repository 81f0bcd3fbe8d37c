//! Histories and outcomes written by hand, for tests.

use std::sync::Arc;

use super::{ActSpan, Entry, FaultRecord, Outcome, PoolState, Record, Sample};
use crate::Request;
use crate::scenario::{self, Entry as From, Journey};

/// Three journeys: `feed` (not critical), `pay` (critical), `card` (critical, not through the
/// mesh).
pub fn journeys() -> Vec<Journey> {
    let journey = |name: &str, critical, mesh| Journey {
        name: name.to_owned(),
        doc: String::new(),
        entry: From::App,
        path: vec!["edge".to_owned()],
        rate: 1.0,
        objective: 0.99,
        critical,
        mesh,
    };
    vec![journey("feed", false, true), journey("pay", true, true), journey("card", true, false)]
}

/// One request of each journey at every second of `times`.
pub fn history(
    times: impl IntoIterator<Item = i64>,
    ok: impl Fn(&str, i64) -> bool,
) -> Vec<Sample> {
    let names: Vec<Arc<str>> = journeys().iter().map(|j| Arc::from(j.name.as_str())).collect();
    let mut samples = Vec::new();
    for second in times {
        for journey in &names {
            let ok = ok(journey, second);
            samples.push(Sample { journey: Arc::clone(journey), at: second as f64, ok });
        }
    }
    samples
}

/// The request for the default run.
pub fn request() -> Request {
    let scenario = Arc::new(scenario::find("monzo-2017").expect("the built-in scenario"));
    let settings = scenario.defaults();
    Request::new(scenario, settings, 7)
}

/// A run like the record: partial from 14:10, total from 15:13 to 15:31.
pub fn outcome(request: &Request) -> Outcome {
    let mut samples = Vec::new();
    for second in -300..5700 {
        for journey in &request.scenario.workload.journeys {
            let name = journey.name.as_str();
            let partial = name == "current-payment" && (1..4864).contains(&second);
            let total = name != "card-payment" && (3785..4864).contains(&second);
            let slow = name == "card-payment" && second % 50 == 0 && (0..4860).contains(&second);
            let ok = !(partial || total || slow);
            samples.push(Sample { journey: Arc::from(name), at: f64::from(second), ok });
        }
    }
    let entry = |at: f64, actor: &str, kind: &str, text: &str, because: &[&str]| Entry {
        at,
        actor: actor.to_owned(),
        kind: kind.to_owned(),
        text: text.to_owned(),
        because: because.iter().map(|text| (*text).to_owned()).collect(),
    };
    let day = 86_400.0;
    let act = |name: &str, start: f64, end: f64| ActSpan { name: name.to_owned(), start, end };
    let record = Record {
        samples,
        acts: vec![
            act("reconfiguration", -14.0 * day - 15_000.0, -14.0 * day - 14_280.0),
            act("morning", -18_600.0, -18_300.0),
            act("outage", -300.0, 5700.0),
        ],
        timeline: vec![
            entry(
                -14.0 * day - 14_940.0,
                "platform-team",
                "step.etcd-upgrade",
                "upgrades etcd-1, etcd-2 and etcd-3 from 3.1.8 to 3.2.9",
                &[],
            ),
            entry(
                -18_540.0,
                "platform-team",
                "step.etcd-rolling-restart",
                "restarts the listed etcd members one after the other",
                &[],
            ),
            entry(0.0, "payments-team", "step.deploy", "deploys ledger v2", &[]),
            entry(
                31.4,
                "controllers@a",
                "endpoints.failed",
                "cannot write the endpoints of ledger: the request did not complete within 30 s",
                &["the etcd client of endpoints on apiserver-a has lost its stream quota"],
            ),
            entry(
                120.0,
                "payments-team",
                "step.rollback",
                "rolls ledger back to v1",
                &["the alarm of current-payment is firing"],
            ),
            entry(
                960.0,
                "on-call",
                "step.restart-mesh",
                "deletes all pods of the mesh",
                &[
                    "proxies send requests to 3 addresses that no pod has",
                    "the roll-back had no effect",
                ],
            ),
            entry(
                1620.0,
                "on-call",
                "step.restart-apiservers",
                "restarts the three apiservers",
                &[
                    "six proxy pods have been waiting to start for 9 min: their ConfigMap is not to be had",
                ],
            ),
            entry(
                4860.0,
                "on-call",
                "step.delete-empty-services",
                "deletes the Service savings-pots",
                &["proxies log a NullPointerException"],
            ),
        ],
        faults: vec![FaultRecord {
            id: "restart-etcd-1".into(),
            kind: "process.restart".into(),
            effects: 9,
        }],
        pools: vec![PoolState {
            act: "morning".into(),
            apiserver: "apiserver-a".into(),
            resource: "endpoints".into(),
            stuck: true,
        }],
        chain: vec![
            entry(
                -14.0 * day - 14_930.0,
                "etcd on etcd-1",
                "etcd.ready",
                "etcd 3.2.9 tells its clients a limit of streams",
                &[],
            ),
            entry(
                -18_528.0,
                "kube-apiserver on apiserver-a",
                "etcd-client.quota.lost",
                "the client of endpoints on apiserver-a lost its stream quota",
                &[],
            ),
            entry(0.0, "payments-team", "step.deploy", "deploys ledger v2", &[]),
        ],
        digest: 0x0123_4567_89ab_cdef_0011_2233_4455_6677,
        sim_seconds: 7020.0,
        trail: vec![1, 2, 3],
        ..Record::default()
    };
    let mut outcome = Outcome::of(request, record);
    outcome.wall_seconds = 31.25;
    outcome
}

#[test]
fn a_run_like_the_record_is_judged_like_the_record() {
    let outcome = outcome(&request());
    assert_eq!(outcome.severity, super::Severity::Total);
    let names: Vec<_> = outcome.phases.iter().map(|p| (p.name.as_str(), p.start, p.end)).collect();
    assert_eq!(
        names,
        [
            ("healthy", -300, 0),
            ("partial", 0, 3790),
            ("total", 3790, 4860),
            ("recovered", 4860, 5700)
        ]
    );
    assert!(outcome.journeys[3].success_ratio > 0.95);
}

#[test]
fn an_outcome_survives_being_written_as_json() {
    let outcome = outcome(&request());
    let text = serde_json::to_string(&outcome).expect("an outcome is JSON");
    let back: Outcome = serde_json::from_str(&text).expect("and is read again");
    assert_eq!(back.timeline, outcome.timeline);
    assert_eq!(back.settings, outcome.settings);
    assert_eq!(back.phases, outcome.phases);
    assert_eq!(back.severity, outcome.severity);
}
