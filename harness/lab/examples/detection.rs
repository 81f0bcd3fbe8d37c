//! How many random runs it takes to find each planted defect: one line of Markdown a defect.
//!
//! `detection [STARTS] [SEEDS] [DEFECT]...` plays `etcd-chaos` with one defect in every member, from
//! several seeds that lie far apart, until an oracle complains, and at most so many seeds from each.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use anatomy_lab::sweep::pool;
use anatomy_lab::{Request, Scenario, scenario};
use mini_etcd::defects::Defect;

/// How far starts lie apart: no seed is played for two of them.
const APART: u64 = 10_000;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let mut number = |usual: u64| arguments.next().map_or(Ok(usual), |text| text.parse());
    let (Ok(starts), Ok(seeds)) = (number(5), number(200)) else {
        eprintln!("detection [STARTS] [SEEDS] [DEFECT]...");
        return ExitCode::from(2);
    };
    let named: Result<Vec<Defect>, String> = arguments.map(|name| name.parse()).collect();
    let defects = match named {
        Ok(named) if named.is_empty() => Defect::ALL.to_vec(),
        Ok(named) => named,
        Err(wrong) => {
            eprintln!("{wrong}");
            return ExitCode::from(2);
        }
    };
    let scenario = Arc::new(scenario::find("etcd-chaos").expect("it is built in"));
    println!("| defect | median | worst | found by |\n|---|---|---|---|");
    let mut all_found = true;
    for defect in defects {
        let (line, found) = line(&scenario, defect, starts, seeds);
        println!("{line}");
        all_found &= found;
    }
    ExitCode::from(u8::from(!all_found))
}

/// The line of a defect, and whether it was found from every start.
fn line(scenario: &Arc<Scenario>, defect: Defect, starts: u64, seeds: u64) -> (String, bool) {
    let found = Mutex::new((Vec::new(), BTreeMap::<String, u64>::new()));
    let search = |start: u64| {
        for n in 0..seeds {
            let oracles = complaints(scenario, defect, start * APART + n);
            if oracles.is_empty() {
                continue;
            }
            let mut found = found.lock().expect("no panic with the lock");
            found.0.push(n + 1);
            for oracle in oracles {
                *found.1.entry(oracle).or_default() += 1;
            }
            return;
        }
    };
    pool::each(pool::default_jobs(), 0..starts, search, |()| {});
    let (mut needed, oracles) = found.into_inner().expect("no panic with the lock");
    needed.sort_unstable();
    // Whoever was not found needed more than there were.
    let of = |n: usize| needed.get(n).map_or(format!("> {seeds}"), u64::to_string);
    let (median, worst) = (of(starts as usize / 2), of(starts as usize - 1));
    let oracles: Vec<_> =
        oracles.iter().map(|(name, times)| format!("{name} ({times}×)")).collect();
    let line = format!("| `{defect}` | {median} | {worst} | {} |", oracles.join(", "));
    (line, needed.len() == starts as usize)
}

/// The oracles that complain of a run.
fn complaints(scenario: &Arc<Scenario>, defect: Defect, seed: u64) -> Vec<String> {
    let mut settings = scenario.defaults();
    settings.set(scenario, &format!("defect={defect}")).expect("every defect is a level");
    let outcome = pool::play(anatomy_lab::run, Request::new(scenario.clone(), settings, seed));
    let mut oracles = match outcome {
        Ok(outcome) => outcome.violations.into_iter().map(|found| found.oracle).collect(),
        Err(why) => vec![why],
    };
    oracles.sort_unstable();
    oracles.dedup();
    oracles
}
