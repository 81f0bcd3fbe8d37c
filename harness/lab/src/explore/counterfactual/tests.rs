//! A world with a known structure: what is asked of it must find that structure.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;

use super::super::runs::{Row, Runs, Silent, Store};
use super::windows::Search;
use super::*;
use crate::outcome::{Event, Severity, StepOutcome, sample};
use crate::scenario::{self, Decision};
use crate::sweep::Key;
use crate::{Outcome, Request, Runner, world};

/// Partial with the deploy, which is what makes people restart the mesh; total with a restart of the
/// mesh that cannot read nulls before 15:00 (after which it comes too late to matter).
fn stand_in(request: &Request) -> Result<Outcome, world::Error> {
    played(request, |mesh, _| mesh < 50.0 * 60.0)
}

/// The same, but the restart of the mesh does harm only while the apiservers have not been restarted.
fn stand_in_with_an_order(request: &Request) -> Result<Outcome, world::Error> {
    played(request, |mesh, apiservers| apiservers.is_none_or(|at| mesh < at))
}

/// A world in which a restart of the mesh that cannot read nulls is total where `harms` says so of the
/// seconds at which the mesh and, if at all, the apiservers are restarted.
fn played(request: &Request, harms: fn(f64, Option<f64>) -> bool) -> Result<Outcome, world::Error> {
    let (scenario, settings) = (&request.scenario, &request.settings);
    let mut outcome = sample::outcome(request);
    let broken = settings.level("ledger-deploy") == "on";
    let blind = settings.level("linkerd") == "0.9.1" && settings.level("empty-service") == "on";
    let (mut mesh, mut apiservers) = (None, None);
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
            match step.factor.as_deref().filter(|_| taken) {
                Some("mesh-restart") => mesh = Some(due),
                Some("apiserver-restart") => apiservers = Some(due),
                _ => {}
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
    outcome.severity = match mesh {
        Some(mesh) if blind && harms(mesh, apiservers) => Severity::Total,
        _ if broken => Severity::Partial,
        _ => Severity::Ok,
    };
    outcome.digest = format!("{:032x}", xxhash_rust::xxh3::xxh3_128(text.as_bytes()));
    outcome.trail = text.bytes().map(u16::from).collect();
    outcome.diverged = request.against.as_ref().and_then(|other| {
        let index = crate::outcome::trail::first_difference(&outcome.trail, other)?;
        Some(Event { index, at: index as f64, text: "another step".to_owned(), ..Event::default() })
    });
    Ok(outcome)
}

fn monzo() -> Arc<scenario::Scenario> {
    Arc::new(scenario::find("monzo-2017").expect("the built-in scenario"))
}

fn folder() -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("anatomy-explain-{}-{number}", std::process::id()))
}

pub(crate) fn explained(plan: impl FnOnce(&mut Plan)) -> Explanation {
    explained_in(stand_in, plan)
}

fn explained_in(world: Runner, plan: impl FnOnce(&mut Plan)) -> Explanation {
    explained_of(monzo(), world, plan)
}

