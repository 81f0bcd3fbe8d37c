//! The KV workload: clients that put, read, delete and compare a few keys, one thing at a time.

use bytes::Bytes;
use harness_env::Rng;
use tokio::time::sleep;

use super::call;
use super::notes::Notes;
use super::seat::Seat;
use super::session::{Failure, Session};
use crate::oracle::linearizability::Outcome;
use crate::oracle::linearizability::kv::{Answer, Compare, Keys, Reply, Request, Step};

/// How many keys there are: few, so that clients meet.
const KEYS: u64 = 8;

/// Lives until dropped.
///
/// # Errors
/// Never.
pub async fn run(seat: Seat) -> Result<(), String> {
    let session = seat.session("kv");
    let Seat { env, number, pause, notes, .. } = seat;
    let mut rng = env.rng("operations");
    let mut seen: [Option<Bytes>; KEYS as usize] = Default::default();
    for n in 0u64.. {
        sleep(rng.exponential(pause)).await;
        let key = rng.below(KEYS);
        let request = request(&mut rng, key, &seen, &format!("c{number}-{n}"));
        let answer = ask(&session, &notes, number, &request).await;
        if let Ok(Answer { replies, .. }) = answer
            && let Some(Reply::Got(pairs)) = replies.last()
        {
            seen[key as usize] = pairs.first().map(|(_, value)| value.clone());
        }
    }
    Ok(())
}

/// Makes a request and notes what comes of it.
///
/// # Errors
/// See [`Failure`].
pub async fn ask(
    session: &Session,
    notes: &Notes,
    client: u32,
    request: &Request,
) -> Result<Answer, Failure> {
    let operation = notes.asks(client, request);
    let called = notes.all().operations[operation].called;
    let result = session.call(|client| call::call(client, request)).await;
    match result {
        Ok((answer, revision)) => {
            let writes = !request.is_pure(Some(&answer));
            notes.stamp(request.to_string(), called, revision, writes);
            notes.answered(operation, Outcome::Ok(answer.clone(), notes.moment()));
            Ok(answer)
        }
        Err(failure) => {
            if matches!(failure, Failure::Refused(_)) {
                notes.answered(operation, Outcome::Failed);
            }
            Err(failure)
        }
    }
}

fn request(rng: &mut Rng, n: u64, seen: &[Option<Bytes>], value: &str) -> Request {
    let key = Bytes::from(format!("kv/{n}"));
    let value = Bytes::from(value.to_owned());
    let one = Keys::One(key.clone());
    match rng.below(20) {
        0..8 => Step::Get(one).into(),
        8..14 => Step::Put(key, value).into(),
        14 => Step::Delete(one).into(),
        _ => {
            let compare = match &seen[n as usize] {
                Some(value) => Compare::Value(key.clone(), value.clone()),
                None => Compare::Exists(key.clone(), false),
            };
            Request {
                compare: vec![compare],
                success: vec![Step::Put(key, value), Step::Get(one.clone())],
                failure: vec![Step::Get(one)],
            }
        }
    }
}
