//! The store and what it saves, with a stand-in for the world whose runs are made of the settings.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;

use super::*;
use crate::outcome::{Severity, StepOutcome, sample};
use crate::scenario::{self, Decision, End, Setting, Step};
use crate::{Outcome, Request, Scenario, Settings, world};

fn monzo() -> Arc<Scenario> {
    Arc::new(scenario::find("monzo-2017").expect("the built-in scenario"))
}

fn folder() -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("anatomy-runs-{}-{number}", std::process::id()))
}

fn with(given: &[&str]) -> Settings {
    let scenario = monzo();
    let mut settings = scenario.defaults();
    given.iter().for_each(|given| settings.set(&scenario, given).expect("a setting"));
    settings
}

/// What people see at each step of the main act depends on the seed alone.
fn sees(seed: u64, index: usize) -> bool {
    seed >> index & 1 == 1
}

/// How long after its time a step is decided, in seconds, and whether its symptom is seen by then: they
/// may look once more a minute later.
fn decided(step: &Step, settings: &Settings, seed: u64, index: usize) -> (f64, bool) {
    let seen = step.symptom.is_some() && sees(seed, index);
    if step.symptom.is_none() || step.decision(settings) == Decision::Always {
        return (0.0, seen);
    }
    let again = settings.number("look-again");
    match !seen && again > 0.0 && sees(seed, index + 1) {
        true => (settings.number("reaction") + again, true),
        false => (settings.number("reaction"), seen),
    }
}

/// What a world with nothing but steps would do: the deeds, each at its time, told in the order of
/// time. A run that has a goal ends an hour early.
fn deeds(scenario: &Scenario, settings: &Settings, seed: u64, end: f64) -> Vec<(f64, String)> {
    let mut deeds = Vec::new();
    for act in &scenario.acts {
        for (index, step) in act.steps.iter().enumerate() {
            let due =
                scenario.calendar.offset_of(act.starts.after(scenario.at(act, step, settings)));
            let (waited, seen) = decided(step, settings, seed, index);
            let does = match step.decision(settings) {
                Decision::Always => true,
                Decision::IfSeen => seen,
                Decision::Never => false,
            };
            if due <= end {
                let due = due + waited;
                let manner = step.manner(settings);
                let deed = if does { format!("does it, {manner:?}") } else { "nothing".to_owned() };
                deeds.push((due, format!("{}/{index} sees {seen}: {deed}", act.name)));
            }
        }
    }
    deeds.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    deeds
}

fn stand_in(request: &Request) -> Result<Outcome, world::Error> {
    let (scenario, settings, seed) = (&request.scenario, &request.settings, request.seed);
    let mut outcome = sample::outcome(request);
    let last = scenario.acts.last().expect("acts");
    let End::At(ends) = last.end else { panic!("the last act has an end") };
    let goal = request.goal.filter(|goal| *goal <= outcome.severity);
    let mut end = scenario.calendar.offset_of(ends);
    if goal.is_some() {
        (end, outcome.stopped_at) = (end - 3600.0, goal);
    }
    outcome.acts.clear();
    for act in &scenario.acts {
        let start = scenario.calendar.offset_of(act.starts);
        let over = if act.name == last.name { end } else { start + 1000.0 };
        outcome.acts.push(crate::outcome::ActSpan { name: act.name.clone(), start, end: over });
        for (index, step) in act.steps.iter().enumerate() {
            let due =
                scenario.calendar.offset_of(act.starts.after(scenario.at(act, step, settings)));
            if due > end {
                continue;
            }
            let (waited, seen) = decided(step, settings, seed, index);
            outcome.steps.push(StepOutcome {
                act: act.name.clone(),
                index,
                due,
                waited,
                factor: step.factor.clone(),
                seen: if seen { vec!["a sign".to_owned()] } else { Vec::new() },
                ..StepOutcome::default()
            });
        }
        if request.until.as_ref() == Some(&act.name) {
            end = over;
            break;
        }
    }
    let asked_for =
        |(name, _): &(&str, &Setting)| ["linkerd", "reaction", "look-again"].contains(name);
    let versions = format!("{:?}", settings.iter().filter(asked_for).collect::<Vec<_>>());
    let text = format!("{versions}{:?}", deeds(scenario, settings, seed, end));
    outcome.digest = format!("{:032x}", xxhash_rust::xxh3::xxh3_128(text.as_bytes()));
    outcome.pools.retain(|_| seed % 7 == 6);
    Ok(outcome)
}

fn runs(folder: &std::path::Path) -> Runs<'static> {
    let store = Store::open(folder, &monzo(), "build").expect("a store");
    Runs::new(store, stand_in, 1, &Silent)
}

fn ask(given: &[&str], seed: u64, question: Question) -> Ask {
    Ask::new(with(given), seed, question)
}

