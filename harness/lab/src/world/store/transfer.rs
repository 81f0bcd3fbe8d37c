//! The transfer workload: clients that move money between accounts by transactions that look first.

use std::collections::BTreeMap;

use bytes::Bytes;
use harness_env::Rng;
use tokio::time::sleep;

use super::kv::ask;
use super::seat::Seat;
use crate::oracle::linearizability::kv::{Compare, Keys, Reply, Request, Step};
use crate::oracle::transfers::Reading;

/// How many accounts there are.
pub const ACCOUNTS: usize = 5;
/// What all of them hold together.
pub const TOTAL: i64 = ACCOUNTS as i64 * 100;

fn account(n: u64) -> Bytes {
    Bytes::from(format!("account/{n}"))
}

/// All accounts.
pub fn accounts() -> Keys {
    Keys::Range(Bytes::from_static(b"account/"), Bytes::from_static(b"account0"))
}

/// An amount with a mark that makes the value the only one of its kind.
fn value(amount: i64, mark: &str) -> Bytes {
    Bytes::from(format!("{amount} {mark}"))
}

fn amount(value: &[u8]) -> i64 {
    let text = String::from_utf8_lossy(value);
    text.split(' ').next().and_then(|amount| amount.parse().ok()).unwrap_or(0)
}

/// What a reading of all accounts shows.
pub fn reading<'a>(by: String, pairs: impl Iterator<Item = (&'a Bytes, &'a Bytes)>) -> Reading {
    let balance =
        |(key, value): (&Bytes, &Bytes)| (String::from_utf8_lossy(key).into_owned(), amount(value));
    Reading { by, balances: pairs.map(balance).collect::<BTreeMap<_, _>>() }
}

/// Lives until dropped.
///
/// # Errors
/// Never.
pub async fn run(seat: Seat) -> Result<(), String> {
    let session = seat.session("transfer");
    let Seat { env, number, pause, notes, .. } = seat;
    let mut rng = env.rng("transfers");
    let client = 1000 + number;
    // Whoever comes first opens the accounts.
    while ask(&session, &notes, client, &opening(number)).await.is_err() {
        sleep(pause).await;
    }
    for n in 0u64.. {
        sleep(rng.exponential(pause)).await;
        let look: Request = Step::Get(accounts()).into();
        let Ok(answer) = ask(&session, &notes, client, &look).await else { continue };
        let Some(Reply::Got(pairs)) = answer.replies.into_iter().next() else { continue };
        let at = notes.moment().at.as_secs_f64();
        let by = format!("client {client} at {at:.3} s");
        notes.all().readings.push(reading(by, pairs.iter().map(|(k, v)| (k, v))));
        if let Some(transfer) = transfer(&mut rng, &pairs, &format!("t{number}-{n}")) {
            // What comes of it shows in the readings.
            let _ = ask(&session, &notes, client, &transfer).await;
        }
    }
    Ok(())
}

fn opening(number: u32) -> Request {
    let open = |n: u64| Step::Put(account(n), value(100, &format!("opened by {number}")));
    Request {
        compare: vec![Compare::Exists(account(0), false)],
        success: (0..ACCOUNTS as u64).map(open).collect(),
        failure: Vec::new(),
    }
}

fn transfer(rng: &mut Rng, pairs: &[(Bytes, Bytes)], mark: &str) -> Option<Request> {
    let (from, to) = (rng.pick(pairs)?.clone(), rng.pick(pairs)?.clone());
    let sum = 1 + rng.below(20) as i64;
    if from.0 == to.0 || amount(&from.1) < sum {
        return None;
    }
    let put = |(key, old): &(Bytes, Bytes), change: i64| {
        Step::Put(key.clone(), value(amount(old) + change, mark))
    };
    Some(Request {
        success: vec![put(&from, -sum), put(&to, sum)],
        compare: [from, to].map(|(key, value)| Compare::Value(key, value)).to_vec(),
        failure: Vec::new(),
    })
}
