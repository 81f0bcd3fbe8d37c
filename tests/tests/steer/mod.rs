//! What the environment says of seeds and jobs, for tests as for commands: `ANATOMY_SEED`,
//! `ANATOMY_SEEDS`, `ANATOMY_JOBS`. A test that fails prints the command that plays it again, whatever
//! they said.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::ops::Range;

use anatomy_lab::sweep::pool;

fn read<T: std::str::FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text}: a number is expected")))
}

/// The seed of a run.
pub fn seed(usual: u64) -> u64 {
    read("ANATOMY_SEED").unwrap_or(usual)
}

/// The seeds of a slice of runs.
pub fn seeds(usual: Range<u64>) -> Range<u64> {
    let Ok(text) = std::env::var("ANATOMY_SEEDS") else { return usual };
    let range = text.split_once("..").and_then(|(a, b)| Some(a.parse().ok()?..b.parse().ok()?));
    let range = range.filter(|range| !range.is_empty());
    range.unwrap_or_else(|| panic!("ANATOMY_SEEDS={text}: seeds are written A..B"))
}

/// How many runs go on at once.
pub fn jobs() -> usize {
    read("ANATOMY_JOBS").unwrap_or_else(pool::default_jobs)
}
