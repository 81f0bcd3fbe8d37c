//! Commands with a stand-in for the world: outcomes that are made of the seed.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::child::Trace;
use super::*;
use crate::outcome::{Event, sample};
use crate::{Outcome, Request, world};

/// Three events; the second one's text is the seed.
fn stand_in(request: &Request) -> Result<Outcome, world::Error> {
    let mut outcome = sample::outcome(request);
    outcome.digest = format!("{:032x}", u128::from(request.seed) + (1 << 100));
    outcome.trail = vec![1, 2 + request.seed as u16, 3 + request.seed as u16];
    let event = |index: usize| Event {
        index,
        at: index as f64 + 0.25,
        machine: "node-a1".to_owned(),
        process: "etcd".to_owned(),
        kind: "test.event".to_owned(),
        text: format!("this is seed {}", request.seed),
        ..Event::default()
    };
    if let Some(sink) = &request.on_event {
        (0..3).for_each(|index| sink(&event(index)));
    }
    outcome.captured = request.capture_at.map(event);
    Ok(outcome)
}

/// A new folder for one test.
fn folder(name: &str) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("anatomy-cli-{}-{number}-{name}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

fn anatomy(arguments: &[&str]) -> Result<u8, Trouble> {
    let all: Vec<OsString> =
        std::iter::once("anatomy").chain(arguments.iter().copied()).map(OsString::from).collect();
    dispatch(all, stand_in)
}

#[test]
fn bad_usage_is_told_with_the_place_and_the_allowed_values() {
    let cases: [(&[&str], &str); 31] = [
        (&["run", "monzo-2018"], "did you mean `monzo-2017`?"),
        (&["run", "nowhere/else.toml"], "cannot read the scenario file nowhere/else.toml"),
        (&["run", "--set", "likerd=1.0.0"], "did you mean `linkerd`?"),
        (&["run", "--set", "services=2000"], "2007 pods need 19 workers, 108 on each: there are 6"),
        (&["run", "--set", "linkerd=2"], "allowed: 0.9.1, 1.0.0"),
        (&["run", "--set", "linkerd"], "--set linkerd"),
        (&["run", "--seed", "seven"], "a seed is a whole number from 0"),
        (&["run", "--until", "mornin"], "did you mean `morning`?"),
        (&["runn"], "run"),
        (&["sweep", "monzo-2017", "--seeds", "9..3", "--out", "x"], "there is no seed from 9"),
        (&["sweep", "monzo-2017", "--seeds", "3", "--out", "x"], "seeds are written A..B"),
        (
            &["sweep", "monzo-2017", "--seeds", "0..3", "--jobs", "0", "--out", "x"],
            "from 1 to 1024",
        ),
        (&["replay", "monzo-2017", "--seed", "1", "--digest", "xyz"], "32 hexadecimal digits"),
        (&["run", "--set", "mesh-restart=forced@noon"], "`noon` is no time of the act outage"),
        (&["explain", "--target", "ok"], "allowed: degraded, partial, total, data-loss"),
        (&["explain", "--set", "likerd=1.0.0"], "did you mean `linkerd`?"),
        (&["lattice", "--factors", "linkerd,likerd"], "--factors likerd"),
        (&["lattice", "--force", "ledger-deploy"], "it has no level `forced`"),
        (&["league", "--policies", "nowhere"], "--policies nowhere"),
        (&["league", "--seeds", "9..3"], "there is no seed from 9"),
        (&["cover", "-t", "4"], "4 is not in 2..=3"),
        (&["cover", "--forbid", "likerd=1.0.0,standin=on"], "did you mean `linkerd`?"),
        (&["cover", "--forbid", "linkerd=1.0.0,standin=of"], "allowed: on, off"),
        (&["cover", "--forbid", "linkerd"], "--forbid linkerd: FACTOR=LEVEL,OTHER=LEVEL"),
        (
            &["cover", "--forbid", "standin=on", "--forbid", "standin=off"],
            "--forbid: all of it together forbids every row",
        ),
        (&["hunt", "--target", "awful"], "allowed: degraded, partial, total, data-loss"),
        (&["hunt", "ordinary-dy"], "did you mean `ordinary-day`?"),
        (&["report", "--run", "monzo", "-o", "x"], "allowed: monzo-2017"),
        (&["report", "-o", "x", "--lattice", "nowhere"], "--lattice nowhere: "),
        (&["export", "trace", "-o", "x.txt"], "--out x.txt: it has to end in .pftrace or .json"),
        (&["export", "ctk", "-o", "x.pftrace"], "--out x.pftrace: it has to end in .json"),
    ];
    for (arguments, expected) in cases {
        let trouble = anatomy(arguments).expect_err(expected);
        assert_eq!(trouble.code(), 2, "{arguments:?}");
        assert!(trouble.text().contains(expected), "{arguments:?}: {}", trouble.text());
    }
}

#[test]
fn the_outcome_and_the_events_are_written_as_json() {
    let folder = folder("json");
    let (json, events) = (folder.join("outcome.json"), folder.join("events.jsonl"));
    let (json_arg, events_arg) = (json.to_string_lossy(), events.to_string_lossy());
    let arguments = ["run", "-q", "--seed", "3", "--json", &json_arg, "--events", &events_arg];
    assert_eq!(anatomy(&arguments).expect("a run"), 0);
    let text = std::fs::read_to_string(&json).expect("the outcome");
    let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(value["seed"], 3);
    assert_eq!(value["severity"], "total");
    assert_eq!(value["settings"]["services"], 25);
    for key in ["scenario", "digest", "sim_seconds", "wall_seconds", "faults", "violations"] {
        assert!(!value[key].is_null(), "{key}");
    }
    for key in ["name", "requests", "success_ratio", "worst_bucket"] {
        assert!(!value["journeys"][0][key].is_null(), "{key}");
    }
    for key in ["name", "start", "end"] {
        assert!(!value["phases"][0][key].is_null(), "{key}");
    }
    for key in ["at", "actor", "kind", "text", "because"] {
        assert!(!value["timeline"][0][key].is_null(), "{key}");
    }
    let lines = std::fs::read_to_string(&events).expect("the events");
    assert_eq!(lines.lines().count(), 3);
    std::fs::remove_dir_all(&folder).expect("the folder");
}

#[test]
fn a_violated_oracle_makes_the_exit_status_1() {
    let violated: Runner = |request| {
        let mut outcome = sample::outcome(request);
        outcome.violations.push(crate::outcome::Violation::default());
        Ok(outcome)
    };
    let arguments = ["anatomy", "run", "--quiet"].map(OsString::from).to_vec();
    assert_eq!(dispatch(arguments, violated).expect("a run"), 1);
}

#[test]
fn a_world_that_cannot_be_built_makes_the_exit_status_1() {
    let broken: Runner = |_| Err(world::Error::Unbuildable("no room".to_owned()));
    let arguments = ["anatomy", "run"].map(OsString::from).to_vec();
    assert_eq!(dispatch(arguments, broken).expect_err("no run").code(), 1);
}

#[test]
fn a_replay_is_the_same_run_or_it_is_not() {
    let digest = |seed: u64| format!("{:032x}", u128::from(seed) + (1 << 100));
    let replay = |seed: &str, digest: &str| {
        anatomy(&["replay", "monzo-2017", "--seed", seed, "--digest", digest]).expect("a replay")
    };
    assert_eq!(replay("3", &digest(3)), 0);
    assert_eq!(replay("3", &digest(4)), 1);
    assert_eq!(anatomy(&["run", "-q", "--seed", "4"]).expect("a run"), 0);
    assert_eq!(replay("3", &digest(4)), 1);
}

#[test]
fn a_sweep_plays_only_what_is_missing() {
    let folder = folder("sweep");
    let out = folder.join("out.jsonl").to_string_lossy().into_owned();
    let sweep = |seeds: &str, more: &[&str]| {
        let all = [&["sweep", "monzo-2017", "--seeds", seeds, "--out", &out], more].concat();
        assert_eq!(anatomy(&all).expect("a sweep"), 0);
        std::fs::read_to_string(&out).expect("lines").lines().count()
    };
    assert_eq!(sweep("0..4", &["--jobs", "3"]), 4);
    assert_eq!(sweep("2..6", &[]), 6);
    assert_eq!(sweep("0..6", &[]), 6);
    assert_eq!(sweep("0..2", &["--set", "linkerd=1.0.0"]), 8);
    std::fs::remove_dir_all(&folder).expect("the folder");
}

/// The files in a folder whose names begin like this, by name.
fn files(folder: &Path, beginning: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a file").path()).collect();
    paths.retain(|path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(beginning))
    });
    paths.sort();
    paths
}

