//! A world with a known structure: what is asked of it must find that structure.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;

use super::super::runs::{Runs, Silent, Store};
use super::windows::Search;
use super::*;
use crate::outcome::{Event, Severity, StepOutcome, sample};
use crate::scenario::{self, Decision};
use crate::{Outcome, Request, world};

/// Partial with the deploy, which is what makes people restart the mesh; total with a restart of the
/// mesh that cannot read nulls, once the apiservers have been restarted before 15:00 (after which a
/// restart of the mesh comes too late to matter).
fn stand_in(request: &Request) -> Result<Outcome, world::Error> {
    let (scenario, settings) = (&request.scenario, &request.settings);
    let mut outcome = sample::outcome(request);
    let broken = settings.level("ledger-deploy") == "on";
    let blind = settings.level("linkerd") == "0.9.1" && settings.level("empty-service") == "on";
    let mut restarted = None;
    let mut text = format!("{blind}");
    for act in &scenario.acts {
        for (index, step) in act.steps.iter().enumerate() {
            let at = act.starts.after(scenario.at(act, step, settings));
            let due = scenario.calendar.offset_of(at);
            let sees = step.symptom.is_some() && broken;
            let taken = match step.decision(settings) {
                Decision::Always => true,
                Decision::IfSeen => sees,
                Decision::Never => false,
            };
            if taken && step.factor.as_deref() == Some("mesh-restart") {
                restarted = Some(due);
            }
            text += &format!(" {due} {index} {taken}");
            outcome.steps.push(StepOutcome {
                act: act.name.clone(),
                index,
                due,
                actor: step.actor.clone(),
                action: step.action.name().to_owned(),
                factor: step.factor.clone(),
                seen: if sees { vec!["a sign".to_owned()] } else { Vec::new() },
                taken,
                ..StepOutcome::default()
            });
        }
    }
    let early = restarted.is_some_and(|at| at < 50.0 * 60.0);
    outcome.severity = match () {
        () if blind && early => Severity::Total,
        () if broken => Severity::Partial,
        () => Severity::Ok,
    };
    outcome.digest = format!("{:032x}", xxhash_rust::xxh3::xxh3_128(text.as_bytes()));
    outcome.trail = text.bytes().map(u16::from).collect();
    outcome.diverged = request.against.as_ref().and_then(|other| {
        let index = crate::outcome::trail::first_difference(&outcome.trail, other)?;
        Some(Event { index, at: index as f64, text: "another step".to_owned(), ..Event::default() })
    });
    Ok(outcome)
}

fn folder() -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("anatomy-explain-{}-{number}", std::process::id()))
}

pub(crate) fn explained(plan: impl FnOnce(&mut Plan)) -> Explanation {
    let scenario = Arc::new(scenario::find("monzo-2017").expect("the built-in scenario"));
    let folder = folder();
    let store = Store::open(&folder, &scenario, "build").expect("a store");
    let runs = Runs::new(store, stand_in, 2, &Silent);
    let settings = scenario.defaults();
    let mut wanted = Plan { settings, seed: 90, target: None, pairs: 0, timing: false };
    plan(&mut wanted);
    let explanation = explain(&runs, &wanted).expect("an explanation");
    std::fs::remove_dir_all(&folder).expect("the folder");
    explanation
}

#[test]
fn what_would_have_averted_it_is_found_one_factor_at_a_time() {
    let explanation = explained(|_| {});
    assert_eq!((explanation.severity, explanation.reaches), (Severity::Total, true));
    let averts = explanation.but_for.iter().filter(|one| !one.reaches);
    let averts: Vec<_> = averts.map(|one| (one.factor.as_str(), one.severity)).collect();
    assert_eq!(
        averts,
        [
            ("empty-service", Severity::Partial),
            ("linkerd", Severity::Partial),
            ("ledger-deploy", Severity::Ok),
            ("mesh-restart", Severity::Partial),
        ]
    );
    let same = explanation.but_for.iter().filter(|one| one.is_the_same());
    let same: Vec<_> = same.map(|one| one.factor.as_str()).collect();
    assert_eq!(same, ["etcd-client", "leader-lock", "kubernetes", "standin"]);
}

