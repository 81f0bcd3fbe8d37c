//! What is drawn as leading to what, on a day like the record's.

use super::*;
use crate::outcome::StepOutcome;

fn entry(at: f64, actor: &str, kind: &str, text: &str) -> Entry {
    let (actor, kind, text) = (actor.to_owned(), kind.to_owned(), text.to_owned());
    Entry { at, actor, kind, text, because: Vec::new() }
}

fn step(due: f64, action: &str, symptom: &str, sign: &str, ended: f64) -> StepOutcome {
    StepOutcome {
        due,
        actor: "on-call".to_owned(),
        action: action.to_owned(),
        symptom: Some(symptom.to_owned()),
        seen: vec![sign.to_owned()],
        taken: true,
        ended: Some(ended),
        ..StepOutcome::default()
    }
}

const NULL: &str = "java.lang.NullPointerException: subsets of endpoints savings-pots";
const ENDPOINTS: &str = "cannot bring the Endpoints of default/account up to date";
const SECRETS: &str = "default/ledger-3208161613-9v29j cannot start: \
    the get operation against secrets could not be completed";

/// The day as its record has it, with all of its conditions but the alarm and the roll-back in the
/// chain.
fn day() -> Outcome {
    let request = sample::request();
    let on = "kube-apiserver on master-1";
    let timeline = vec![
        entry(-9000.0, "etcd on etcd-1", "etcd.ready", "tells clients a limit of streams"),
        entry(-8000.0, "accounts-team", "step.scale", "scales savings-pots to 0"),
        entry(-7000.0, on, "etcd-client.quota.lost", "the etcd client for endpoints lost it"),
        entry(-6900.0, on, "etcd-client.quota.lost", "the etcd client for secrets lost it"),
        entry(-130.0, "controllers", "endpoints.update-failed", ENDPOINTS),
        entry(0.0, "payments-team", "step.deploy", "deploys ledger v2"),
        entry(45.0, "pager", "alarm.raised", "pager: current-payment fails, 36 %"),
        entry(61.0, "kubelet", "pod.mount-failed", SECRETS),
        entry(120.0, "on-call", "step.rollback", "rolls ledger back"),
        entry(960.0, "on-call", "step.restart-mesh", "begins to restart all proxies"),
        entry(1620.0, "on-call", "step.restart-apiservers", "restarts the apiservers"),
        entry(1621.0, "linkerd on node-2", "mesh.namer.frozen", &format!("frozen: {NULL}")),
        entry(1627.0, "linkerd on node-5", "mesh.namer.failed", &format!("failed: {NULL}")),
        entry(4860.0, "on-call", "step.delete-empty-services", "deletes empty Services"),
    ];
    let is_link = |entry: &&Entry| entry.kind != "alarm.raised" && entry.kind != "step.rollback";
    let record = Record {
        chain: timeline.iter().filter(is_link).cloned().collect(),
        steps: vec![
            step(120.0, "rollback", "journeys-failing", "alarm: current-payment fails", 121.0),
            step(960.0, "restart-mesh", "mesh-stale", "node-1 knows ledger", 3800.0),
            step(1620.0, "restart-apiservers", "pods-not-starting", "it is Pending", 1632.0),
            step(4860.0, "delete-empty-services", "discovery-failing", NULL, 4861.0),
        ],
        timeline,
        acts: sample::outcome(&request).acts,
        ..Record::default()
    };
    Outcome::of(&request, record)
}

fn with_day<T>(findings: &Findings, test: impl FnOnce(&Report) -> T) -> T {
    let request = sample::request();
    let (scenario, outcome) = (&request.scenario, day());
    test(&Report { scenario, outcome: &outcome, events: &[], findings, build: "" })
}

#[test]
fn arrows_follow_the_mechanism_and_what_people_saw() {
    let edges = with_day(&Findings::default(), edges::edges);
    let of = |seen: bool| -> Vec<(usize, usize)> {
        edges.iter().filter(|edge| edge.seen == seen).map(|edge| (edge.from, edge.to)).collect()
    };
    // The loss for endpoints leads to the Endpoints, that for secrets to the pod of the deploy; the
    // empty service to both exceptions.
    let led = [(0, 2), (0, 3), (2, 4), (3, 7), (5, 7), (1, 11), (10, 11), (1, 12), (9, 12)];
    assert_eq!(of(false), led);
    assert_eq!(of(true), [(6, 8), (4, 9), (7, 10), (12, 13)]);
    assert!(edges.iter().all(|edge| !edge.necessary), "nobody has asked");
}

#[test]
fn an_arrow_is_thick_where_one_condition_less_averts_it_and_takes_its_end_away() {
    let mut findings = Findings { explanation: found().explanation, ..Findings::default() };
    let explanation = findings.explanation.as_mut().expect("it was asked");
    let averting = explanation.but_for.iter_mut().find(|one| !one.reaches).expect("there is one");
    averting.gone = vec!["mesh.namer.failed".to_owned()];
    let necessary = |findings: &Findings| -> Vec<(usize, usize)> {
        let edges = with_day(findings, edges::edges);
        let thick = edges.into_iter().filter(|edge| edge.necessary);
        thick.map(|edge| (edge.from, edge.to)).collect()
    };
    assert!(necessary(&findings).is_empty(), "it is about another run");
    findings.explanation.as_mut().expect("it is there").digest = day().digest;
    assert_eq!(necessary(&findings), [(1, 12), (9, 12)]);
}

#[test]
fn what_takes_long_is_shaded_and_each_line_says_what_it_follows_from() {
    with_day(&Findings::default(), |report| {
        let lanes = lanes::lanes(report);
        let [restart] = &lanes.doing[..] else { panic!("{} took long", lanes.doing.len()) };
        assert!(restart.text.contains("47 min 20 s"), "{}", restart.text);
        let mark = &lanes.marks[7];
        assert!(mark.link && mark.after.len() == 2, "{:?}", mark.after);
        assert!(mark.after.iter().any(|line| line.ends_with("deploys ledger v2")));
        let page = report.html();
        assert_eq!(page.matches("class=\"arrow led\"").count(), 9);
        assert_eq!(page.matches("class=\"arrow saw\"").count(), 4);
    });
}
