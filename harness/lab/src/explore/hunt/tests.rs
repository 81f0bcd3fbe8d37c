//! Troubles that are known to break a world: the hunt must find them, and nothing around them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;

use super::*;
use crate::explore::runs::{Count, Runs, Store};
use crate::outcome::{Severity, Violation, sample};
use crate::scenario::{self, Action, Kind};
use crate::{Outcome, Request, Runner, Scenario, world};

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
/// deleted in between; partial after both an etcd upgrade and, behind it, a restart and a deploy of what
/// was there before. What befalls machines changes nothing.
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
            Action::Deploy { service, .. } if restarted && service != "trial" => {
                outcome.severity = outcome.severity.max(Severity::Partial);
            }
            _ => {}
        }
    }
    outcome.violations.clear();
    Ok(outcome)
}

/// A place for runs, which are counted.
struct Kept {
    folder: PathBuf,
    count: Count,
}

impl Kept {
    fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("anatomy-hunt-{}-{number}", std::process::id());
        Kept { folder: std::env::temp_dir().join(name), count: Count::default() }
    }

    fn runs(&self, folder: &Path, scenario: &Arc<Scenario>, runner: Runner) -> Runs<'_> {
        let store = Store::open(folder, scenario, "build").expect("a store");
        Runs::new(store, runner, 1, &self.count)
    }

    fn healthy(&self, plan: &Plan, seed: u64, runner: Runner) -> Result<(), String> {
        healthy(plan, seed, &self.runs(&self.folder, &plan.scenario, runner))
    }

    fn hunt(&self, plan: &Plan, seed: u64, runner: Runner) -> Result<Search, String> {
        hunt(plan, seed, &|changed: &Arc<Scenario>, seed: u64| {
            Ok(self.runs(&self.folder.join(seed.to_string()), changed, runner))
        })
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn planted_troubles_are_found_and_shrunk_to_the_fewest() {
    let (plan, kept) = (plan(), Kept::new());
    assert_eq!(kept.healthy(&plan, 0, stand_in), Ok(()));
    let (mut two, mut three) = (0, 0);
    for seed in 0..120 {
        let search = kept.hunt(&plan, seed, stand_in).expect("it can be played");
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
        assert!(kept.healthy(&again, seed, stand_in).is_err());
    }
    assert!(two >= 5 && three >= 1, "{two} and {three}");
}

#[test]
fn a_scenario_that_is_broken_by_itself_is_not_hunted() {
    fn broken(request: &Request) -> Result<Outcome, world::Error> {
        Ok(sample::outcome(request))
    }
    let error = Kept::new().healthy(&plan(), 0, broken).expect_err("the sample is the real day");
    assert!(error.starts_with("by itself"), "{error}");
}

/// A seed with which [`stand_in`] breaks, and what is found.
fn broken(plan: &Plan, kept: &Kept) -> (u64, Search) {
    let search = |seed| (seed, kept.hunt(plan, seed, stand_in).expect("it can be played"));
    let found = (0..120).map(search).find(|(_, search)| search.found.is_some());
    found.expect("one of so many breaks")
}

#[test]
fn a_hunt_that_was_made_plays_nothing_again_and_says_the_same() {
    let (plan, kept) = (plan(), Kept::new());
    let (seed, search) = broken(&plan, &kept);
    let played = kept.count.played();
    assert!(played > 1 && search.runs > 1, "it was shrunk");
    let nobody: Runner = |_| Err(world::Error::Unbuildable("nobody plays".to_owned()));
    assert_eq!(kept.hunt(&plan, seed, nobody), Ok(search.clone()));
    // A smaller budget asks for some of the same runs.
    let less = Plan { budget: 3, ..plan };
    assert!(kept.hunt(&less, seed, nobody).expect("all is known").runs <= search.runs);
    assert_eq!(kept.count.played(), played);
}

#[test]
fn a_hunt_that_was_stopped_goes_on_in_the_middle_of_a_seed() {
    let (plan, kept) = (plan(), Kept::new());
    let (seed, search) = broken(&plan, &kept);
    let whole = Kept::new();
    assert_eq!(whole.hunt(&plan, seed, stand_in), Ok(search.clone()));
    assert!(whole.count.played() > 3, "there is a middle");
    let stopped = Kept::new();
    let some = hunt(&plan, seed, &|changed: &Arc<Scenario>, seed: u64| {
        if stopped.count.played() >= 3 {
            return Err("killed".to_owned());
        }
        Ok(stopped.runs(&stopped.folder.join(seed.to_string()), changed, stand_in))
    });
    assert_eq!((some, stopped.count.played()), (Err("killed".to_owned()), 3));
    assert_eq!(stopped.hunt(&plan, seed, stand_in), Ok(search));
    assert_eq!(stopped.count.played(), whole.count.played(), "what it had was not played again");
}

#[test]
fn without_a_budget_what_broke_is_told_as_it_was_drawn() {
    let kept = Kept::new();
    let (seed, _) = broken(&plan(), &kept);
    let search = kept.hunt(&Plan { budget: 0, ..plan() }, seed, stand_in).expect("it is played");
    let found = search.found.expect("it breaks");
    assert_eq!((found.troubles.len(), found.minimal, search.runs), (search.drawn, false, 1));
}

#[test]
fn a_violated_oracle_is_found_whatever_the_severity() {
    let violated: Runner = |request| {
        let mut outcome = stand_in(request)?;
        outcome.severity = Severity::Ok;
        let restarts = |step: &scenario::Step| matches!(step.action, Action::RestartMesh { .. });
        if request.scenario.main_act().steps.iter().any(restarts) {
            let oracle = "watch".to_owned();
            outcome.violations.push(Violation { oracle, ..Violation::default() });
        }
        Ok(outcome)
    };
    let (plan, kept) = (plan(), Kept::new());
    let found =
        (0..20).find_map(|seed| kept.hunt(&plan, seed, violated).expect("it is played").found);
    let found = found.expect("a restart is drawn");
    assert_eq!(found.broken, Broken::Oracles(["watch".to_owned()].into()));
    assert_eq!(found.kinds(), ["mesh restart"]);
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
        assert!((0..60).any(|seed| kinds(seed).len() <= 3), "and some seeds draw few kinds");
    }
}

#[test]
fn every_machine_of_a_bank_may_be_meant_and_of_etcd_alone_every_member() {
    type Names = std::collections::BTreeSet<String>;
    let whom = |name: &str| -> Names {
        let plan = over(name);
        let draw = |seed| Schedule::draw(&plan.scenario, seed).troubles;
        let steps = (0..200).flat_map(draw).flat_map(|trouble| trouble.steps);
        let on = |(_, step): (f64, toml::Table)| step.get("on")?.as_str().map(str::to_owned);
        steps.filter_map(on).collect()
    };
    let some =
        |kind: &str, count: u32| -> Names { (1..=count).map(|n| format!("{kind}{n}")).collect() };
    assert_eq!(whom("quiet-etcd"), some("member ", 5));
    // A bank's disks are those of members: nobody else keeps anything on one.
    let all = [some("etcd-", 3), some("master-", 3), some("node-", 6), some("member ", 3)];
    assert_eq!(whom("ordinary-day"), all.into_iter().flatten().collect::<Names>());
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
