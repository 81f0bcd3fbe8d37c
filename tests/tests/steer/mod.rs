//! What the environment says of seeds and jobs, for tests as for commands: `ANATOMY_SEED`,
//! `ANATOMY_SEEDS`, `ANATOMY_JOBS`, written alike. A test that fails prints the command that plays it
//! again, whatever they said.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::ops::Range;

use anatomy_lab::cli::seeds;
use anatomy_lab::sweep::pool;

fn read<T>(name: &str, parse: fn(&str) -> Result<T, String>) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(parse(&text).unwrap_or_else(|why| panic!("{name}={text}: {why}")))
}

/// The seed of a run.
pub fn seed(usual: u64) -> u64 {
    read("ANATOMY_SEED", seeds::seed).unwrap_or(usual)
}

/// The seeds of a slice of runs.
pub fn seeds(usual: Range<u64>) -> Range<u64> {
    read("ANATOMY_SEEDS", seeds::range).map_or(usual, seeds::Range::iter)
}

/// How many runs go on at once.
pub fn jobs() -> usize {
    read("ANATOMY_JOBS", seeds::jobs).unwrap_or_else(pool::default_jobs)
}
