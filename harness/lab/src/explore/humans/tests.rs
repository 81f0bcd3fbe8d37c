//! Policies as data, and a world in which some of them help and one does harm.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::super::runs::{Runs, Silent, Store};
use super::variants::Unsafe;
use super::*;
use crate::outcome::{Phase, PoolState, Severity, StepOutcome, sample};
use crate::scenario::{self, Decision, Manner};
use crate::{Outcome, Request, Scenario, world};

fn monzo() -> Arc<Scenario> {
    Arc::new(scenario::find("monzo-2017").expect("the built-in scenario"))
}

fn folder() -> std::path::PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("anatomy-league-{}-{number}", std::process::id()))
}

/// Partial until somebody restarts the apiservers, and total if the whole mesh is restarted before the
/// empty Service is gone.
fn stand_in(request: &Request) -> Result<Outcome, world::Error> {
    let (scenario, settings) = (&request.scenario, &request.settings);
    let mut outcome = sample::outcome(request);
    let mut done: BTreeMap<&str, f64> = BTreeMap::new();
    for act in &scenario.acts {
        for (index, step) in act.steps.iter().enumerate() {
            let taken = step.decision(settings) != Decision::Never;
            let due =
                scenario.calendar.offset_of(act.starts.after(scenario.at(act, step, settings)));
            if taken && step.manner(settings) == Manner::Whole {
                done.insert(step.action.name(), due);
            }
            outcome.steps.push(StepOutcome {
                act: act.name.clone(),
                index,
                due,
                factor: step.factor.clone(),
                seen: vec!["a sign".to_owned()],
                taken,
                ..StepOutcome::default()
            });
        }
    }
    let at = |action: &str| done.get(action).copied();
    let deleted = at("delete-empty-services");
    let total = at("restart-mesh").filter(|at| deleted.is_none_or(|gone| gone > *at));
    let over = match total {
        Some(_) => deleted,
        None => at("restart-apiservers"),
    };
    outcome.severity = if total.is_some() { Severity::Total } else { Severity::Partial };
    let end = 5100;
    let phase = |name: &str, start: i64, end: i64| Phase { name: name.to_owned(), start, end };
    let until = over.map_or(end, |at| at as i64 + request.seed as i64);
    outcome.phases = vec![phase("healthy", -180, 0), phase("partial", 0, until)];
    outcome.phases.extend(over.map(|_| phase("recovered", until, end)));
    for journey in &mut outcome.journeys {
        let bad = |start: i64| (0..until).contains(&start) && (total.is_some() || start % 20 == 0);
        for bucket in &mut journey.buckets {
            bucket.ok = if bad(bucket.start) { 0 } else { bucket.requests };
        }
    }
    outcome.pools = Vec::from_iter((request.seed % 4 == 1).then(|| PoolState {
        act: "morning".to_owned(),
        resource: "endpoints".to_owned(),
        stuck: true,
        ..PoolState::default()
    }));
    Ok(outcome)
}

pub(crate) fn played(policies: &[Policy]) -> Result<League, String> {
    let (scenario, folder) = (monzo(), folder());
    let store = Store::open(&folder, &scenario, "build").expect("a store");
    let runs = Runs::new(store, stand_in, 2, &Silent);
    let league = league(&runs, &scenario.defaults(), policies, 0..40);
    std::fs::remove_dir_all(&folder).expect("the folder");
    league
}

#[test]
fn the_built_in_policies_are_those_of_the_story() {
    let policies = policy::built_in(&monzo());
    let names: Vec<&str> = policies.iter().map(|policy| policy.name.as_str()).collect();
    let expected = [
        "hands off",
        "roll back only",
        "restart every proxy",
        "canary, then stop",
        "restart the apiservers first",
        "delete empty Services first",
        "wait and diagnose",
    ];
    assert_eq!(names, expected);
    let base = monzo().defaults();
    for policy in &policies {
        policy.settings(&monzo(), &base).expect(&policy.name);
    }
    assert_eq!(policies[6].settings(&monzo(), &base), Ok(base), "what people really did");
}

#[test]
fn what_a_policy_does_not_name_is_not_done() {
    let settings = policy::built_in(&monzo())[0].settings(&monzo(), &monzo().defaults());
    let settings = settings.expect("hands off");
    let human = ["ledger-rollback", "mesh-restart", "apiserver-restart", "delete-empty-service"];
    assert!(human.iter().all(|factor| settings.level(factor) == "off"));
    assert_eq!(settings.level("ledger-deploy"), "on");
}

#[test]
fn a_policy_that_cannot_be_is_told_with_what_can() {
    let policy = |factor: &str, level: &str| Policy {
        name: "mine".to_owned(),
        doc: String::new(),
        set: BTreeMap::from([(factor.to_owned(), level.to_owned())]),
    };
    let error = |policy: Policy| policy.settings(&monzo(), &monzo().defaults()).expect_err("wrong");
    let no_factor = error(policy("linkerd", "1.0.0"));
    assert!(no_factor.contains("`linkerd` is no human factor; allowed: ledger-rollback"));
    assert!(error(policy("mesh-restart", "soon")).contains("has no level `soon`"));
    assert!(error(policy("mesh-restart", "forced@9 o'clock")).contains("is no time"));
}

