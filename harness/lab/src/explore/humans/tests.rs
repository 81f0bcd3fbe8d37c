//! Policies as data, and a world in which some of them help and one does harm.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::super::runs::{Runs, Silent, Store};
use super::variants::Unsafe;
use super::*;
use crate::outcome::{Phase, PoolState, Severity, StepOutcome, sample};
use crate::scenario::{self, Decision, Kind, Manner, Source};
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

fn source(name: &str) -> Source {
    scenario::source(name).expect("the built-in text")
}

/// The variants of a scenario as it stands.
fn of(source: &Source) -> (Arc<Scenario>, Vec<Variant>) {
    let scenario = Arc::new(source.parse().unwrap_or_else(|error| panic!("{error}")));
    let found = variants(source, &scenario, &scenario.defaults());
    (scenario, found)
}

#[test]
fn every_step_of_the_responders_is_done_otherwise_in_all_four_ways() {
    let (_, found) = of(&source("monzo-2017"));
    let of = |factor: &str, unsafely: Unsafe| {
        found.iter().filter(|one| one.factor == factor && one.unsafely == unsafely).count()
    };
    for factor in ["ledger-rollback", "mesh-restart", "apiserver-restart", "delete-empty-service"] {
        assert_eq!(of(factor, Unsafe::NotDone), 1, "{factor}");
        assert!(of(factor, Unsafe::WrongTime) >= 2, "{factor}");
    }
    assert_eq!(of("ledger-rollback", Unsafe::WrongTarget), 1);
    assert_eq!(of("mesh-restart", Unsafe::WrongTarget), 1);
    assert_eq!(of("mesh-restart", Unsafe::WrongLength), 3);
    assert_eq!(of("apiserver-restart", Unsafe::WrongTarget), 2);
    assert_eq!(of("delete-empty-service", Unsafe::WrongTarget), 1);
}

#[test]
fn what_people_do_in_a_built_in_scenario_can_be_left_out_and_mistimed_and_is_a_right_scenario() {
    let mut human = 0;
    for (name, _) in scenario::BUILT_IN {
        let source = source(name);
        let (scenario, found) = of(&source);
        let steps = scenario.acts.iter().flat_map(|act| &act.steps);
        for factor in steps.filter_map(|step| step.factor.as_ref()) {
            let is_it = |known: &scenario::Factor| known.name == *factor;
            if !scenario.factors.iter().any(|known| is_it(known) && known.kind == Kind::Human) {
                continue;
            }
            human += 1;
            for way in [Unsafe::NotDone, Unsafe::WrongTime] {
                let has = |one: &Variant| one.factor == *factor && one.unsafely == way;
                assert!(found.iter().any(has), "{name}: {factor}, {way:?}");
            }
        }
        for (n, one) in found.iter().enumerate() {
            let played = one.changed.as_ref().map_or(&scenario, |(_, changed)| changed);
            if let Some((text, changed)) = &one.changed {
                let again = text.parse().unwrap_or_else(|error| panic!("{name}: {error}"));
                assert_eq!(again.hash, changed.hash);
                assert_ne!(again.hash, scenario.hash);
                assert_eq!(again.factors.len(), scenario.factors.len());
            }
            // The command that plays it takes its settings.
            let mut settings = played.defaults();
            for (factor, level) in one.settings.overrides(played) {
                let set = settings.set(played, &format!("{factor}={level}"));
                assert_eq!(set, Ok(()), "{name}: {}", one.what);
            }
            let key = |one: &Variant| {
                (one.changed.as_ref().map(|(_, text)| text.hash), one.settings.clone())
            };
            assert!(found[..n].iter().all(|other| key(other) != key(one)), "{name}: {}", one.what);
        }
    }
    assert_eq!(human, 8, "four steps of monzo-2017, four of zone-loss-9");
}

/// A scenario in which nothing happens but one step that people take after two minutes.
fn with_a_step(of: &str, act: &str, symptom: &str, does: &str) -> Source {
    let mut source = source(of);
    source.text += &format!(
        "\n[[step]]\nact = \"{act}\"\nat = \"+2m\"\nactor = \"on-call\"\n{does}\n\
         symptom = \"{symptom}\"\nfactor = \"human\"\n\n\
         [[factor]]\nname = \"human\"\nkind = \"human\"\nlevels = [\"reactive\", \"off\", \"forced\"]\n"
    );
    source
}

