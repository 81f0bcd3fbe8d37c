//! Runs on threads.
//!
//! A run gets a thread of its own that has never run anything: the standard library caches hash
//! keys per thread and hyper the date, and a second run on the same thread would find the first
//! one's. Runs beside each other share nothing.

use std::panic::resume_unwind;
use std::sync::Mutex;
use std::sync::mpsc;
use std::thread::{Builder, scope};

use crate::{Outcome, Request, Runner};

/// The stack of a run's thread: requests pass many futures deep through proxies and servers.
const STACK_BYTES: usize = 64 << 20;

/// Plays a request on a fresh thread and measures how long it takes.
///
/// # Errors
/// What the world says, or the message of a panic: a run never takes the program down.
pub fn play(runner: Runner, request: Request) -> Result<Outcome, String> {
    let thread = Builder::new().name(format!("seed-{}", request.seed)).stack_size(STACK_BYTES);
    let run = move || {
        #[expect(clippy::disallowed_methods, reason = "how fast a run was is told, not used in it")]
        let start = std::time::Instant::now();
        let mut outcome = runner(&request).map_err(|error| error.to_string())?;
        outcome.wall_seconds = start.elapsed().as_secs_f64();
        Ok(outcome)
    };
    let handle = thread.spawn(run).map_err(|error| format!("no thread for a run: {error}"))?;
    match handle.join() {
        Ok(result) => result,
        Err(panic) => Err(format!("the run panicked: {}", message(&*panic))),
    }
}

fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

/// Does `work` for every item, `jobs` at a time, and hands every result to `done` on the calling
/// thread, in the order in which they come.
pub fn each<T: Send, R: Send>(
    jobs: usize,
    items: impl IntoIterator<Item = T, IntoIter: Send>,
    work: impl Fn(T) -> R + Sync,
    mut done: impl FnMut(R),
) {
    let items = Mutex::new(items.into_iter());
    let next = || items.lock().map_or(None, |mut items| items.next());
    scope(|scope| {
        let (sender, results) = mpsc::channel();
        let mut workers = Vec::new();
        for _ in 0..jobs.max(1) {
            let (sender, next, work) = (sender.clone(), &next, &work);
            workers.push(scope.spawn(move || {
                while let Some(item) = next() {
                    if sender.send(work(item)).is_err() {
                        return;
                    }
                }
            }));
        }
        drop(sender);
        results.into_iter().for_each(&mut done);
        for worker in workers {
            if let Err(panic) = worker.join() {
                resume_unwind(panic);
            }
        }
    });
}

/// How many runs at once where nobody says: one a core.
pub fn default_jobs() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::sample;

    #[test]
    fn every_item_is_done_once_whatever_the_number_of_jobs() {
        for jobs in [0, 1, 3, 50] {
            let mut squares = Vec::new();
            each(jobs, 0..20u64, |n| n * n, |square| squares.push(square));
            squares.sort_unstable();
            assert_eq!(squares, (0..20).map(|n| n * n).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_run_that_panics_is_an_error_with_its_message() {
        let error = play(|request| panic!("seed {} is odd", request.seed), sample::request());
        assert_eq!(error.expect_err("a panic"), "the run panicked: seed 7 is odd");
    }

    #[test]
    fn a_run_is_played_on_a_thread_of_its_own() {
        std::thread_local!(static RUNS: std::cell::Cell<u32> = const { std::cell::Cell::new(0) });
        let runner: Runner = |request| {
            assert_eq!(RUNS.replace(1), 0, "a thread is used twice");
            Ok(sample::outcome(request))
        };
        for _ in 0..3 {
            let outcome = play(runner, sample::request()).expect("an outcome");
            assert!(outcome.wall_seconds < 30.0);
        }
    }
}
