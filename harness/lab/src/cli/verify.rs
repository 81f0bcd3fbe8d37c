//! `anatomy verify`: is a run a function of its seed?
//!
//! Each seed is played once in this process, beside other runs on other threads, and once in a
//! process of its own. Whatever leaks into a run from outside (addresses, hash keys, the clock, load)
//! differs between the two sooner or later.

use std::collections::BTreeMap;

use super::args::VerifyArgs;
use super::child::{self, Trace};
use super::replay::shown;
use super::trouble::Trouble;
use super::{output, prepare};
use crate::outcome::trail;
use crate::sweep::pool;
use crate::{Request, Runner};

/// Where a run is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Here,
    Apart,
}

/// Plays a request in a process of its own.
type Apart<'a> = &'a (dyn Fn(&Request) -> Result<Trace, String> + Sync);

/// Plays each seed twice and compares.
pub fn verify(args: &VerifyArgs, runner: Runner) -> Result<u8, Trouble> {
    let scenario = prepare::scenario(&args.scenario)?;
    let request = prepare::request(&scenario, &args.choice, None)?;
    let apart = |request: &Request| child::spawn(&args.scenario, &args.choice, request);
    let jobs = args.jobs.unwrap_or_else(pool::default_jobs).max(2);
    let (page, same) = compare(&request, args.seeds.iter().collect(), jobs, runner, &apart);
    output::say(&page);
    Ok(u8::from(!same))
}

/// Compares the two runs of every seed: what to print, and whether all were the same.
pub(super) fn compare(
    request: &Request,
    seeds: Vec<u64>,
    jobs: usize,
    runner: Runner,
    apart: Apart<'_>,
) -> (String, bool) {
    let bar = output::bar(seeds.len() * 2, &format!("verifying {}", request.scenario.name));
    let play = |(seed, place): (u64, Place)| {
        let request = Request { seed, ..request.clone() };
        (seed, place, traced(&request, place, runner, apart))
    };
    let items: Vec<_> =
        seeds.iter().flat_map(|seed| [(*seed, Place::Here), (*seed, Place::Apart)]).collect();
    let mut traces: BTreeMap<(u64, Place), Result<Trace, String>> = BTreeMap::new();
    pool::each(jobs, items, play, |(seed, place, trace)| {
        bar.inc(1);
        traces.insert((seed, place), trace);
    });
    bar.finish_and_clear();

    let (mut page, mut same) = (String::new(), true);
    for seed in seeds {
        let here = traces.remove(&(seed, Place::Here)).expect("every item was done");
        let there = traces.remove(&(seed, Place::Apart)).expect("every item was done");
        match (here, there) {
            (Ok(here), Ok(there)) if here.digest == there.digest && here.trail == there.trail => {
                page += &format!("seed {seed}: the same twice, digest {}\n", here.digest);
            }
            (Ok(here), Ok(there)) => {
                same = false;
                page += &format!("seed {seed}: not the same twice\n");
                page += &format!("  digest here {}, apart {}\n", here.digest, there.digest);
                let request = Request { seed, ..request.clone() };
                page += &difference(&request, &here, &there, runner, apart);
            }
            (here, there) => {
                same = false;
                for error in [here.err(), there.err()].into_iter().flatten() {
                    page += &format!("seed {seed}: {error}\n");
                }
            }
        }
    }
    (page, same)
}

fn traced(
    request: &Request,
    place: Place,
    runner: Runner,
    apart: Apart<'_>,
) -> Result<Trace, String> {
    match place {
        Place::Here => pool::play(runner, request.clone()).map(Trace::from),
        Place::Apart => apart(request),
    }
}

/// Names the first event that differs, as each of the two places tells it.
fn difference(
    request: &Request,
    here: &Trace,
    there: &Trace,
    runner: Runner,
    apart: Apart<'_>,
) -> String {
    let Some(index) = trail::first_difference(&here.trail, &there.trail) else {
        return "  no event differs: the difference is behind the last one\n".to_owned();
    };
    let request = Request { capture_at: Some(index), ..request.clone() };
    let mut page = format!("  the first event that differs is number {index}\n");
    for (name, place) in [("here", Place::Here), ("apart", Place::Apart)] {
        let told = match traced(&request, place, runner, apart) {
            Ok(Trace { captured: Some(event), .. }) => shown(&request.scenario.calendar, &event),
            Ok(_) => format!("there is no event {index}"),
            Err(error) => error,
        };
        page += &format!("  {name}: {told}\n");
    }
    page
}