/// Which of the four ways the variants of a step are: `t` for another target, `l` for another length.
/// Every one can be left out and mistimed.
fn ways_of(source: &Source) -> String {
    let (_, found) = of(source);
    let has = |unsafely: Unsafe| found.iter().any(|one| one.unsafely == unsafely);
    assert!(has(Unsafe::NotDone) && has(Unsafe::WrongTime), "{}", source.text);
    let letters = [(Unsafe::WrongTarget, 't'), (Unsafe::WrongLength, 'l')];
    letters.iter().filter(|(unsafely, _)| has(*unsafely)).map(|(_, letter)| letter).collect()
}

#[test]
fn each_action_of_the_bank_is_unsafe_in_the_ways_that_it_knows() {
    for (does, ways) in [
        ("do = \"deploy\"\nservice = \"ledger\"\nversion = \"v2\"", "t"),
        ("do = \"deploy\"\nservice = \"new\"\nversion = \"v1\"\nreplicas = 4", "l"),
        ("do = \"rollback\"\nservice = \"edge\"", "t"),
        ("do = \"scale\"\nservice = \"ledger\"\nreplicas = 0", "tl"),
        ("do = \"restart-mesh\"\nwithin = \"36m\"", "tl"),
        ("do = \"restart-apiservers\"", "t"),
        ("do = \"report\"", ""),
        ("do = \"delete-empty-services\"", "t"),
        ("do = \"etcd-upgrade\"\nversion = \"3.2.9\"", "t"),
        ("do = \"etcd-grow\"\nmembers = 9", "l"),
        ("do = \"etcd-rolling-restart\"", "t"),
        ("do = \"power-off\"\non = \"node-4\"", "tl"),
        ("do = \"kill\"\non = \"zone b\"", "tl"),
        ("do = \"cut\"\nfrom = \"master-1\"\nto = \"etcd-2\"\nlasts = \"90s\"", "tl"),
        ("do = \"heal\"", "l"),
    ] {
        let source = with_a_step("ordinary-day", "afternoon", "journeys-failing", does);
        assert_eq!(ways_of(&source), ways, "{does}");
    }
}

#[test]
fn each_deed_with_etcd_is_unsafe_in_the_ways_that_it_knows() {
    for (does, ways) in [
        ("do = \"power-off\"\non = \"member 1\"", "tl"),
        ("do = \"power-on\"\non = \"all\"", "l"),
        ("do = \"kill\"\non = \"the leader\"", "tl"),
        ("do = \"pause\"\non = \"a follower\"\nlasts = \"250ms\"", "tl"),
        ("do = \"cut\"\nfrom = \"the leader\"\nto = \"a follower\"", "tl"),
        ("do = \"cut\"\nfrom = \"zone a\"\nto = \"zone b\"\none-way = true", "tl"),
        ("do = \"slow-link\"\nfrom = \"all\"\nto = \"member 2\"\nby = \"50ms\"", "tl"),
        ("do = \"slow-disk\"\non = \"2 of the rest\"\nby = \"2s\"\nlasts = \"1m\"", "tl"),
        ("do = \"full-disk\"\non = \"the fullest zone\"", "tl"),
        ("do = \"failing-disk\"\non = \"member 2\"\nlasts = \"90s\"", "tl"),
        ("do = \"skew\"\non = \"zone c\"\nby = \"5s\"", "tl"),
        ("do = \"heal\"", "l"),
        ("do = \"etcd-replace\"\non = \"member 2\"", "tl"),
        ("do = \"remove-silent-members\"", "tl"),
        ("do = \"replace-silent-members\"", "tl"),
        ("do = \"put\"\nthrough = \"the leader\"", "t"),
        ("do = \"get\"\nthrough = \"all\"\nserializable = true", "t"),
        ("do = \"audit\"", ""),
        ("do = \"chaos\"\nwithin = \"30s\"", "l"),
        ("do = \"etcd-upgrade\"\nversion = \"3.4\"", "t"),
        ("do = \"etcd-grow\"\nmembers = 6", "l"),
        ("do = \"etcd-rolling-restart\"", "l"),
    ] {
        let source = with_a_step("quiet-etcd", "quiet", "members-silent", does);
        assert_eq!(ways_of(&source), ways, "{does}");
    }
}