fn json(path: &Path) -> serde_json::Value {
    let text = std::fs::read_to_string(path).expect("a file");
    serde_json::from_str(&text).expect("JSON")
}

/// What a command that keeps its runs in a folder leaves there, in the file that begins like this.
fn analysed(arguments: &[&str], kept: &str) -> serde_json::Value {
    let folder = folder("analysis");
    let out = folder.to_string_lossy().into_owned();
    let all = [arguments, &["--out", &out, "--jobs", "3"]].concat();
    assert_eq!(anatomy(&all).expect("an analysis"), 0, "{arguments:?}");
    let found = json(files(&folder, kept).first().expect(kept));
    std::fs::remove_dir_all(&folder).expect("the folder");
    found
}

#[test]
fn a_lattice_is_written_for_those_who_come_later() {
    let found = analysed(&["lattice", "--factors", "linkerd,standin"], "lattice-total-");
    assert_eq!((&found["target"], &found["scenario"]), (&"total".into(), &"monzo-2017".into()));
    // In the stand-in's world it is total whatever is set.
    let family = &found["families"][0];
    assert_eq!(family["cuts"][0]["conditions"], serde_json::json!([]));
    assert_eq!(family["factors"][0]["absent"], "1.0.0");
}

#[test]
fn lattices_of_several_questions_stand_side_by_side_and_a_report_draws_them_all() {
    let folder = folder("lattices");
    let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let (kept, page) = (path("kept"), path("report.html"));
    let questions: [&[&str]; 3] = [
        &["--target", "total", "--factors", "linkerd,standin"],
        &["--target", "total", "--factors", "linkerd,kubernetes"],
        &["--target", "partial", "--factors", "linkerd,standin"],
    ];
    for question in questions {
        let all = [&["lattice", "--out", &kept], question].concat();
        assert_eq!(anatomy(&all).expect("a lattice"), 0, "{question:?}");
        assert_eq!(anatomy(&all).expect("the same again"), 0, "{question:?}");
    }
    let found = files(Path::new(&kept), "lattice-");
    assert_eq!(found.len(), 3, "{found:?}");
    let report = ["report", "--lattice", &kept, "-o", &page];
    assert_eq!(anatomy(&report).expect("a report"), 0);
    let text = std::fs::read_to_string(&page).expect("a page");
    assert_eq!(text.matches("<h3 id=\"cuts-").count(), 3);
    assert_eq!(text.matches(">total: as people react</h3>").count(), 4, "cut sets and fixes");
    assert_eq!(text.matches(">partial: as people react</h3>").count(), 2);
    assert!(!text.contains("another build"));

    let changed = |key: &str, to: &str| {
        let mut lattice = json(&found[0]);
        lattice[key] = to.into();
        std::fs::write(&found[0], lattice.to_string()).expect("room");
    };
    changed("build", "0123456789abcdef");
    assert_eq!(anatomy(&report).expect("a report all the same"), 0);
    let text = std::fs::read_to_string(&page).expect("a page");
    assert!(text.contains("found with another build of this program (0123456789abcdef; this is"));
    changed("scenario", "zone-loss-9");
    let refused = anatomy(&report).expect_err("another scenario");
    assert_eq!(refused.code(), 2);
    let told = refused.text();
    assert!(told.contains("it is about zone-loss-9, and this is monzo-2017"), "{told}");
    std::fs::remove_dir_all(&folder).expect("the folder");
}

