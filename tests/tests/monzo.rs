//! The outage of 27 October 2017: as it was, and as it would have been without one thing or another.
//!
//! The whole day is played once, and what a person is told of it is a snapshot. The what-ifs play a
//! shorter day: the same prehistory, in which the lot is drawn, and then the same steps closer
//! together.

mod short_day;
mod steer;

use anatomy_lab::outcome::Severity;
use anatomy_lab::{Outcome, narrate, scenario};
use short_day::{APISERVER_RESTART, DELETION, MESH_RESTART, play, short_day};

const MINUTE: i64 = 60;

/// The short day with these settings, from the scenario's own seed. Whatever is set, no payment is lost
/// or doubled.
fn what_if(set: &[&str]) -> Outcome {
    what_if_from(short_day().seed, set)
}

/// The same from another seed. What is changed before the morning changes how the lot falls there; then
/// a seed is taken with which it falls again.
fn what_if_from(seed: u64, set: &[&str]) -> Outcome {
    let outcome = play(short_day(), set, seed);
    assert_eq!(outcome.violations, [], "{set:?}");
    outcome
}

/// The phases of the main act: name and beginning, in seconds from 14:10.
fn phases(outcome: &Outcome) -> Vec<(&str, i64)> {
    let since = outcome.acts.last().expect("there are acts").start as i64;
    let phases = outcome.phases.iter().filter(|phase| phase.end > since);
    phases.map(|phase| (phase.name.as_str(), phase.start)).collect()
}

/// The first moment that the phase `name` begins, if it does.
fn begins(outcome: &Outcome, name: &str) -> Option<i64> {
    phases(outcome).iter().find(|(phase, _)| *phase == name).map(|(_, start)| *start)
}

/// When the outage was over for good, if it ever was.
fn over(outcome: &Outcome) -> Option<i64> {
    phases(outcome).last().filter(|(phase, _)| *phase == "recovered").map(|(_, start)| *start)
}

/// Whether what was done at `at` ended the outage: for requests from ten seconds later on, or for those
/// that were already waiting as well.
fn ended_by(at: i64, outcome: &Outcome) -> bool {
    over(outcome).is_some_and(|over| (at - 10..=at + 10).contains(&over))
}

/// What succeeded of a journey, of the whole.
fn success(outcome: &Outcome, journey: &str) -> f64 {
    let journey = outcome.journeys.iter().find(|j| j.name == journey).expect("a journey");
    journey.success_ratio
}

/// The resources whose etcd clients had lost their quota when the morning was over.
fn stuck(outcome: &Outcome) -> Vec<&str> {
    let pools = outcome.stuck_pools().filter(|pool| pool.act == "morning");
    pools.map(|pool| pool.resource.as_str()).collect()
}

fn did(outcome: &Outcome, kind: &str) -> bool {
    outcome.timeline.iter().any(|entry| entry.kind == kind)
}

#[test]
fn the_whole_day_is_told_as_it_was() {
    let scenario = scenario::find("monzo-2017").expect("it is built in");
    let outcome = play(scenario.clone(), &[], scenario.seed);
    assert_eq!(outcome.severity, Severity::Total);
    assert_eq!(outcome.violations, [], "no payment is lost or doubled");
    let names: Vec<&str> = phases(&outcome).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["healthy", "partial", "total", "recovered"], "the rollback does not help");
    assert_eq!(begins(&outcome, "partial"), Some(0), "14:10");
    let back = MINUTE * 63;
    assert!((back..back + MINUTE).contains(&begins(&outcome, "total").expect("it was")), "15:13");
    assert!(ended_by(MINUTE * 81, &outcome), "over within 10 s of 15:31");
    let at = |kind: &str, text: &str| -> Vec<i64> {
        let of = outcome.timeline.iter().filter(|e| e.kind == kind && e.text.contains(text));
        of.map(|entry| entry.at as i64).collect()
    };
    let stopped = at("pod.mount-failed", "linkerd-");
    assert!(stopped.iter().any(|at| (16 * MINUTE..27 * MINUTE).contains(at)), "{stopped:?}");
    assert_eq!(at("step.restart-apiservers", ""), [27 * MINUTE], "14:37");
    let running = at("mesh.restart.first", "");
    assert!(running.iter().all(|at| *at > 27 * MINUTE), "no proxy before: {running:?}");
    assert!(success(&outcome, "card-payment") > 0.95);
    // The digest follows every change to the code, and the speed follows the machine.
    let told = anstream::adapter::strip_str(&narrate::tell(&scenario, &outcome)).to_string();
    let varies = ["digest ", "speed ", "again "];
    let stays = |line: &&str| !varies.iter().any(|name| line.trim_start().starts_with(name));
    let told: Vec<&str> = told.lines().filter(stays).collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn the_short_day_has_the_shape_of_the_long_one() {
    let outcome = what_if(&[]);
    let resources = stuck(&outcome);
    assert!(resources.contains(&"endpoints") && resources.contains(&"secrets"), "{resources:?}");
    assert_eq!(outcome.severity, Severity::Total);
    assert_eq!(begins(&outcome, "partial"), Some(0));
    assert!(begins(&outcome, "total").is_some_and(|at| at > APISERVER_RESTART));
    assert!(ended_by(DELETION, &outcome));
}

