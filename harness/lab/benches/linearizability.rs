//! What a check of linearizability takes: `cargo bench -p anatomy-lab`.
//!
//! Histories of 10,000 operations, 2 % of them of unknown outcome: as a right store gives them, and
//! with six answers spoiled, where the shortest beginning without an order is looked for as well.

use std::time::{Duration, Instant};

use anatomy_lab::oracle::linearizability::generate::{Plan, history, tamper};
use anatomy_lab::oracle::linearizability::{BUDGET, Operation, Verdict, check};

const RUNS: u64 = 3;

#[expect(clippy::disallowed_methods, reason = "a benchmark measures this machine")]
fn timed(operations: &[Operation]) -> (Duration, u64, &'static str) {
    let began = Instant::now();
    let report = check(operations, BUDGET);
    let verdict = match report.verdict {
        Verdict::Linearizable => "linearizable",
        Verdict::Impossible(_) => "impossible",
        Verdict::Unknown => "unknown",
    };
    (began.elapsed(), report.searched, verdict)
}

fn main() {
    println!("clients  keys  wide   as it was                           spoiled");
    for (clients, keys, wide) in
        [(10, 20, 0.0), (50, 20, 0.0), (5, 1, 0.0), (10, 1, 0.0), (10, 20, 0.1)]
    {
        for seed in 0..RUNS {
            let plan = Plan { operations: 10_000, clients, keys, unknown: 0.02, wide };
            let mut operations = history(plan, seed);
            let right = timed(&operations);
            (0..6).for_each(|again| tamper(&mut operations, again));
            let spoiled = timed(&operations);
            let told = |(took, steps, verdict): (Duration, u64, &str)| {
                format!("{:7.1} ms {steps:9} steps {verdict}", took.as_secs_f64() * 1e3)
            };
            println!("{clients:7} {keys:5} {wide:5}  {}  {}", told(right), told(spoiled));
        }
    }
}