#[test]
fn who_is_meant_is_mistaken_for_somebody_else() {
    let mistaken = |does: &str| {
        let source = with_a_step("quiet-etcd", "quiet", "members-silent", does);
        let (_, found) = of(&source);
        let wrong = found.into_iter().filter(|one| one.unsafely == Unsafe::WrongTarget);
        wrong.map(|one| one.what).collect::<Vec<_>>()
    };
    let kill = |who: &str| mistaken(&format!("do = \"kill\"\non = \"{who}\""));
    assert_eq!(kill("zone a"), ["zone b in place of zone a"]);
    assert_eq!(kill("the fullest zone"), ["zone c in place of the fullest zone"]);
    assert_eq!(kill("member 1"), ["member 2 in place of member 1"]);
    assert_eq!(kill("member 7"), ["member 1 in place of member 7"]);
    assert_eq!(kill("3 of the rest"), ["the leader in place of 3 of the rest"]);
    assert_eq!(kill("the leader"), ["a follower in place of the leader"]);
    assert_eq!(kill("all"), [""; 0]);
    let cut =
        |from: &str, to: &str| mistaken(&format!("do = \"cut\"\nfrom = \"{from}\"\nto = \"{to}\""));
    assert_eq!(cut("zone c", "zone b"), ["zone a in place of zone b"]);
    // Nobody is cut off from themselves.
    assert_eq!(cut("the leader", "a follower"), ["all in place of a follower"]);
}

#[test]
fn a_machine_is_mistaken_for_another_of_its_kind_and_for_its_zone() {
    let does = "do = \"power-off\"\non = \"node-5\"";
    let (_, found) = of(&with_a_step("ordinary-day", "afternoon", "journeys-failing", does));
    let whom = |one: &&Variant| matches!(one.unsafely, Unsafe::WrongTarget | Unsafe::WrongLength);
    let whom: Vec<&str> = found.iter().filter(whom).map(|one| one.what.as_str()).collect();
    assert_eq!(whom, ["node-1 in place of node-5", "zone b in place of node-5"]);
}

#[test]
fn whom_a_factor_names_is_mistaken_by_another_of_its_levels() {
    let does = "do = \"etcd-replace\"\non = \"member {whose}\"";
    let mut source = with_a_step("quiet-etcd", "quiet", "members-silent", does);
    source.text +=
        "\n[[factor]]\nname = \"whose\"\nkind = \"environment\"\nlevels = [\"2\", \"4\"]\n";
    let (_, found) = of(&source);
    let mut wrong = found.iter().filter(|one| one.unsafely == Unsafe::WrongTarget);
    let wrong = wrong.next().expect("another member");
    assert_eq!((wrong.settings.level("whose"), wrong.changed.is_none()), ("4", true));
}

#[test]
fn what_nobody_does_is_done_where_it_is_done_wrongly_and_at_half_time_in_a_short_act() {
    let (scenario, found) = of(&source("zone-loss-9"));
    let of = |unsafely: Unsafe| {
        let is = move |one: &&Variant| one.factor == "remove-silent" && one.unsafely == unsafely;
        found.iter().filter(is).collect::<Vec<_>>()
    };
    assert!(
        of(Unsafe::WrongTarget).iter().all(|one| one.settings.level("remove-silent") == "reactive")
    );
    let wrong: Vec<&str> = of(Unsafe::WrongTarget).iter().map(|one| one.what.as_str()).collect();
    let leader = "the leader is replaced in place of the silent";
    assert_eq!(wrong, [format!("{leader} (step 1 of 2)"), format!("{leader} (step 2 of 2)")]);
    // The act begins 50 s before the first of them and ends five minutes after it: ten minutes earlier
    // and half an hour later there is none.
    let times: Vec<_> = of(Unsafe::WrongTime)
        .iter()
        .filter_map(|one| one.settings.moved("remove-silent"))
        .collect();
    assert_eq!(times, ["12:00:25", "12:03:25"]);
    assert_eq!(of(Unsafe::NotDone).len(), 3, "both steps, and each of them");
    assert_eq!(scenario.defaults().level("remove-silent"), "off");
}

