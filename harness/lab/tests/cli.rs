//! Bad input to the real program: exit status 2, and one message with the place and what is allowed.

mod program;

use std::path::PathBuf;
use std::process::Command;

use program::{anatomy, refused};

#[test]
fn nothing_is_coloured_where_there_is_no_terminal() {
    let output = anatomy(&["list"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("monzo-2017") && !said.contains('\u{1b}'), "{said}");
}

/// A scenario file: the built-in one with `from` replaced by `to`.
struct File(PathBuf);

impl File {
    fn with(name: &str, from: &str, to: &str) -> Self {
        let text = include_str!("../scenarios/monzo-2017.toml");
        assert!(text.contains(from));
        let path = std::env::temp_dir().join(format!("anatomy-{}-{name}.toml", std::process::id()));
        std::fs::write(&path, text.replacen(from, to, 1)).expect("a file");
        File(path)
    }

    fn refused(&self, expected: &[&str]) {
        refused(&["run", &self.0.to_string_lossy()], expected);
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn an_unknown_scenario_is_refused() {
    refused(&["run", "monzo"], &["monzo", "allowed: monzo-2017"]);
    refused(&["run", "/nonexistent.toml"], &["/nonexistent.toml"]);
}

#[test]
fn an_unknown_factor_or_level_is_refused() {
    refused(&["run", "--set", "etcd-clint=x"], &["did you mean `etcd-client`?", "standin"]);
    refused(&["run", "--set", "kubernetes=1.6"], &["--set kubernetes=1.6", "1.7, 1.5, 1.8, 1.10"]);
    refused(&["run", "--set", "services=many"], &["a whole number from 12 to 2000"]);
    refused(&["run", "--until", "lunch"], &["reconfiguration, empty-service, morning, outage"]);
}

#[test]
fn a_seed_that_is_no_number_is_refused() {
    refused(&["run", "--seed", "x"], &["--seed", "a seed is a whole number"]);
    refused(&["verify", "--seeds", "x"], &["--seeds", "A..B"]);
    refused(&["sweep", "monzo-2017", "--seeds", "5..1", "--out", "o"], &["--seeds", "from 5"]);
    let output = Command::new(env!("CARGO_BIN_EXE_anatomy"))
        .env("ANATOMY_SEED", "seven")
        .output()
        .expect("the program starts");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn an_unknown_subcommand_or_option_is_refused() {
    refused(&["reply"], &["replay"]);
    refused(&["run", "--sed", "1"], &["--se"]);
}

#[test]
fn a_wrong_scenario_file_is_refused_with_its_line_and_the_allowed_values() {
    File::with("key", "title =", "titel =").refused(&["line 8:", "titel", "did you mean `title`?"]);
    File::with("toml", "seed = 90", "seed = = 90").refused(&["line 13:"]);
    File::with("level", "\"grpc-1.0.5\"]", "\"grpc-1.0.6\"]").refused(&[
        "line ",
        "grpc-1.0.6",
        "did you mean `grpc-1.0.4`?",
        "allowed: grpc-1.0.4",
    ]);
    File::with("action", "do = \"scale\"", "do = \"sclae\"").refused(&["did you mean `scale`?"]);
}

#[test]
fn a_file_of_somebody_else_is_no_sweep() {
    let path = std::env::temp_dir().join(format!("anatomy-{}-notes", std::process::id()));
    std::fs::write(&path, "notes\n").expect("a file");
    let out = path.to_string_lossy();
    refused(&["sweep", "monzo-2017", "--seeds", "0..1", "--out", &out], &["line 1", "not a line"]);
    assert_eq!(std::fs::read_to_string(&path).expect("the file"), "notes\n");
    std::fs::remove_file(&path).expect("the file");
}

#[test]
fn the_list_names_every_factor_with_its_levels() {
    let output = anatomy(&["list"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0));
    for text in ["monzo-2017", "grpc-1.0.4 | grpc-1.0.5", "reactive | off | forced", "assumption"] {
        assert!(said.contains(text), "{said}");
    }
}

#[test]
fn help_names_every_subcommand_and_hides_the_inner_one() {
    let output = anatomy(&["--help"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0));
    let names =
        ["list", "run", "replay", "sweep", "verify", "explain", "lattice", "league", "cover"];
    for name in names.into_iter().chain(["hunt", "report", "export"]) {
        assert!(said.contains(name), "{said}");
    }
    assert!(!said.contains("__run"), "{said}");
}
