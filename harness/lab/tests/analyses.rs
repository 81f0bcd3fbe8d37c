//! Hunting, covering, reporting and exporting with the real program, over a world that is small enough
//! for a test: one etcd member, a few requests a second.

mod program;

use std::path::PathBuf;

use program::{anatomy, refused};
use prost::Message;
use serde_json::{Value, json};

/// Nothing happens to the one member. Any longer trouble of its machine or disk is trouble of everybody.
const SMALL: &str = r#"
title = "One etcd member, and nothing happens to it"
world = "etcd"
zero = 2018-03-01T12:00:00Z
seed = 3

[cluster]
zones = ["a"]
etcd-members = 1

[workload]
patience = "2s"

[[workload.journey]]
name = "writes"
entry = "write"
rate = 1.0
objective = 0.5
critical = true

[[client]]
kind = "kv"
count = 1
pause = "2s"

[[act]]
name = "quiet"
starts = 2018-03-01T12:00:00Z
ends = 2018-03-01T12:05:00Z

[[step]]
act = "quiet"
at = "+1m"
actor = "power-company"
do = "power-off"
on = "member 1"
factor = "power-loss"

[[factor]]
name = "power-loss"
kind = "fault"
levels = ["off", "on"]

[[factor]]
name = "members"
kind = "environment"
levels = ["1", "3"]

[[factor]]
name = "etcd"
kind = "latent"
levels = ["3.2.9", "3.4"]

[[constraint]]
forbid = { members = "3", etcd = "3.4" }
doc = "nobody has that"
"#;