#[test]
fn variants_that_come_to_the_same_text_and_settings_are_one() {
    let step = |act: &str| {
        format!(
            "\n[[step]]\nact = \"{act}\"\nat = \"+72s\"\nactor = \"on-call\"\ndo = \"heal\"\n\
             symptom = \"members-silent\"\nfactor = \"human\"\n"
        )
    };
    let mut source = source("growth");
    source.text += &(step("three") + &step("four"));
    source.text +=
        "\n[[factor]]\nname = \"human\"\nkind = \"human\"\nlevels = [\"reactive\", \"off\"]\n";
    let (_, found) = of(&source);
    let left_out = found.iter().filter(|one| one.unsafely == Unsafe::NotDone);
    let (settings, texts): (Vec<_>, Vec<_>) = left_out.partition(|one| one.changed.is_none());
    // The level speaks of both acts, and each act has its step.
    assert_eq!((settings.len(), texts.len()), (1, 2));
    assert!(found.iter().all(|one| one.unsafely != Unsafe::WrongTime), "no level moves two acts");
}

/// The same as [`stand_in`], with a digest of what came of it.
fn told_apart(request: &Request) -> Result<Outcome, world::Error> {
    let mut outcome = stand_in(request)?;
    let text = format!("{} {:?}", outcome.severity.name(), outcome.phases);
    outcome.digest = format!("{:032x}", xxhash_rust::xxh3::xxh3_128(text.as_bytes()));
    Ok(outcome)
}

#[test]
fn variants_are_played_beside_what_people_did_and_those_with_the_same_runs_are_told_once() {
    let (scenario, folder, source) = (monzo(), folder(), source("monzo-2017"));
    let open = |scenario: &Arc<Scenario>| {
        let store = Store::open(&folder, scenario, "build").expect("a store");
        Ok::<_, String>(Runs::new(store, told_apart, 2, &Silent))
    };
    let runs = open(&scenario).expect("runs");
    let texts = folder.join("variants");
    let told = unsafely(&runs, &open, &source, &scenario.defaults(), &[1, 5], &texts);
    let told = told.expect("what came of them");
    assert!(told.is_sorted_by(|a, b| a.lost_seconds >= b.lost_seconds));
    let idle =
        told.iter().find(|one| one.factor == "mesh-restart" && one.unsafely == Unsafe::NotDone);
    let idle = idle.expect("it makes a difference");
    assert!(idle.ratio.is_some_and(|ratio| ratio < 1.0) && idle.total.hits == 0, "{idle:?}");
    // In this world it is total until the empty Service is gone, so that it stays is the worst.
    assert_eq!((told[0].factor.as_str(), told[0].total.hits), ("delete-empty-service", 2));
    let named: usize = told.iter().map(|one| 1 + one.same_as.len()).sum();
    let all = variants(&source, &scenario, &scenario.defaults()).len();
    assert!(told.len() < named && named < all, "{} {named} {all}", told.len());
    let written = std::fs::read_dir(&texts).expect("the changed scenarios");
    let read =
        written.map(|entry| scenario::find(&entry.expect("a file").path().to_string_lossy()));
    let read: Vec<_> = read.collect::<Result<_, _>>().expect("each can be played by its path");
    assert!(read.len() >= 5, "{}", read.len());
    std::fs::remove_dir_all(&folder).expect("the folder");
}

#[test]
fn a_variant_that_the_scenario_forbids_is_not_played_and_that_is_said() {
    fn allowed(request: &Request) -> Result<Outcome, world::Error> {
        match request.scenario.forbidden(&request.settings) {
            None => told_apart(request),
            Some(constraint) => Err(world::Error::Unbuildable(constraint.to_string())),
        }
    }
    let (folder, mut source) = (folder(), source("monzo-2017"));
    source.text += "\n[[constraint]]\nforbid = { mesh-restart = \"canary\", standin = \"on\" }\n";
    let scenario = Arc::new(source.parse().expect("it is right"));
    let open = |scenario: &Arc<Scenario>| {
        let store = Store::open(&folder, scenario, "build").expect("a store");
        Ok::<_, String>(Runs::new(store, allowed, 2, &Silent))
    };
    let runs = open(&scenario).expect("runs");
    let texts = folder.join("variants");
    let told = unsafely(&runs, &open, &source, &scenario.defaults(), &[1], &texts);
    assert!(told.is_ok_and(|told| !told.is_empty()));
    let canary = "mesh-restart too short or too long: stopped after one, where that one does badly";
    let forbidden = "mesh-restart=canary and standin=on together";
    assert_eq!(runs.left_out(), [format!("{canary}: {forbidden}")]);
    std::fs::remove_dir_all(&folder).expect("the folder");
}
