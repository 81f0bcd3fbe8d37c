//! Commands with a stand-in for the world: outcomes that are made of the seed.

use std::ffi::OsString;
use std::path::PathBuf;
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
    let cases: [(&[&str], &str); 21] = [
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

/// What a command that keeps its runs in a folder leaves there.
fn analysed(arguments: &[&str], kept: &str) -> serde_json::Value {
    let folder = folder("analysis");
    let out = folder.to_string_lossy().into_owned();
    let all = [arguments, &["--out", &out, "--jobs", "3"]].concat();
    assert_eq!(anatomy(&all).expect("an analysis"), 0, "{arguments:?}");
    let text = std::fs::read_to_string(folder.join(kept)).expect(kept);
    std::fs::remove_dir_all(&folder).expect("the folder");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn a_lattice_is_written_for_those_who_come_later() {
    let found = analysed(&["lattice", "--factors", "linkerd,standin"], "lattice.json");
    assert_eq!((&found["target"], &found["scenario"]), (&"total".into(), &"monzo-2017".into()));
    // In the stand-in's world it is total whatever is set.
    let family = &found["families"][0];
    assert_eq!(family["cuts"][0]["conditions"], serde_json::json!([]));
    assert_eq!(family["factors"][0]["absent"], "1.0.0");
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
    let page = anstream::adapter::strip_str(&page).to_string();
    assert!(page.contains("configmaps | endpoints  [environment, assumption]"), "{page}");
    assert!(page.contains("0.05 (0 to 1)"), "{page}");
}