/// A folder with the small scenario in it, for one test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("anatomy-analyses-{}-{name}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("small.toml"), SMALL).expect("a file");
        Folder(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_string_lossy().into_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What the program writes to standard output and to standard error where all is well.
fn done(arguments: &[&str]) -> (String, String) {
    let output = anatomy(arguments);
    let [said, complained] =
        [output.stdout, output.stderr].map(|text| String::from_utf8(text).expect("text"));
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {complained}");
    (said, complained)
}

fn read(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn a_hunt_finds_what_breaks_a_small_world_and_plays_nothing_twice() {
    let folder = Folder::new("hunt");
    let (small, finds) = (folder.path("small.toml"), folder.path("finds"));
    // Both seeds take the member's power away.
    let mut hunt = vec!["hunt", &small, "--seeds", "1..3", "--target", "degraded", "--json"];
    hunt.extend(["--budget", "5", "--out", &finds]);
    let (first, _) = done(&hunt);
    let told = read(&first);
    let told = told.as_array().expect("a line for each seed");
    assert_eq!(told.len(), 2);
    let found = told.iter().find(|one| !one["found"].is_null()).expect("a find");
    assert!(found["found"]["troubles"].as_array().is_some_and(|some| !some.is_empty()), "{found}");

    // What is found is a scenario that breaks by itself, again and again.
    let (file, seed) = (found["file"].as_str().expect("a file"), found["seed"].to_string());
    let run = anatomy(&["run", file, "--seed", &seed, "--json", "-"]);
    let outcome = read(&String::from_utf8(run.stdout).expect("text"));
    let violated = outcome["violations"].as_array().is_some_and(|some| !some.is_empty());
    assert!(outcome["severity"] != "ok" || violated, "{outcome}");
    let digest = outcome["digest"].as_str().expect("a digest");
    let replay = anatomy(&["replay", file, "--seed", &seed, "--digest", digest]);
    let said = String::from_utf8_lossy(&replay.stdout);
    assert!(said.starts_with("the same run"), "{said}");

    let (again, complained) = done(&hunt);
    assert!(again == first && complained.contains(", 0 runs played"), "{complained}");
    // A seed whose runs are gone is played again, and the other is not.
    let gone = folder.0.join("finds").join("degraded").join("2");
    std::fs::remove_dir_all(gone).expect("the runs of a seed");
    let (again, complained) = done(&hunt);
    assert!(again == first && !complained.contains(", 0 runs played"), "{complained}");
}

#[test]
fn a_cover_prints_what_its_rows_prove_and_what_they_cannot_show() {
    let folder = Folder::new("cover");
    let (small, runs, rows) =
        (folder.path("small.toml"), folder.path("runs"), folder.path("rows.jsonl"));
    let cover = ["cover", &small, "--forbid", "members=3,power-loss=on", "--runs", &runs];
    let (said, _) = done(&[&cover[..], &["--out", &rows]].concat());
    // Three factors with two levels each have twelve pairs of levels.
    assert!(said.contains("rows have all 10 pairs of levels that can be (100 %)"), "{said}");
    assert!(said.contains("2 pairs are in no row, because of what is forbidden:"), "{said}");
    assert!(said.contains("  members=3 etcd=3.4\n"), "{said}");
    assert!(said.contains("  power-loss=on members=3\n"), "{said}");
    // The first level of each that is not the default takes it away.
    assert!(said.contains("stays unknown:\n  every factor absent\n"), "{said}");
    let lines = std::fs::read_to_string(&rows).expect("rows");
    let lines: Vec<Value> = lines.lines().map(read).collect();
    assert!((4..8).contains(&lines.len()), "{lines:?}");
    let three = |line: &&Value| line["levels"]["members"] == "3";
    assert!(lines.iter().any(|line| three(&line)));
    for line in lines.iter().filter(three) {
        assert_eq!(
            (&line["levels"]["etcd"], &line["levels"]["power-loss"]),
            (&"3.2.9".into(), &"off".into())
        );
    }
    let (said, complained) = done(&[&cover[..], &["--json"]].concat());
    assert_eq!(said.lines().map(read).collect::<Vec<_>>(), lines);
    assert!(
        complained.contains(", 0 runs played") && complained.contains("(100 %)"),
        "{complained}"
    );
}

#[test]
fn a_report_is_written_and_said() {
    let folder = Folder::new("report");
    let (small, page, notes) =
        (folder.path("small.toml"), folder.path("report.html"), folder.path("notes.md"));
    let report = ["report", "--run", &small, "-o", &page, "--markdown", &notes, "--json"];
    let (said, complained) = done(&report);
    let told = read(&said);
    assert_eq!((&told["scenario"], &told["severity"]), (&"small".into(), &"ok".into()));
    assert_eq!(told["seed"], 3);
    assert_eq!(told["files"], json!([page, notes]));
    assert!(complained.contains(&format!("wrote {page}")), "{complained}");
    let text = std::fs::read_to_string(&page).expect("a page");
    let digest = told["digest"].as_str().expect("a digest");
    assert!(text.starts_with("<!doctype html>") && text.contains(digest));
    assert!(text.contains("One etcd member, and nothing happens to it"));
    let text = std::fs::read_to_string(&notes).expect("notes");
    assert!(text.contains("severity **ok**") && text.contains(digest), "{text}");
}

/// `perfetto.protos.Trace`, whose packets need not be understood here.
#[derive(Clone, PartialEq, Message)]
struct Trace {
    #[prost(bytes = "vec", repeated, tag = "1")]
    packet: Vec<Vec<u8>>,
}

#[test]
fn a_run_is_exported_in_the_formats_of_other_tools() {
    let folder = Folder::new("export");
    let small = folder.path("small.toml");
    let export = |format: &str, name: &str| {
        let path = folder.path(name);
        let arguments = ["export", format, &small, "--set", "power-loss=on", "-o", &path, "--json"];
        let told = read(&done(&arguments).0);
        assert_eq!(told["seed"], 3);
        assert_eq!(told["files"], json!([path]));
        assert_eq!(told["severity"], "total", "without power nothing is written");
        std::fs::read(&path).expect("a file")
    };
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");

    let chrome = read(&text(export("trace", "trace.json")));
    let events = chrome["traceEvents"].as_array().expect("a list");
    assert!(events.iter().any(|event| event["ph"] == "i"), "what happened");
    assert!(events.iter().all(|event| event["name"].is_string() && event["pid"].is_u64()));
    let perfetto = Trace::decode(&*export("trace", "trace.pftrace")).expect("a trace");
    assert!(perfetto.packet.len() > events.len() / 2 && !perfetto.packet[0].is_empty());

    let journal = read(&text(export("ctk", "journal.json")));
    for key in ["chaoslib-version", "platform", "status", "start", "end"] {
        assert!(journal[key].is_string(), "{key}: {journal}");
    }
    assert_eq!((&journal["status"], &journal["deviated"]), (&"completed".into(), &true.into()));
    assert!(journal["duration"].as_f64().is_some_and(|seconds| seconds > 299.0));
    for list in ["run", "rollbacks"] {
        assert!(journal[list].is_array(), "{list}: {journal}");
    }
    let experiment = &journal["experiment"];
    for key in ["version", "title", "description"] {
        assert!(experiment[key].is_string(), "{key}: {experiment}");
    }
    let hypothesis = &experiment["steady-state-hypothesis"];
    assert_eq!(hypothesis["probes"][0]["tolerance"]["type"], "range");
    let method = experiment["method"].as_array().expect("a list");
    let run = journal["run"].as_array().expect("a list");
    assert_eq!(method.len(), run.len());
    assert_eq!((&method[0]["type"], &run[0]["activity"]), (&"action".into(), &method[0]));
    let power = |one: &Value| one["output"]["text"] == "etcd-1 is without power";
    assert!(run.iter().any(power), "{run:?}");
    for (side, met) in [("before", true), ("after", false)] {
        let state = &journal["steady_states"][side];
        assert_eq!(state["steady_state_met"], met, "{side}: {state}");
        assert_eq!(state["probes"][0]["activity"]["name"], "writes");
    }
}

#[test]
fn bad_input_is_refused_with_the_place_and_what_is_allowed() {
    let folder = Folder::new("refused");
    let small = folder.path("small.toml");
    let page = folder.path("report.html");
    let severities = "allowed: degraded, partial, total, data-loss";
    refused(&["hunt", "quiet-etc"], &["quiet-etc", "did you mean `quiet-etcd`?"]);
    refused(&["hunt", &small, "--target", "awful"], &["--target", severities]);
    refused(&["hunt", &small, "--seeds", "3"], &["--seeds", "A..B"]);
    refused(&["hunt", &small, "--set", "power-loss=no"], &["--set", "allowed: off, on"]);
    // A file where a folder should be.
    refused(&["hunt", &small, "--out", &small], &["--out", &small]);

    refused(&["report"], &["--out <FILE.html>"]);
    refused(&["report", "--run", "small", "-o", &page], &["`small`", "allowed: monzo-2017"]);
    refused(&["report", "--run", &small, "-o", "/nowhere/at/all"], &["--out /nowhere/at/all"]);
    let nothing = ["report", "--run", &small, "-o", &page, "--lattice"];
    let root = folder.path("");
    let in_folder = [&nothing[..], &[root.as_str()]].concat();
    refused(&in_folder, &["--lattice", "there is no lattice-*.json", "`anatomy lattice`"]);
    let league = ["report", "--run", &small, "-o", &page, "--league", "/nowhere"];
    refused(&league, &["--league /nowhere/league.json", "`anatomy league`"]);
    assert!(!folder.0.join("report.html").exists(), "nothing is begun that cannot be finished");

    let trace = folder.path("trace.txt");
    refused(&["export", "trace", &small, "-o", &trace], &[&trace, ".pftrace or .json"]);
    refused(&["export", "ctk", &small, "-o", &trace], &[&trace, "end in .json"]);
    refused(&["export", "csv", &small, "-o", &trace], &["csv"]);

    refused(&["cover", &small, "-t", "5"], &["--strength", "2..=3"]);
    refused(&["cover", &small, "--forbid", "member=3"], &["--forbid", "did you mean `members`?"]);
    let forbidden = ["--set", "members=3", "--set", "etcd=3.4"];
    let because = ["--set", "etcd=3.4 and members=3", "nobody has that"];
    refused(&[&["run", &small][..], &forbidden].concat(), &because);

    let wrong = folder.path("wrong.toml");
    std::fs::write(&wrong, SMALL.replace("members = \"3\"", "member = \"3\"")).expect("a file");
    let line = SMALL.lines().position(|line| line.starts_with("forbid")).expect("it is there") + 1;
    let place = format!("line {line}:");
    refused(&["cover", &wrong], &[&place, "did you mean `members`?", "allowed: power-loss"]);
}
