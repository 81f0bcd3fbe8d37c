//! The scenarios of etcd alone: what a person is told of each is a snapshot, and what would have been
//! otherwise is held against it.

mod steer;

use std::fmt::Write as _;
use std::sync::Arc;

use anatomy_lab::outcome::Severity;
use anatomy_lab::scenario;
use anatomy_lab::sweep::pool;
use anatomy_lab::{Outcome, Request};

fn play(name: &str, set: &[&str], seed: Option<u64>) -> Outcome {
    let scenario = scenario::find(name).expect("it is built in");
    let mut settings = scenario.defaults();
    for setting in set {
        settings.set(&scenario, setting).expect("the scenario knows it");
    }
    let seed = steer::seed(seed.unwrap_or(scenario.seed));
    let scenario = Arc::new(scenario);
    let outcome = pool::play(anatomy_lab::run, Request::new(scenario.clone(), settings, seed));
    let outcome = outcome.expect("etcd can be built");
    let again = outcome.replay(&scenario);
    assert_eq!(outcome.violations, [], "{again}");
    let inert: Vec<_> = outcome.faults.iter().filter(|fault| fault.effects == 0).collect();
    assert!(inert.is_empty(), "{inert:?}: {again}");
    outcome
}

/// What a person is told: when, who, what; and how bad it was.
fn told(outcome: &Outcome) -> String {
    let mut page = String::new();
    for entry in &outcome.timeline {
        let _ = writeln!(page, "{:6.1} {}: {}", entry.at, entry.actor, entry.text);
    }
    for journey in &outcome.journeys {
        let (name, ratio) = (&journey.name, journey.success_ratio * 100.0);
        let _ = writeln!(page, "{name}: {ratio:.0} %, worst {:.0} %", journey.worst_bucket * 100.0);
    }
    page + outcome.severity.name()
}

/// What people at their desks did and saw.
fn seen(outcome: &Outcome) -> Vec<&str> {
    let by_hand = |kind: &str| ["step.put", "step.get", "step.audit"].contains(&kind);
    let seen = outcome.timeline.iter().filter(|entry| by_hand(&entry.kind));
    seen.map(|entry| entry.text.as_str()).collect()
}

fn refused(outcome: &Outcome) -> usize {
    seen(outcome).iter().filter(|text| text.contains("etcdserver: request timed out")).count()
}

#[test]
fn nine_members_stand_a_zone_and_a_machine_and_not_two_more() {
    let outcome = play("zone-loss-9", &[], None);
    assert_eq!(outcome.severity, Severity::Total);
    let expected = [
        "done",
        "done",
        "done",
        // Etcd's own words, after its 5 s and two elections.
        "etcdserver: request timed out (Unavailable) after 7 s",
        // A read by quorum, which the client asks again and again; then what the member has.
        "no answer for 10 s",
        "answered",
        "done",
        "everything acknowledged is there",
    ];
    let seen = seen(&outcome);
    assert_eq!(seen.len(), expected.len(), "{seen:?}");
    for (seen, expected) in seen.iter().zip(expected) {
        let said = seen.split_once(": ").map(|(_, said)| said);
        assert!(said.is_some_and(|said| said.starts_with(expected)), "{seen}");
    }
    insta::assert_snapshot!(told(&outcome));
}

#[test]
fn without_the_two_more_nine_members_serve_all_the_time() {
    let outcome = play("zone-loss-9", &["two-more=off"], None);
    assert_eq!((refused(&outcome), outcome.severity <= Severity::Degraded), (0, true));
}

#[test]
fn five_members_do_not_stand_the_machine_that_nine_stand() {
    let outcome = play("zone-loss-9", &["members=5", "two-more=off"], None);
    assert!(refused(&outcome) > 0, "{:?}", seen(&outcome));
    assert_eq!(outcome.severity, Severity::Total);
}

#[test]
fn nobody_who_reads_what_some_member_has_notices_the_lost_quorum() {
    let outcome = play("zone-loss-9", &["reads=serializable"], None);
    assert_eq!(outcome.severity, Severity::Partial, "writes fail, reads do not");
}

/// Nine, of which four are removed in time: two more of five may go.
#[test]
fn members_that_are_removed_as_they_fall_silent_leave_a_quorum_that_stands_two_more() {
    for policy in ["remove-silent=reactive", "replace-silent=reactive"] {
        let outcome = play("zone-loss-9", &[policy], None);
        let severity = outcome.severity;
        assert!((refused(&outcome), severity <= Severity::Degraded) == (0, true), "{severity:?}");
    }
}