#[test]
fn with_the_fixed_client_no_quota_is_lost_and_the_deploy_is_one_of_many() {
    let outcome = what_if(&["etcd-client=grpc-1.0.5"]);
    assert_eq!(stuck(&outcome), [""; 0]);
    assert_eq!(outcome.severity, Severity::Ok);
    assert!(!did(&outcome, "step.rollback") && !did(&outcome, "step.restart-mesh"));
}

#[test]
fn without_the_upgrade_of_etcd_there_is_no_quota_to_lose() {
    let outcome = what_if(&["etcd-upgrade=off"]);
    assert_eq!(stuck(&outcome), [""; 0]);
    assert_eq!(outcome.severity, Severity::Ok);
}

#[test]
fn without_a_restart_of_members_the_lot_is_not_drawn() {
    let outcome = what_if(&["etcd-restart=off"]);
    assert_eq!(stuck(&outcome), [""; 0]);
    assert_eq!(outcome.severity, Severity::Ok);
}

#[test]
fn with_three_members_or_the_lock_in_endpoints_the_lot_does_not_fall_on_endpoints() {
    for set in ["etcd-resize=off", "leader-lock=endpoints"] {
        let outcome = what_if(&[set]);
        assert_eq!(stuck(&outcome), ["secrets"], "{set}");
        assert_eq!(outcome.severity, Severity::Ok, "{set}: the deploy is one of many");
    }
}

#[test]
fn the_rollback_makes_no_difference_to_how_bad_it_gets() {
    let outcome = what_if(&["ledger-rollback=off"]);
    assert!(!did(&outcome, "step.rollback"));
    assert_eq!(outcome.severity, Severity::Total);
    assert_eq!(begins(&outcome, "partial"), Some(0));
    assert!(ended_by(DELETION, &outcome));
}

#[test]
fn without_a_restart_of_the_apiservers_no_new_proxy_starts_and_the_outage_stays_partial() {
    let outcome = what_if(&["apiserver-restart=off"]);
    assert!(did(&outcome, "step.restart-mesh") && !did(&outcome, "mesh.restarted"));
    assert_eq!((outcome.severity, over(&outcome)), (Severity::Partial, None));
}

#[test]
fn without_the_deploy_nobody_notices_anything() {
    let outcome = what_if(&["ledger-deploy=off"]);
    assert!(stuck(&outcome).contains(&"endpoints"), "the condition is there");
    assert_eq!(outcome.severity, Severity::Ok);
    assert!(!did(&outcome, "step.restart-mesh"));
}

#[test]
fn a_mesh_that_can_read_null_turns_a_total_outage_into_a_partial_one() {
    let outcome = what_if(&["linkerd=1.0.0"]);
    assert_eq!(outcome.severity, Severity::Partial);
    assert_eq!(begins(&outcome, "partial"), Some(0));
    assert!(ended_by(APISERVER_RESTART, &outcome), "{:?}", phases(&outcome));
}

