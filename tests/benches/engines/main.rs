//! How many simulated seconds an engine gets through in a second.
//!
//! A leader on one machine has a gRPC stream open to every other machine. Idle, it wakes each 100 ms
//! and sends nothing; under load it sends 64 bytes to everyone each time. The same code runs on
//! `harness-sim`, on classic turmoil with two ticks, and on a bare paused runtime over pipes in
//! memory: what HTTP/2, gRPC and the runtime cost without any network is the floor.
//!
//! The second is one of CPU: every engine is one thread, so on an idle machine it is a second on the
//! wall as well, and on a busy one the figures still mean something.
//!
//! ```text
//! cargo bench -p anatomy-tests --bench engines              # the table
//! cargo bench -p anatomy-tests --bench engines -- --check   # exits 1 where a promise is broken
//! cargo bench -p anatomy-tests --bench engines -- --only harness-sim --machines 22 --load idle
//! ```

mod check;
mod classic;
mod clock;
mod floor;
mod load;
mod simulator;

use std::process::ExitCode;
use std::time::Duration;

use clock::Measured;

/// What is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// The leader wakes and sends nothing.
    Idle,
    /// The leader sends.
    Heartbeats,
}

/// An engine with its name.
struct Engine {
    name: &'static str,
    run: fn(usize, Load, Duration) -> Measured,
}

const ENGINES: [Engine; 4] = [
    Engine { name: "harness-sim", run: simulator::run },
    Engine { name: "classic 10 ms", run: |n, load, cpu| classic::run(n, load, cpu, 10) },
    Engine { name: "classic 1 ms", run: |n, load, cpu| classic::run(n, load, cpu, 1) },
    Engine { name: "floor", run: floor::run },
];
const MACHINES: [usize; 5] = [5, 9, 22, 50, 100];
/// CPU time for a measurement.
const BUDGET: Duration = Duration::from_millis(500);
/// A cell is the fastest of so many measurements: what else the machine does can only slow one down, and
/// slows more what touches more memory.
const ROUNDS: usize = 7;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let value = |flag: &str| {
        args.iter().position(|a| a == flag).and_then(|at| args.get(at + 1)).map(String::as_str)
    };
    let only = value("--only");
    let machines: Vec<usize> = match value("--machines").map(str::parse) {
        Some(Ok(n)) if n >= 2 => vec![n],
        Some(_) => {
            eprintln!("--machines takes a number of machines, 2 at least");
            return ExitCode::from(2);
        }
        None => MACHINES.to_vec(),
    };
    let mut cells = Vec::new();
    println!("simulated seconds per second of CPU");
    print!("{:>8} {:>10}", "machines", "load");
    let engines: Vec<&Engine> =
        ENGINES.iter().filter(|e| only.is_none_or(|only| e.name.starts_with(only))).collect();
    for engine in &engines {
        print!(" {:>14}", engine.name);
    }
    println!();
    let loads: &[Load] = match value("--load") {
        Some("idle") => &[Load::Idle],
        Some("heartbeats") => &[Load::Heartbeats],
        Some(_) => {
            eprintln!("--load takes idle or heartbeats");
            return ExitCode::from(2);
        }
        None => &[Load::Idle, Load::Heartbeats],
    };
    for &load in loads {
        for &n in &machines {
            print!("{n:>8} {:>10}", format!("{load:?}").to_lowercase());
            let mut rates = vec![Vec::new(); engines.len()];
            // In turn, so that what else the machine does meets all of them.
            for _ in 0..ROUNDS {
                for (engine, rates) in engines.iter().zip(&mut rates) {
                    rates.push((engine.run)(n, load, BUDGET).rate());
                }
            }
            for (engine, rates) in engines.iter().zip(rates) {
                let rate = rates.into_iter().fold(0.0, f64::max);
                print!(" {rate:>14.1}");
                cells.push(check::Cell { engine: engine.name, machines: n, load, rate });
            }
            println!();
        }
    }
    if args.iter().any(|a| a == "--check") && !check::check(&cells) {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