#[test]
fn without_a_quorum_nobody_can_be_removed_any_more() {
    let late = play("zone-loss-9", &["remove-silent=forced@+110s"], None);
    assert_eq!(late.severity, Severity::Total);
    let failed = late.timeline.iter().find(|entry| entry.kind == "step.failed");
    let said = failed.map(|entry| entry.text.as_str()).unwrap_or_default();
    assert!(said.contains("etcdserver: request timed out"), "{:?}", late.timeline);
}

#[test]
fn one_seed_gives_one_run() {
    let twice = [0, 1].map(|_| play("zone-loss-9", &["two-more=off"], Some(3)).digest);
    assert_eq!(twice[0], twice[1]);
    assert_ne!(twice[0], play("zone-loss-9", &["two-more=off"], Some(4)).digest);
}

#[test]
fn of_the_sizes_from_three_to_nine_four_alone_does_not_stand_its_fullest_zone() {
    let outcome = play("growth", &[], None);
    let (audits, puts): (Vec<_>, Vec<_>) =
        seen(&outcome).into_iter().partition(|text| text.starts_with("compares"));
    let refused: Vec<bool> = puts.iter().map(|text| text.contains("request timed out")).collect();
    let done: Vec<bool> = puts.iter().map(|text| text.ends_with(": done")).collect();
    // 3, 4, 5, 6, 7, 8 and 9 members.
    assert_eq!(refused, [false, true, false, false, false, false, false], "{puts:?}");
    assert_eq!(done, [true, false, true, true, true, true, true], "{puts:?}");
    assert_eq!(audits.len(), 7);
    assert!(audits.iter().all(|text| text.ends_with("everything acknowledged is there")));
    insta::assert_snapshot!(told(&outcome));
}

#[test]
fn a_member_that_does_not_come_back_is_replaced() {
    let outcome = play("member-replace", &[], None);
    assert_eq!(refused(&outcome), 0);
    insta::assert_snapshot!(told(&outcome));
    let outcome = play("member-replace", &["replace=off"], None);
    assert!(refused(&outcome) > 0, "without a new member a second loss costs the quorum");
}

#[test]
fn an_upgrade_under_load_loses_nothing() {
    insta::assert_snapshot!(told(&play("rolling-upgrade-under-load", &[], None)));
}

#[test]
fn a_member_whose_disk_is_full_stops_and_comes_back() {
    insta::assert_snapshot!(told(&play("disk-full", &[], None)));
}

#[test]
fn a_leader_on_a_slow_disk_loses_its_office() {
    insta::assert_snapshot!(told(&play("slow-disk", &[], None)));
}

#[test]
fn a_member_that_does_not_hear_the_leader_unseats_it_unless_it_asks_first() {
    let outcome = play("partial-partition", &[], None);
    insta::assert_snapshot!(told(&outcome));
    let leaders = |outcome: &Outcome| {
        outcome.timeline.iter().filter(|e| e.kind == "etcd.leader" && e.at > 0.0).count()
    };
    let asks_first = play("partial-partition", &["etcd=3.4"], None);
    assert!(leaders(&outcome) > 0, "without pre-vote the cut ends in an election");
    assert_eq!(leaders(&asks_first), 0, "with pre-vote nobody is unseated");
}

/// How many seeds of the chaos are part of every test run: well under a minute of both cores.
const SLICE: u64 = 12;

#[test]
fn every_promise_is_kept_through_a_slice_of_random_harm() {
    let found = std::sync::Mutex::new(Vec::new());
    pool::each(
        steer::jobs(),
        steer::seeds(0..SLICE),
        |seed| {
            let scenario = Arc::new(scenario::find("etcd-chaos").expect("it is built in"));
            let request = Request::new(scenario.clone(), scenario.defaults(), seed);
            match pool::play(anatomy_lab::run, request) {
                Ok(outcome) if outcome.violations.is_empty() => {}
                Ok(outcome) => {
                    let told = format!("{:?}: {}", outcome.violations, outcome.replay(&scenario));
                    found.lock().expect("no panic with the lock").push(told);
                }
                Err(why) => {
                    let told = format!("seed {seed}: {why}");
                    found.lock().expect("no panic with the lock").push(told);
                }
            }
        },
        |()| {},
    );
    let found = found.into_inner().expect("no panic with the lock");
    assert!(found.is_empty(), "{}", found.join("\n"));
}