#[test]
fn without_the_empty_service_the_outage_stays_partial() {
    let outcome = what_if_from(13, &["empty-service=off"]);
    assert!(stuck(&outcome).contains(&"endpoints"));
    assert_eq!(outcome.severity, Severity::Partial);
    assert_eq!(begins(&outcome, "partial"), Some(0));
    assert!(did(&outcome, "mesh.restarted"), "new proxies can read every list");
    assert!(!did(&outcome, "step.restart-apiservers"), "every pod starts");
    assert_eq!(over(&outcome), None);
}

#[test]
fn an_apiserver_that_writes_empty_lists_as_such_does_not_break_the_mesh() {
    let outcome = what_if(&["kubernetes=1.5"]);
    let resources = stuck(&outcome);
    assert!(resources.contains(&"endpoints") && resources.contains(&"secrets"), "{resources:?}");
    assert_eq!(outcome.severity, Severity::Partial);
    assert_eq!(begins(&outcome, "partial"), Some(0));
    assert!(ended_by(APISERVER_RESTART, &outcome), "{:?}", phases(&outcome));
}

#[test]
fn an_apiserver_that_writes_null_in_events_breaks_the_mesh_the_day_before_and_without_any_quota() {
    let outcome = what_if(&["kubernetes=1.8", "etcd-client=grpc-1.0.5"]);
    assert_eq!(stuck(&outcome), [""; 0]);
    let morning = outcome.acts.iter().find(|act| act.name == "morning").expect("it was played");
    let frozen = outcome.timeline.iter().filter(|entry| entry.kind == "mesh.namer.frozen");
    assert_eq!(frozen.filter(|entry| entry.at < morning.start).count(), 6, "every proxy");
    assert!(success(&outcome, "app-feed") < 0.9, "pods that the morning replaced are not found");
}

#[test]
fn a_later_apiserver_freezes_the_mesh_the_day_before_and_its_restart_is_total_all_the_same() {
    let outcome = what_if(&["kubernetes=1.10"]);
    let morning = outcome.acts.iter().find(|act| act.name == "morning").expect("it was played");
    let frozen = outcome.timeline.iter().filter(|entry| entry.kind == "mesh.namer.frozen");
    assert_eq!(frozen.filter(|entry| entry.at < morning.start).count(), 6, "every proxy");
    assert_eq!(outcome.severity, Severity::Total);
    assert!(begins(&outcome, "total").is_some_and(|at| at > MESH_RESTART));
    assert!(ended_by(DELETION, &outcome));
}

#[test]
fn where_the_empty_service_stays_the_outage_stays_total() {
    let outcome = what_if(&["delete-empty-service=off"]);
    assert_eq!(outcome.severity, Severity::Total);
    assert_eq!(over(&outcome), None);
}

#[test]
fn without_a_restart_of_the_mesh_the_outage_stays_partial() {
    let outcome = what_if(&["mesh-restart=off"]);
    assert_eq!(outcome.severity, Severity::Partial);
}

#[test]
fn a_canary_that_does_not_start_spares_the_other_proxies() {
    let outcome = what_if(&["mesh-restart=canary"]);
    assert!(did(&outcome, "step.restart-mesh") && did(&outcome, "mesh.canary.failed"));
    assert!(!did(&outcome, "mesh.restarted"));
    assert_eq!(outcome.severity, Severity::Partial);
}

#[test]
fn restarting_a_healthy_mesh_is_enough_for_a_total_outage() {
    let outcome = what_if(&["mesh-restart=forced", "etcd-client=grpc-1.0.5", "ledger-deploy=off"]);
    assert_eq!(outcome.severity, Severity::Total);
    let (partial, total) = (begins(&outcome, "partial"), begins(&outcome, "total"));
    assert!(partial.or(total).is_some_and(|at| at >= MESH_RESTART), "{partial:?}");
    assert!(ended_by(DELETION, &outcome));
}

#[test]
fn without_stand_in_cards_fail_with_the_ledger() {
    let outcome = what_if(&["standin=off"]);
    assert!(success(&outcome, "card-payment") < 0.7);
}