#[test]
fn files_of_policies_are_read_in_order_and_told_where_they_are_wrong() {
    let folder = folder();
    std::fs::create_dir_all(&folder).expect("a folder");
    let error = policy::of_folder(&folder).expect_err("it is empty");
    assert!(error.to_string().contains("no .toml file"), "{error}");
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("room");
    write("b.toml", "[[policy]]\nname = \"b\"\n");
    write("a.toml", "[[policy]]\nname = \"a\"\n[policy.set]\nmesh-restart = \"off\"\n");
    let names: Vec<_> =
        policy::of_folder(&folder).expect("two").into_iter().map(|p| p.name).collect();
    assert_eq!(names, ["a", "b"]);
    write("c.toml", "[[policy]]\nname = \"c\"\nsets = 1\n");
    let error = policy::of_folder(&folder).expect_err("a wrong key").to_string();
    assert!(error.contains("c.toml") && error.contains("line 3"), "{error}");
    std::fs::remove_dir_all(&folder).expect("the folder");
}

#[test]
fn the_league_tells_who_helped_who_harmed_and_how_surely() {
    let league = played(&policy::built_in(&monzo())).expect("a league");
    assert_eq!(league.seeds, [1, 5, 9, 13, 17, 21, 25, 29, 33, 37]);
    let of = |name: &str| {
        league.standings.iter().find(|one| one.policy.name == name).expect("a standing")
    };
    let (idle, real) = (of("hands off"), of("wait and diagnose"));
    let (blind, first) = (of("restart every proxy"), of("restart the apiservers first"));
    assert_eq!((idle.total.hits, real.total.hits, blind.total.hits), (0, 10, 10));
    assert_eq!(idle.escalation, Some(1.0));
    assert!(real.escalation.is_some_and(|ratio| ratio > 1.5), "{:?}", real.escalation);
    assert!(blind.lost_seconds > real.lost_seconds && first.lost_seconds < idle.lost_seconds);
    assert_eq!((idle.median, blind.median), (None, None));
    assert!(real.median.is_some_and(|at| (4861.0..4900.0).contains(&at)));
    assert!(first.recovery_p.is_some_and(|p| p < 0.05) && real.total_p < 0.05);
    assert_eq!(real.pairs.after_only, 10, "with every seed it is total with them and not without");
    assert!(league.standings.is_sorted_by_key(|one| one.lost_seconds as i64));
    assert!(real.lost_range.0 <= real.lost_seconds && real.lost_seconds <= real.lost_range.1);
    assert!(first.lost_p < 0.05 && league.best_p.is_some_and(|p| (0.0..=1.0).contains(&p)));
    let page = anstream::adapter::strip_str(&crate::narrate::league(&league)).to_string();
    assert!(page.lines().all(|line| line.chars().count() <= crate::narrate::WIDTH), "{page}");
}

#[test]
fn a_range_without_the_accident_is_no_league() {
    let (scenario, folder) = (monzo(), folder());
    let store = Store::open(&folder, &scenario, "build").expect("a store");
    let runs = Runs::new(store, stand_in, 2, &Silent);
    let policies = policy::built_in(&scenario);
    let error = league(&runs, &scenario.defaults(), &policies, 2..5).expect_err("no seed");
    assert!(error.starts_with("with none of the 3 seeds"), "{error}");
    std::fs::remove_dir_all(&folder).expect("the folder");
}

#[test]
fn every_step_of_the_responders_is_done_otherwise_in_all_four_ways() {
    let source = scenario::source("monzo-2017").expect("the built-in text");
    let scenario = monzo();
    let found = variants(&source, &scenario, &scenario.defaults());
    let of = |factor: &str, unsafely: Unsafe| {
        found.iter().filter(|one| one.factor == factor && one.unsafely == unsafely).count()
    };
    for factor in ["ledger-rollback", "mesh-restart", "apiserver-restart", "delete-empty-service"] {
        assert_eq!(of(factor, Unsafe::NotDone), 1, "{factor}");
        assert!(of(factor, Unsafe::WrongTime) >= 1, "{factor}");
    }
    assert_eq!(of("ledger-rollback", Unsafe::WrongTarget), 1);
    assert_eq!(of("mesh-restart", Unsafe::WrongTarget), 1);
    assert_eq!(of("mesh-restart", Unsafe::WrongLength), 3);
    assert_eq!(of("apiserver-restart", Unsafe::WrongTarget), 1);
    let texts = found.iter().filter_map(|one| one.changed.as_ref());
    for (source, changed) in texts {
        assert_ne!(changed.hash, scenario.hash);
        let factors = source.parse().expect("a right file").factors;
        assert_eq!(factors.len(), scenario.factors.len());
    }
}
