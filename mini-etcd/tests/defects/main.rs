//! Each planted defect changes what it should, and nothing does where it is not planted.
//!
//! `cargo test --workspace --features mini-etcd/defects --test defects`

#[path = "../server/channel.rs"]
mod channel;
mod consensus;
mod member;
#[path = "../raft_support/mod.rs"]
mod raft_support;
#[expect(dead_code, reason = "most of it is for other tests")]
#[path = "../simulated/room.rs"]
mod room;
mod state;
#[path = "../simulated/suspended.rs"]
mod suspended;
mod torn;

use std::process::Command;

use mini_etcd::defects::{Defect, Defects};

/// What `observed` is of a member without defects, and of one that has this one.
fn without_and_with<T>(defect: Defect, observed: impl Fn(Defects) -> T) -> [T; 2] {
    [Defects::default(), defect.into()].map(observed)
}

#[test]
fn a_defect_reads_back_from_its_name_and_no_two_share_one() {
    for (i, defect) in Defect::ALL.into_iter().enumerate() {
        assert_eq!(defect.to_string().parse(), Ok(defect));
        assert_eq!(defect as usize, i, "all of them are listed, in order");
    }
}

#[test]
fn the_command_line_takes_the_names_of_defects_alone() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mini-etcd"));
    let output = command.args(["--defect", "stale-leader-read", "--defect", "slowness"]).output();
    let said = String::from_utf8(output.unwrap().stderr).unwrap();
    assert!(said.contains("`slowness`: expected one of vote-not-synced, "), "{said}");
}
