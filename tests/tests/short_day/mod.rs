//! The day of the outage with people acting minutes apart, for tests that play it many times.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anatomy_lab::scenario::BUILT_IN;
use anatomy_lab::sweep::pool;
use anatomy_lab::{Outcome, Request, Scenario};

use crate::steer;

/// When people act on the short day, in seconds from 14:10.
pub const MESH_RESTART: i64 = 3 * 60;
pub const APISERVER_RESTART: i64 = 6 * 60;
pub const DELETION: i64 = 10 * 60;

/// The short day: people act a few minutes apart, and the mesh is restarted within two.
pub fn short_day() -> Scenario {
    let (name, text) = BUILT_IN[0];
    let sooner = [
        ("starts = 2017-10-27T14:07:00", "starts = 2017-10-27T14:09:00"),
        ("at = \"14:18:00\"\nactor", "at = \"14:12:30\"\nactor"),
        ("at = \"14:26:00\"\nactor", "at = \"14:13:00\"\nactor"),
        ("within = \"36m\"", "within = \"2m\""),
        ("at = \"14:37:00\"\nactor", "at = \"14:16:00\"\nactor"),
        ("at = \"15:27:00\"\nactor", "at = \"14:19:30\"\nactor"),
        ("at = \"15:31:00\"\nactor", "at = \"14:20:00\"\nactor"),
        ("ends = 2017-10-27T15:35:00", "ends = 2017-10-27T14:21:00"),
    ];
    let text = sooner.iter().fold(text.to_owned(), |text, (from, to)| {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        text.replace(from, to)
    });
    let scenario = Scenario::parse(name, "short-day.toml", &text);
    let found_by = kept(&text).display().to_string();
    Scenario { found_by, ..scenario.expect("the shorter file is right") }
}

/// Leaves the file for whoever wants to play it by hand. Tests run beside each other, so it comes to its
/// name whole.
fn kept(text: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (path, name) =
        (folder.join("short-day.toml"), format!("{:?}", std::thread::current().id()));
    let half = folder.join(format!("short-day-{}-{name}", std::process::id()));
    std::fs::write(&half, text).and_then(|()| std::fs::rename(&half, &path)).expect("a file");
    path
}

/// A scenario with these settings.
pub fn request(scenario: Scenario, set: &[&str], seed: u64) -> Request {
    let mut settings = scenario.defaults();
    for setting in set {
        settings.set(&scenario, setting).expect("the scenario knows it");
    }
    Request::new(Arc::new(scenario), settings, seed)
}

/// Plays a scenario with these settings; from another seed where `ANATOMY_SEED` says so. A test that
/// fails prints how to play it by hand.
pub fn play(scenario: Scenario, set: &[&str], seed: u64) -> Outcome {
    let request = request(scenario, set, steer::seed(seed));
    let outcome = pool::play(anatomy_lab::run, request.clone()).expect("the cluster can be built");
    eprintln!("cargo run --release -- {}", &outcome.replay(&request.scenario)["anatomy ".len()..]);
    outcome
}