#[test]
fn an_effect_that_goes_through_peoples_hands_is_told_apart_from_a_direct_one() {
    let explanation = explained(|_| {});
    let mediated: Vec<_> = explanation
        .but_for
        .iter()
        .filter(|one| one.is_mediated(explanation.reaches))
        .map(|one| one.factor.as_str())
        .collect();
    // Without the deploy nobody would have restarted the mesh, and that alone averts it.
    assert_eq!(mediated, ["ledger-deploy"]);
}

#[test]
fn the_windows_of_the_steps_are_found() {
    let explanation = explained(|plan| plan.timing = true);
    let window = |factor: &str| {
        explanation.windows.iter().find(|one| one.factor == factor).expect("a window")
    };
    let mesh = window("mesh-restart");
    assert_eq!((mesh.taken, mesh.not_yet), (16 * 60, None));
    assert!((2880..3000).contains(&mesh.latest) && mesh.no_more.is_some_and(|at| at >= 3000));
    assert_eq!(mesh.holes, [0; 0]);
    let deploy = window("ledger-deploy");
    assert_eq!((deploy.not_yet, deploy.no_more), (None, None), "its time does not matter");
}

#[test]
fn an_order_that_matters_is_found() {
    let explanation = explained(|plan| plan.timing = true);
    let swaps: Vec<_> = explanation
        .order
        .iter()
        .map(|swap| (swap.first.as_str(), swap.second.as_str(), swap.reaches))
        .collect();
    assert_eq!(
        swaps,
        [
            ("ledger-deploy", "ledger-rollback", true),
            ("ledger-rollback", "mesh-restart", true),
            ("mesh-restart", "apiserver-restart", true),
            ("apiserver-restart", "delete-empty-service", true),
        ]
    );
}

#[test]
fn necessity_and_sufficiency_are_counted_over_pairs_of_seeds() {
    let explanation = explained(|plan| plan.pairs = 4);
    let of = |factor: &str| {
        let one = explanation.necessity.iter().find(|one| one.factor == factor).expect("a factor");
        (one.necessity.hits, one.necessity.runs, one.sufficiency.hits, one.sufficiency.runs)
    };
    assert_eq!(of("linkerd"), (4, 4, 4, 4));
    assert_eq!(of("etcd-client"), (0, 4, 0, 0));
    assert_eq!(of("ledger-deploy"), (4, 4, 4, 4));
}

#[test]
fn a_run_that_is_not_that_bad_is_explained_all_the_same() {
    let explanation = explained(|plan| plan.target = Some(Severity::DataLoss));
    assert!(!explanation.reaches);
    assert!(explanation.but_for.iter().all(|one| !one.reaches));
}

proptest! {
    #[test]
    fn both_ends_of_a_window_are_found_in_a_few_steps(
        open in 0i64..4000,
        length in 0i64..3000,
        inside in 0.0..=1.0f64,
    ) {
        let (start, end) = (-180, 5000);
        let (from, to) = (open, open + length);
        let taken = (from + (length as f64 * inside) as i64).min(end);
        let mut search = Search::new(start, taken, end);
        let mut rounds = 0;
        loop {
            let times = search.next();
            if times.is_empty() {
                break;
            }
            prop_assert!(times.iter().all(|time| (start..=end).contains(time)));
            let tried: Vec<_> = times.iter().map(|t| (*t, (from..=to).contains(t))).collect();
            search.tell(&tried);
            rounds += 1;
            prop_assert!(rounds < 12, "it does not end");
        }
        let window = search.window("f");
        prop_assert!((from..=to).contains(&window.earliest) && (from..=to).contains(&window.latest));
        prop_assert!(window.not_yet.is_none_or(|at| at < from && window.earliest - at <= 120));
        prop_assert!(window.no_more.is_none_or(|at| at > to && at - window.latest <= 120));
        prop_assert!(window.not_yet.is_some() || from <= start);
        prop_assert!(window.holes.is_empty());
    }
}

#[test]
fn a_window_with_a_hole_is_said_to_have_one() {
    let mut search = Search::new(0, 600, 6000);
    while let times @ [_, ..] = &search.next()[..] {
        let tried: Vec<_> = times.iter().map(|t| (*t, !(2000..4000).contains(t))).collect();
        search.tell(&tried);
    }
    assert_eq!(search.window("f").holes, [2000, 3000]);
}