#[test]
fn a_question_is_played_once_and_never_again() {
    let folder = folder();
    let first = runs(&folder);
    let asks = [ask(&[], 3, Question::Whole), ask(&["linkerd=1.0.0"], 3, Question::Whole)];
    let rows = first.answer("", &asks).expect("rows");
    assert_eq!(first.tally().played, 2);
    let again = first.answer("", &asks).expect("rows");
    assert_eq!((rows.clone(), first.tally().played), (again, 2));
    drop(first);
    let later = runs(&folder);
    let kept = later.answer("", &asks).expect("rows");
    assert_eq!(later.tally().played, 0, "the file has them");
    assert_eq!(
        kept.iter().map(|row| &row.digest).collect::<Vec<_>>(),
        [&rows[0].digest, &rows[1].digest]
    );
    assert!(kept[1].replay.contains("--seed 3") && kept[1].replay.contains("linkerd=1.0.0"));
    std::fs::remove_dir_all(&folder).expect("the folder");
}

#[test]
fn a_store_whose_last_line_is_torn_goes_on_behind_the_one_before() {
    let folder = folder();
    let asks: Vec<Ask> = (0..3).map(|seed| ask(&[], seed, Question::Whole)).collect();
    runs(&folder).answer("", &asks).expect("rows");
    let file = std::fs::read_dir(&folder).expect("a folder").next().expect("a file");
    let path = file.expect("a file").path();
    let text = std::fs::read_to_string(&path).expect("text");
    std::fs::write(&path, &text[..text.len() - 100]).expect("room");
    let later = runs(&folder);
    later.answer("", &asks).expect("rows");
    assert_eq!(later.tally().played, 1);
    assert_eq!(std::fs::read_to_string(&path).expect("text").lines().count(), 3);
    std::fs::remove_dir_all(&folder).expect("the folder");
}

#[test]
fn two_programs_do_not_write_to_one_store() {
    let folder = folder();
    let first = runs(&folder);
    let error = Store::open(&folder, &monzo(), "build").err().expect("it is in use");
    assert!(error.to_string().contains("another analysis is writing there"), "{error}");
    drop(first);
    assert!(Store::open(&folder, &monzo(), "build").is_ok());
    std::fs::remove_dir_all(&folder).expect("the folder");
}

#[test]
fn another_program_or_text_begins_a_new_file() {
    let folder = folder();
    runs(&folder).answer("", &[ask(&[], 1, Question::Whole)]).expect("a row");
    let other = Store::open(&folder, &monzo(), "another build").expect("a store");
    assert_eq!(other.rows().len(), 0);
    std::fs::remove_dir_all(&folder).expect("the folder");
}

#[test]
fn a_whole_run_answers_a_question_about_its_part_and_not_the_other_way_round() {
    let folder = folder();
    let runs = runs(&folder);
    let answer = |question: Question| {
        let before = runs.tally().played;
        let row = runs.answer("", &[ask(&[], 5, question)]).expect("a row").remove(0);
        (row.stopped_at, runs.tally().played - before)
    };
    assert_eq!(answer(Question::Reaches(Severity::Partial)), (Some(Severity::Partial), 1));
    assert_eq!(answer(Question::Reaches(Severity::Total)), (Some(Severity::Total), 1));
    assert_eq!(answer(Question::Reaches(Severity::Partial)).1, 0);
    assert_eq!(answer(Question::After("morning".to_owned())).1, 0, "it came past that");
    assert_eq!(answer(Question::After("outage".to_owned())), (None, 1), "it stopped within that");
    assert_eq!(answer(Question::Whole), (None, 1));
    assert_eq!(answer(Question::Reaches(Severity::DataLoss)), (None, 0));
    std::fs::remove_dir_all(&folder).expect("the folder");
}

#[test]
fn a_run_answers_for_settings_that_made_no_difference_to_it() {
    let folder = folder();
    let runs = runs(&folder);
    // Nobody sees anything with seed 0, everybody everything with the last.
    let blind = ["mesh-restart=off", "apiserver-restart=off", "ledger-rollback=off"];
    let asks = [ask(&[], 0, Question::Whole), ask(&blind, 0, Question::Whole)];
    let rows = runs.answer("", &asks).expect("rows");
    assert_eq!((runs.tally().played, &rows[0].digest), (1, &rows[1].digest));
    let forced = ["mesh-restart=forced", "apiserver-restart=forced"];
    let asks = [ask(&[], 255, Question::Whole), ask(&forced, 255, Question::Whole)];
    runs.answer("", &asks).expect("rows");
    assert_eq!(runs.tally().played, 2, "forced is what they did anyway");
    runs.answer("", &[ask(&blind, 255, Question::Whole)]).expect("a row");
    assert_eq!(runs.tally().played, 3, "to see and not to act is another run");
    runs.answer("", &[ask(&["mesh-restart=canary"], 255, Question::Whole)]).expect("a row");
    assert_eq!(runs.tally().played, 4, "so is to act with care");
    let row = runs.answer("", &[ask(&[], 0, Question::Whole)]).expect("a row").remove(0);
    let idle = influence::without_influence(runs.scenario(), &row);
    assert_eq!(
        idle,
        ["ledger-rollback", "mesh-restart", "apiserver-restart", "delete-empty-service"]
    );
    std::fs::remove_dir_all(&folder).expect("the folder");
}