#[test]
fn a_league_is_written_for_those_who_come_later() {
    let found = analysed(&["league", "--seeds", "0..3", "--variants", "1"], "league.json");
    assert_eq!(found["against"], "hands off");
    assert_eq!(found["standings"].as_array().map(Vec::len), Some(7));
    assert_eq!(found["seeds"], serde_json::json!([0, 1, 2]));
    assert!(found["variants"].is_array());
}

#[test]
fn a_run_is_explained() {
    let folder = folder("explain");
    let out = folder.to_string_lossy().into_owned();
    for more in [&["--json"][..], &["--pairs", "2"]] {
        let all = [&["explain", "--seed", "3", "--out", &out], more].concat();
        assert_eq!(anatomy(&all).expect("an explanation"), 0);
    }
    std::fs::remove_dir_all(&folder).expect("the folder");
}

#[test]
fn the_rows_of_a_covering_array_are_played_and_written() {
    let folder = folder("cover");
    let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let (runs, rows) = (path("runs"), path("rows.jsonl"));
    let arguments = ["cover", "-t", "2", "--runs", &runs, "--out", &rows];
    assert_eq!(anatomy(&arguments).expect("an array"), 0);
    let text = std::fs::read_to_string(&rows).expect("rows");
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!((20..60).contains(&lines.len()), "{}", lines.len());
    let levels = |line: &serde_json::Value, a: &str, b: &str| {
        (line["levels"][a].to_string(), line["levels"][b].to_string())
    };
    let mut pairs: Vec<_> = lines.iter().map(|l| levels(l, "kubernetes", "mesh-restart")).collect();
    pairs.sort();
    pairs.dedup();
    assert_eq!(pairs.len(), 16, "four levels each, every pair of them");
    std::fs::remove_dir_all(&folder).expect("the folder");
}

