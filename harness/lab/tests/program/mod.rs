//! The real program, started as from a shell.

use std::process::{Command, Output};

/// Starts the program with nothing of the caller's environment that it would look at.
pub fn anatomy(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anatomy"));
    let mine = ["ANATOMY_SEED", "ANATOMY_SEEDS", "ANATOMY_JOBS"];
    for name in mine.into_iter().chain(["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"]) {
        command.env_remove(name);
    }
    command.env("ANATOMY_STATE", concat!(env!("CARGO_TARGET_TMPDIR"), "/anatomy-state"));
    command.args(arguments).output().expect("the program starts")
}

/// Checks that `arguments` are refused with a message that holds every one of `expected`.
pub fn refused(arguments: &[&str], expected: &[&str]) {
    let output = anatomy(arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    for text in expected {
        assert!(said.contains(text), "{arguments:?} should say {text}: {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
    assert!(!said.contains('\u{1b}'), "no colours where there is no terminal: {said}");
}