fn explained_of(
    scenario: Arc<scenario::Scenario>,
    world: Runner,
    plan: impl FnOnce(&mut Plan),
) -> Explanation {
    let folder = folder();
    let store = Store::open(&folder, &scenario, "build").expect("a store");
    let runs = Runs::new(store, world, 2, &Silent);
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

/// The pairs of steps that change places, what it comes to then, and whether their order matters.
fn swaps(explanation: &Explanation) -> Vec<(&str, &str, Severity, bool)> {
    let all = explanation.order.iter();
    all.map(|swap| (&*swap.first, &*swap.second, swap.severity, swap.matters())).collect()
}

#[test]
fn steps_whose_order_does_not_matter_are_not_said_to_have_one() {
    let explanation = explained(|_| {});
    let pairs = [
        ("ledger-deploy", "ledger-rollback", Severity::Total, false),
        ("ledger-rollback", "mesh-restart", Severity::Total, false),
        ("mesh-restart", "apiserver-restart", Severity::Total, false),
        ("apiserver-restart", "delete-empty-service", Severity::Total, false),
    ];
    assert_eq!(swaps(&explanation), pairs);
}

#[test]
fn an_order_that_matters_is_found() {
    let explanation = explained_in(stand_in_with_an_order, |_| {});
    let pairs = [
        ("ledger-deploy", "ledger-rollback", Severity::Total, false),
        ("ledger-rollback", "mesh-restart", Severity::Total, false),
        ("mesh-restart", "apiserver-restart", Severity::Partial, true),
        ("apiserver-restart", "delete-empty-service", Severity::Total, false),
    ];
    assert_eq!(swaps(&explanation), pairs);
    let page = crate::narrate::explained(&monzo(), &explanation);
    let page = anstream::adapter::strip_str(&page).to_string();
    let said: Vec<&str> = page.lines().filter(|line| line.contains("order matters")).collect();
    assert_eq!(said.len(), 1, "{page}");
    assert!(said[0].trim_start().starts_with("apiserver-restart"), "{page}");
}

#[test]
fn steps_of_one_moment_and_those_that_were_taken_in_part_do_not_change_places() {
    let scenario = scenario::find("zone-loss-9").expect("it is built in");
    let row = |given: &[&str], late: bool| {
        let mut settings = scenario.defaults();
        given.iter().for_each(|given| settings.set(&scenario, given).expect("a level"));
        let request = Request::new(Arc::new(scenario.clone()), settings, 9);
        let mut outcome = played(&request, |_, _| false).expect("an outcome");
        let human = |step: &StepOutcome| step.factor.as_deref() == Some("remove-silent");
        if let Some(step) = outcome.steps.iter_mut().rfind(|step| human(step)) {
            step.taken = !late;
        }
        Row::of(&scenario, Key::of(&request, "build"), &outcome, None)
    };
    let moved = |row: &Row| -> Vec<(String, f64)> {
        order::timed(&scenario, row).iter().map(|t| (t.factor.name.clone(), t.due)).collect()
    };
    let all = moved(&row(&["remove-silent=forced", "replace-silent=forced"], false));
    let human: Vec<_> = all.iter().filter(|(name, _)| name.ends_with("-silent")).collect();
    assert_eq!(human.iter().map(|(_, due)| *due).collect::<Vec<_>>(), [50.0, 50.0]);
    let part = moved(&row(&["remove-silent=forced"], true));
    assert!(part.iter().all(|(name, _)| name != "remove-silent"), "{part:?}");
    assert!(part.iter().any(|(name, _)| name == "zone-loss"), "{part:?}");
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
fn what_the_scenario_forbids_is_neither_played_nor_answered_and_that_is_said() {
    fn allowed(request: &Request) -> Result<Outcome, world::Error> {
        match request.scenario.forbidden(&request.settings) {
            None => stand_in(request),
            Some(constraint) => Err(world::Error::Unbuildable(constraint.to_string())),
        }
    }
    let mut source = scenario::source("monzo-2017").expect("the built-in text");
    for forbid in [
        "{ etcd-upgrade = \"off\", etcd-resize = \"on\" }",
        "{ mesh-restart = \"forced\", kubernetes = \"1.7\" }",
    ] {
        source.text += &format!("\n[[constraint]]\nforbid = {forbid}\n");
    }
    let scenario = Arc::new(source.parse().expect("it is right"));
    let thorough = |plan: &mut Plan| (plan.pairs, plan.timing) = (2, true);
    let explanation = explained_of(scenario.clone(), allowed, thorough);
    assert!(explanation.but_for.iter().all(|one| one.factor != "etcd-upgrade"));
    assert!(explanation.necessity.iter().all(|one| one.factor != "etcd-upgrade"));
    // Where kubernetes is another one, or the mesh is not restarted at all, nothing is forbidden.
    let held = explanation.but_for.iter().filter(|one| one.held.is_some());
    let held: Vec<&str> = held.map(|one| one.factor.as_str()).collect();
    assert_eq!(held, ["kubernetes", "mesh-restart"]);
    let swapped: Vec<_> = explanation.order.iter().map(|s| (&*s.first, &*s.second)).collect();
    let pairs =
        [("ledger-deploy", "ledger-rollback"), ("apiserver-restart", "delete-empty-service")];
    assert_eq!(swapped, pairs);
    assert!(explanation.windows.iter().all(|one| one.factor != "mesh-restart"));
    let forced = "kubernetes=1.7 and mesh-restart=forced together";
    for told in [
        "etcd-upgrade=off: etcd-resize=on and etcd-upgrade=off together",
        &format!("mesh-restart before ledger-rollback: {forced}"),
        &format!("apiserver-restart before mesh-restart: {forced}"),
        &format!("mesh-restart at another time: {forced}"),
        &format!("standin=off with people held to what they did: {forced}"),
    ] {
        let left_out = &explanation.left_out;
        assert!(left_out.iter().any(|one| one == told), "{told} in {left_out:?}");
    }
    let page = crate::narrate::explained(&scenario, &explanation);
    assert!(page.contains("Not asked, because the scenario forbids it"), "{page}");
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