/// The built-in scenario with a constraint, as a file.
fn constrained(folder: &Path) -> String {
    let text = crate::scenario::source("monzo-2017").expect("the built-in scenario").text;
    let constraint =
        "forbid = { linkerd = \"1.0.0\", mesh-restart = \"forced\" }\ndoc = \"no mesh\"";
    let path = folder.join("constrained.toml");
    std::fs::write(&path, format!("{text}\n[[constraint]]\n{constraint}\n")).expect("room");
    path.to_string_lossy().into_owned()
}

#[test]
fn settings_that_the_scenario_forbids_are_refused_wherever_they_are_given() {
    let folder = folder("forbidden");
    let (scenario, policies) = (constrained(&folder), folder.join("policies"));
    let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let (out, json) = (path("out"), path("journal.json"));
    let set = ["--set", "linkerd=1.0.0", "--set", "mesh-restart=forced@14:40"];
    let runs: [&[&str]; 4] = [
        &["run", &scenario],
        &["explain", &scenario, "--out", &out],
        &["sweep", &scenario, "--seeds", "0..1", "--out", &out],
        &["export", "ctk", &scenario, "-o", &json],
    ];
    let expected = "forbids linkerd=1.0.0 and mesh-restart=forced together (no mesh)";
    for run in runs {
        let refused = anatomy(&[run, &set].concat()).expect_err("forbidden");
        assert_eq!(refused.code(), 2, "{run:?}");
        let told = refused.text();
        assert!(told.starts_with("--set: ") && told.contains(expected), "{told}");
    }
    assert_eq!(anatomy(&["run", "-q", &scenario, set[0], set[1]]).expect("one alone"), 0);
    std::fs::create_dir_all(&policies).expect("a folder");
    let policy = "[[policy]]\nname = \"blunt\"\nset = { mesh-restart = \"forced\" }\n";
    std::fs::write(policies.join("blunt.toml"), policy).expect("room");
    let policies = policies.to_string_lossy();
    let league = ["league", &scenario, "--policies", &policies, "--set", "linkerd=1.0.0"];
    let refused = anatomy(&[&league[..], &["--out", &out]].concat()).expect_err("forbidden");
    let told = refused.text();
    assert!(told.starts_with("the policy `blunt`: ") && told.contains(expected), "{told}");
    std::fs::remove_dir_all(&folder).expect("the folder");
}