#[test]
fn a_prehistory_answers_whatever_is_done_after_it() {
    let folder = folder();
    let runs = runs(&folder);
    let after = || Question::After("morning".to_owned());
    let later = ["ledger-deploy=off", "mesh-restart=forced@14:30"];
    let asks =
        [ask(&[], 4, after()), ask(&later, 4, after()), ask(&["etcd-restart=off"], 4, after())];
    runs.answer("", &asks).expect("rows");
    assert_eq!(runs.tally().played, 2);
    std::fs::remove_dir_all(&folder).expect("the folder");
}

#[test]
fn seeds_are_those_with_which_chance_does_its_part() {
    let folder = folder();
    let runs = runs(&folder);
    let found = lottery::seeds(&runs, &with(&[]), 3, &[]).expect("seeds");
    assert_eq!((found.seeds, found.fell), (vec![6, 13, 20], true));
    let before = runs.tally().played;
    let likely = [13, 27, 5];
    let linkerd = with(&["linkerd=1.0.0"]);
    let same = lottery::seeds(&runs, &linkerd, 2, &likely).expect("seeds");
    assert_eq!((same.seeds, runs.tally().played - before), (vec![13, 27], 3));
    let more = lottery::seeds(&runs, &linkerd, 4, &likely).expect("seeds");
    assert_eq!(more.seeds, [13, 27, 6, 20], "what is likely and is not so is passed over");
    std::fs::remove_dir_all(&folder).expect("the folder");
}

#[test]
fn where_chance_never_does_its_part_any_seed_will_do() {
    let folder = folder();
    let store = Store::open(&folder, &monzo(), "build").expect("a store");
    let never = |request: &Request| {
        let mut outcome = stand_in(request)?;
        outcome.pools.clear();
        Ok(outcome)
    };
    let runs = Runs::new(store, never, 2, &Silent);
    let found = lottery::seeds(&runs, &with(&[]), 3, &[]).expect("seeds");
    assert_eq!(found, Seeds { seeds: vec![0, 1, 2], fell: false, looked_at: lottery::IN_VAIN });
    std::fs::remove_dir_all(&folder).expect("the folder");
}

#[test]
fn a_run_that_cannot_be_played_is_told_with_its_seed() {
    let folder = folder();
    let store = Store::open(&folder, &monzo(), "build").expect("a store");
    let runs = Runs::new(store, |_| Err(world::Error::Unbuildable("no room".into())), 1, &Silent);
    let error = runs.answer("", &[ask(&[], 9, Question::Whole)]).expect_err("no room");
    assert_eq!(error, "seed 9: no room");
    std::fs::remove_dir_all(&folder).expect("the folder");
}

/// Levels of the factors that govern steps, some at another time.
fn levels() -> impl Strategy<Value = Vec<String>> {
    let human = |name: &'static str| {
        let times = prop_oneof![Just(""), Just("@14:20"), Just("@15:20")];
        (prop_oneof![Just("reactive"), Just("off"), Just("forced")], times)
            .prop_map(move |(level, time)| format!("{name}={level}{time}"))
    };
    let deploy = prop_oneof![Just("on"), Just("off")].prop_map(|l| format!("ledger-deploy={l}"));
    let mesh = prop_oneof![Just("canary"), Just("reactive"), Just("off"), Just("forced")]
        .prop_map(|level| format!("mesh-restart={level}"));
    let linkerd =
        prop_oneof![4 => Just("0.9.1"), 1 => Just("1.0.0")].prop_map(|l| format!("linkerd={l}"));
    let rarely = |name: &'static str| {
        prop_oneof![4 => Just(0), 1 => Just(60)].prop_map(move |n| format!("{name}={n}"))
    };
    let people = (rarely("reaction"), rarely("look-again"));
    (deploy, human("ledger-rollback"), mesh, human("apiserver-restart"), linkerd, people)
        .prop_map(|(a, b, c, d, e, (f, g))| vec![a, b, c, d, e, f, g])
}

proptest! {
    #[test]
    fn a_row_stands_for_settings_only_if_their_run_is_the_same(
        one in levels(),
        other in levels(),
        seed in 0u64..256,
        goal in any::<bool>(),
    ) {
        let scenario = monzo();
        let given = |levels: &[String]| with(&levels.iter().map(String::as_str).collect::<Vec<_>>());
        let play = |settings: &Settings| {
            let mut request = Request::new(scenario.clone(), settings.clone(), seed);
            request.goal = goal.then_some(Severity::Total);
            let outcome = stand_in(&request).expect("an outcome");
            Row::of(&scenario, crate::sweep::Key::of(&request, "build"), &outcome, None)
        };
        let (one, other) = (given(&one), given(&other));
        let (row, twin) = (play(&one), play(&other));
        prop_assert_eq!(influence::stands_for(&scenario, &row, &other), row.digest == twin.digest);
    }
}
