//! Troubles that are known to break a world: the hunt must find them, and nothing around them.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::outcome::{Severity, sample};
use crate::scenario::{self, Action, Kind};
use crate::{Outcome, Request, Scenario, world};

/// The built-in scenarios in which nothing happens.
const HEALTHY: [&str; 2] = ["ordinary-day", "quiet-etcd"];

/// The bank on a day on which nobody does anything.
fn plan() -> Plan {
    over("ordinary-day")
}

fn over(name: &str) -> Plan {
    let source = scenario::source(name).expect("the built-in scenario");
    let scenario = Arc::new(source.parse().expect("it is right"));
    let settings = Scenario::defaults(&scenario);
    Plan { source, scenario, settings, target: Severity::Partial, budget: 300 }
}

/// Total once the mesh is restarted after some service was scaled to nothing, unless the empty Service is
/// deleted in between; partial after both an etcd upgrade and, behind it, a restart and a deploy.
fn stand_in(request: &Request) -> Result<Outcome, world::Error> {
    let mut outcome = sample::outcome(request);
    let (mut empty, mut upgraded, mut restarted) = (false, false, false);
    outcome.severity = Severity::Ok;
    for step in &request.scenario.main_act().steps {
        match &step.action {
            Action::Scale { replicas: 0, .. } => empty = true,
            Action::DeleteEmptyServices => empty = false,
            Action::RestartMesh { .. } if empty => outcome.severity = Severity::Total,
            Action::EtcdUpgrade { .. } => upgraded = true,
            Action::EtcdRollingRestart => restarted |= upgraded,
            Action::Deploy { .. } if restarted => {
                outcome.severity = outcome.severity.max(Severity::Partial);
            }
            _ => {}
        }
    }
    outcome.violations.clear();
    Ok(outcome)
}

#[test]
fn planted_troubles_are_found_and_shrunk_to_the_fewest() {
    let plan = plan();
    assert_eq!(healthy(&plan, 0, stand_in), Ok(()));
    let (mut two, mut three) = (0, 0);
    for seed in 0..120 {
        let search = hunt(&plan, seed, stand_in).expect("it can be played");
        let Some(found) = search.found else { continue };
        assert!(found.minimal && search.runs <= 300, "{:?}", found.kinds());
        match found.kinds()[..] {
            ["mesh restart", "withdrawn service"] => two += 1,
            ["deploy", "etcd restart", "etcd upgrade"] => three += 1,
            ref other => panic!("nobody planted {other:?}"),
        }
        // What is found is a scenario that breaks by itself.
        let source = scenario::Source { text: found.text.clone(), ..plan.source.clone() };
        let scenario = Arc::new(source.parse().expect("a right scenario"));
        let again = Plan { source, scenario, ..plan.clone() };
        assert!(healthy(&again, seed, stand_in).is_err());
    }
    assert!(two >= 5 && three >= 1, "{two} and {three}");
}

#[test]
fn a_scenario_that_is_broken_by_itself_is_not_hunted() {
    fn broken(request: &Request) -> Result<Outcome, world::Error> {
        Ok(sample::outcome(request))
    }
    let error = healthy(&plan(), 0, broken).expect_err("the sample is the real day");
    assert!(error.starts_with("by itself"), "{error}");
}

#[test]
fn a_schedule_is_a_function_of_its_seed_and_swarms_differ() {
    for name in HEALTHY {
        let plan = over(name);
        let draw = |seed| Schedule::draw(&plan.scenario, seed);
        assert_eq!(draw(7), draw(7));
        let kinds = |seed| -> std::collections::BTreeSet<String> {
            draw(seed).troubles.into_iter().map(|one| one.kind).collect()
        };
        let all: std::collections::BTreeSet<_> = (0..60).flat_map(kinds).collect();
        assert_eq!(all.len(), kinds::of(&plan.scenario).len(), "every kind is drawn by some seed");
        assert!((0..60).any(|seed| kinds(seed).len() <= 2), "and some seeds draw few kinds");
    }
}

#[test]
fn a_scenario_with_people_in_it_keeps_their_steps() {
    let source = scenario::source("monzo-2017").expect("the built-in text");
    let before = source.parse().expect("it is right");
    let schedule = Schedule::draw(&before, 3);
    let (_, after) = schedule.onto(&source, &before).expect("a right scenario");
    let human =
        |scenario: &Scenario| scenario.factors.iter().filter(|f| f.kind == Kind::Human).count();
    assert_eq!(human(&before), human(&after));
    let (was, is) = (before.main_act().steps.len(), after.main_act().steps.len());
    assert_eq!(is, was + schedule.troubles.iter().map(|one| one.steps.len()).sum::<usize>());
    for act in 0..3 {
        assert_eq!(before.acts[act].steps, after.acts[act].steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_is_drawn_and_left_out_it_is_a_scenario(
        seed in any::<u64>(), keep in any::<u16>(), which in 0..HEALTHY.len()
    ) {
        let plan = over(HEALTHY[which]);
        let schedule = Schedule::draw(&plan.scenario, seed);
        let some = schedule.only((0..schedule.troubles.len()).filter(|n| keep >> (n % 16) & 1 == 1));
        let (source, scenario) = some.onto(&plan.source, &plan.scenario).expect("a right scenario");
        let steps: usize = some.troubles.iter().map(|one| one.steps.len()).sum();
        prop_assert_eq!(scenario.main_act().steps.len(), steps);
        prop_assert!(scenario.main_act().steps.is_sorted_by_key(|step| step.at));
        prop_assert_eq!(source.parse().expect("the same").hash, scenario.hash);
    }
}