#[test]
fn a_covering_array_has_nothing_that_is_forbidden() {
    let folder = folder("forbid");
    let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let (scenario, runs, rows) = (constrained(&folder), path("runs"), path("rows.jsonl"));
    let forbid = ["--forbid", "kubernetes=1.5,standin=off", "--forbid", "linkerd=0.9.1,standin=on"];
    let cover = ["cover", &scenario, "--runs", &runs, "--out", &rows];
    assert_eq!(anatomy(&[&cover[..], &forbid].concat()).expect("an array"), 0);
    let text = std::fs::read_to_string(&rows).expect("rows");
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let both = |one: (&str, &str), other: (&str, &str)| {
        let is = |line: &&serde_json::Value, (factor, level): (&str, &str)| {
            line["levels"][factor] == level
        };
        lines.iter().filter(|line| is(line, one) && is(line, other)).count()
    };
    assert_eq!(both(("linkerd", "1.0.0"), ("mesh-restart", "forced")), 0);
    assert_eq!(both(("kubernetes", "1.5"), ("standin", "off")), 0);
    assert_eq!(both(("linkerd", "0.9.1"), ("standin", "on")), 0);
    // What follows: linkerd 0.9.1 goes with no stand-in, and that not with Kubernetes 1.5.
    assert_eq!(both(("linkerd", "0.9.1"), ("kubernetes", "1.5")), 0);
    assert!(both(("linkerd", "0.9.1"), ("mesh-restart", "forced")) > 0);
    std::fs::remove_dir_all(&folder).expect("the folder");
}

#[test]
fn a_run_that_is_the_same_in_both_places_is_verified() {
    let apart = |request: &Request| Ok(Trace::from(stand_in(request).expect("an outcome")));
    let (page, same) = verify::compare(&sample::request(), vec![0, 1], 2, stand_in, &apart);
    assert!(same, "{page}");
    assert_eq!(page.lines().count(), 2);
}

#[test]
fn the_first_event_that_differs_between_the_places_is_named() {
    let apart = |request: &Request| {
        let other = Request { seed: request.seed + 1, ..request.clone() };
        Ok(Trace::from(stand_in(&other).expect("an outcome")))
    };
    let (page, same) = verify::compare(&sample::request(), vec![4], 2, stand_in, &apart);
    assert!(!same);
    assert!(page.contains("the first event that differs is number 1"), "{page}");
    assert!(
        page.contains("here: step 1 at Fri 27 Oct 2017 14:10:01.250 on node-a1/etcd"),
        "{page}"
    );
    assert!(page.contains("this is seed 4") && page.contains("this is seed 5"), "{page}");
}

#[test]
fn a_place_that_fails_is_told() {
    let apart = |_: &Request| Err("no second process".to_owned());
    let (page, same) = verify::compare(&sample::request(), vec![4], 2, stand_in, &apart);
    assert!(!same);
    assert_eq!(page, "seed 4: no second process\n");
}

#[test]
fn every_scenario_is_listed_with_its_factors() {
    let mut page = String::new();
    list::describe(&mut page, &sample::request().scenario);
    assert!(!page.contains("not together"), "{page}");
    let folder = folder("list");
    let source = crate::scenario::source(&constrained(&folder)).expect("a file");
    list::describe(&mut page, &source.parse().expect("it is right"));
    std::fs::remove_dir_all(&folder).expect("the folder");
    assert!(page.contains("linkerd=1.0.0 and mesh-restart=forced"), "{page}");
    let page = anstream::adapter::strip_str(&page).to_string();
    assert!(page.contains("configmaps | endpoints  [environment, assumption]"), "{page}");
    assert!(page.contains("0.05 (0 to 1)"), "{page}");
}
