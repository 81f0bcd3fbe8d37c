//! What the analysis takes for granted: a factor changes nothing before it acts, and nothing at all
//! where it does not.

mod short_day;
mod steer;

use std::sync::{Arc, OnceLock};

use anatomy_lab::explore::runs::{Row, influence};
use anatomy_lab::outcome::{Severity, trail};
use anatomy_lab::sweep::{Key, pool};
use anatomy_lab::{Outcome, Request};
use short_day::{MESH_RESTART, play, request, short_day};

fn played(request: &Request) -> Outcome {
    pool::play(anatomy_lab::run, request.clone()).expect("the cluster can be built")
}

fn asked(set: &[&str], seed: u64) -> Request {
    request(short_day(), set, seed)
}

/// The short day as it is, with the seed of the story: everybody sees what there is to see, and acts.
fn base() -> &'static Outcome {
    static BASE: OnceLock<Outcome> = OnceLock::new();
    BASE.get_or_init(|| play(short_day(), &[], short_day().seed))
}

/// The same with a seed with which no quota is lost: the deploy is one of many, and nobody has a reason
/// to do anything.
fn quiet() -> &'static Outcome {
    static QUIET: OnceLock<Outcome> = OnceLock::new();
    QUIET.get_or_init(|| play(short_day(), &[], 0))
}

fn row(request: &Request, outcome: &Outcome) -> Row {
    Row::of(&request.scenario, Key::of(request, "this one"), outcome, None)
}

#[test]
fn a_factor_that_makes_no_difference_leaves_every_event_as_it_was() {
    let people = ["ledger-rollback", "mesh-restart", "apiserver-restart", "delete-empty-service"];
    let reactive = asked(&[], 0);
    let off: Vec<String> = people.iter().map(|factor| format!("{factor}=off")).collect();
    let off = asked(&off.iter().map(String::as_str).collect::<Vec<_>>(), 0);
    let (one, other) = (quiet(), played(&off));
    assert_eq!(one.severity, Severity::Ok);
    assert!(one.trail == other.trail, "every packet and every event");
    assert_eq!(one.digest, other.digest);
    let row = row(&reactive, one);
    assert!(influence::stands_for(&reactive.scenario, &row, &off.settings), "and it is known");
    // The stand-in may have had nothing to do either.
    let idle = influence::without_influence(&reactive.scenario, &row);
    assert!(people.iter().all(|factor| idle.iter().any(|one| one == factor)), "{idle:?}");
}

#[test]
fn where_no_member_limits_streams_the_clients_release_makes_no_difference() {
    let idle = |request: &Request, outcome: &Outcome| {
        let row = row(request, outcome);
        let idle = influence::without_influence(&request.scenario, &row);
        idle.contains(&"etcd-client")
    };
    let until_morning = |set: &[&str]| {
        let mut request = asked(set, short_day().seed);
        request.until = Some("morning".to_owned());
        request
    };
    let [old, mended] = ["etcd-client=grpc-1.0.4", "etcd-client=grpc-1.0.5"]
        .map(|client| until_morning(&["etcd-upgrade=off", client]));
    let outcomes = [played(&old), played(&mended)];
    assert_eq!(outcomes[0].digest, outcomes[1].digest);
    assert!(idle(&old, &outcomes[0]) && idle(&mended, &outcomes[1]));
    let limited = until_morning(&[]);
    assert!(!idle(&limited, &played(&limited)), "the quota is lost there");
}

#[test]
fn who_is_told_to_do_what_they_would_have_done_does_the_same() {
    let seed = short_day().seed;
    let people = ["ledger-rollback", "mesh-restart", "apiserver-restart", "delete-empty-service"];
    let forced: Vec<String> = people.iter().map(|factor| format!("{factor}=forced")).collect();
    let forced = asked(&forced.iter().map(String::as_str).collect::<Vec<_>>(), seed);
    assert_eq!(played(&forced).digest, base().digest);
    let free = asked(&[], seed);
    assert!(influence::stands_for(&free.scenario, &row(&free, base()), &forced.settings));
}

#[test]
fn a_factor_that_acts_at_a_time_leaves_every_event_before_it_as_it_was() {
    let mut without = asked(&["mesh-restart=off"], short_day().seed);
    without.against = Some(Arc::from(base().trail.as_slice()));
    let outcome = played(&without);
    let parted = outcome.diverged.as_ref().expect("it is another run");
    let first = trail::first_difference(&base().trail, &outcome.trail);
    assert_eq!(Some(parted.index), first, "what is told is the first event that differs");
    assert!(!parted.machine.is_empty() && !parted.kind.is_empty(), "with its place: {parted:?}");
    assert_eq!(base().trail[..parted.index], outcome.trail[..parted.index]);
    // The time has come and somebody has looked at every proxy's page; both runs do that.
    let after = parted.at - MESH_RESTART as f64;
    assert!((0.0..30.0).contains(&after), "{after} s after the step was due: {}", parted.text);
    assert!(outcome.timeline.iter().any(|entry| entry.kind == "step.withheld"));
    assert!(!influence::stands_for(
        &without.scenario,
        &row(&asked(&[], short_day().seed), base()),
        &without.settings
    ));
}

#[test]
fn a_run_with_a_goal_is_the_same_run_until_it_is_reached() {
    for goal in [Severity::Partial, Severity::Total] {
        let mut request = asked(&[], short_day().seed);
        request.goal = Some(goal);
        let outcome = played(&request);
        assert_eq!(outcome.stopped_at, Some(goal));
        assert!(outcome.severity >= goal);
        assert!(outcome.trail.len() < base().trail.len());
        assert!(base().trail.starts_with(&outcome.trail), "{goal:?}");
        let since = |outcome: &Outcome| {
            outcome.reached.iter().find(|reached| reached.severity == goal).and_then(|r| r.at)
        };
        assert_eq!(since(&outcome), since(base()), "{goal:?}");
    }
}

#[test]
fn a_goal_that_is_not_reached_changes_nothing() {
    let mut request = asked(&[], 0);
    request.goal = Some(Severity::Partial);
    let outcome = played(&request);
    assert_eq!((outcome.stopped_at, &outcome.digest), (None, &quiet().digest));
}
