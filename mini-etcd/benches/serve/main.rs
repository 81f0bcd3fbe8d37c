//! What a member serves, beside Debian's `etcd` where it is installed: puts and linearizable gets of
//! 1, 16 and 128 clients, and one change told to 1,000 watchers.
//!
//! Both are processes of their own on loopback TCP, with their data on the same disk and every put
//! synced. They take turns, so that whatever else the machine does meets both; a cell has the median
//! throughput and the median p99 of its rounds. The clients are one thread of this process, with a
//! connection each, and ask anew as soon as they are answered.
//!
//! ```text
//! cargo bench -p mini-etcd --bench serve              # the table
//! cargo bench -p mini-etcd --bench serve -- put       # the rows whose name has this
//! cargo bench -p mini-etcd --bench serve -- --check   # exits 1 where etcd is ahead
//! ```

#[path = "../../tests/server/channel.rs"]
mod channel;
mod load;
#[path = "../../tests/port/mod.rs"]
mod port;
#[path = "../../tests/etcdctl/process.rs"]
#[allow(dead_code, reason = "tests use more of it")]
mod process;

use std::process::ExitCode;
use std::time::Duration;

use harness_env::Env;
use harness_env::real::Machine;
use load::{Load, Measured};
use process::{Dir, Kind, Member, Server};

const LOADS: [Load; 7] = [
    Load::Put { clients: 1 },
    Load::Put { clients: 16 },
    Load::Put { clients: 128 },
    Load::Get { clients: 1 },
    Load::Get { clients: 16 },
    Load::Get { clients: 128 },
    Load::Watch { watchers: 1000 },
];
const ROUNDS: usize = 5;
/// How long a round measures.
const ROUND: Duration = Duration::from_secs(2);

/// A server with a load on it.
async fn round(env: &Env, kind: Kind, load: Load) -> Measured {
    let dir = Dir::new("bench");
    let member = Member::new("m");
    let _server = Server::start(kind, &dir, &member, std::slice::from_ref(&member), &[]);
    load::run(env, member.client, load, ROUND).await
}

/// The median throughput and the median p99.
fn median(rounds: &[Measured]) -> Measured {
    let mut rates: Vec<f64> = rounds.iter().map(|round| round.per_second).collect();
    rates.sort_by(f64::total_cmp);
    let mut p99s: Vec<Duration> = rounds.iter().map(|round| round.p99).collect();
    p99s.sort_unstable();
    let middle = rounds.len() / 2;
    Measured { per_second: rates[middle], p99: p99s[middle] }
}

fn cell(measured: &Measured) -> String {
    let millis = measured.p99.as_secs_f64() * 1e3;
    format!("{:>9.0}/s {:>8.2} ms", measured.per_second, millis)
}

fn main() -> ExitCode {
    let (flags, only): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|arg| arg.starts_with("--"));
    let check = flags.iter().any(|arg| arg == "--check");
    let etcd = std::process::Command::new("etcd").arg("--version").output();
    let version = etcd.ok().and_then(|output| String::from_utf8(output.stdout).ok());
    let kinds = match &version {
        Some(version) => {
            println!("beside {}", version.lines().next().unwrap_or("etcd"));
            vec![Kind::Mini, Kind::Etcd]
        }
        None => {
            println!(
                "etcd is not installed (apt-get install etcd-server): nothing to compare with"
            );
            vec![Kind::Mini]
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let mut slower = false;
    println!("{:<22} {:>24} {:>24}   ratio", "", "mini-etcd (p99)", "etcd (p99)");
    let asked_for = |load: &Load| only.iter().all(|part| load.to_string().contains(part));
    for load in LOADS.into_iter().filter(asked_for) {
        let mut rounds = vec![Vec::new(); kinds.len()];
        for _ in 0..ROUNDS {
            for (kind, rounds) in kinds.iter().zip(&mut rounds) {
                let env = Machine::new("bench", ".").env();
                rounds.push(runtime.block_on(round(&env, *kind, load)));
            }
        }
        let measured: Vec<Measured> = rounds.iter().map(|rounds| median(rounds)).collect();
        let cells: Vec<String> = measured.iter().map(cell).collect();
        let etcd = measured.get(1);
        let ratio = etcd.map(|etcd| measured[0].per_second / etcd.per_second);
        let ratio_text = ratio.map_or(String::new(), |ratio| format!("{ratio:.2}"));
        let theirs = cells.get(1).map_or("", String::as_str);
        println!("{:<22} {:>24} {theirs:>24}   {ratio_text}", load.to_string(), cells[0]);
        slower |= ratio.is_some_and(|ratio| ratio < 1.0);
        slower |= etcd.is_some_and(|etcd| measured[0].p99 > etcd.p99);
    }
    if check && slower { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
