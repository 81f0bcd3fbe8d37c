//! Histories for tests and benchmarks: what clients of a store that does everything right would have
//! seen, and how to spoil them.

use std::time::Duration;

use bytes::Bytes;
use harness_env::Rng;

use super::history::{Moment, Operation, Outcome};
use super::kv::{Answer, Compare, Keys, Reply, Request, State, Step};

/// What histories are like.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How many operations.
    pub operations: usize,
    /// How many at a time.
    pub clients: usize,
    /// How many keys.
    pub keys: u64,
    /// The part of operations whose outcome nobody learns.
    pub unknown: f64,
    /// The part of operations that touch more than one key.
    pub wide: f64,
}

/// What a client is doing.
enum Doing {
    Nothing,
    Asking(usize),
    Answered(usize, Answer),
}

/// A store written apart from [`Request::step`], so that one checks the other.
pub fn invoke(state: &mut State, request: &Request) -> Answer {
    let holds = |compare: &Compare| match compare {
        Compare::Value(key, value) => state.get(key).is_some_and(|there| there == value),
        Compare::Exists(key, there) => state.get(key).is_some() == *there,
    };
    let succeeded = request.compare.iter().all(holds);
    let steps = if succeeded { request.success.clone() } else { request.failure.clone() };
    let mut replies = Vec::new();
    for step in steps {
        replies.push(match step {
            Step::Put(key, value) => {
                state.insert(key, value);
                Reply::Put
            }
            Step::Delete(keys) => {
                let before = state.len();
                state.retain(|key, _| !keys.contains(key));
                Reply::Deleted((before - state.len()) as u64)
            }
            Step::Get(keys) => {
                let there = state.iter().filter(|(key, _)| keys.contains(key));
                Reply::Got(there.map(|(key, value)| (key.clone(), value.clone())).collect())
            }
        });
    }
    Answer { succeeded, replies }
}

/// The history that one seed gives.
pub fn history(plan: Plan, seed: u64) -> Vec<Operation> {
    let mut rng = Rng::from_key(seed);
    let mut state = State::new();
    let mut operations: Vec<Operation> = Vec::new();
    let mut clients: Vec<Doing> = (0..plan.clients).map(|_| Doing::Nothing).collect();
    let mut loose: Vec<usize> = Vec::new();
    let mut order = 0;
    while operations.len() < plan.operations || clients.iter().any(|c| !matches!(c, Doing::Nothing))
    {
        order += 1;
        let now = Moment { order, at: Duration::from_millis(order) };
        if !loose.is_empty() && rng.chance(0.05) {
            let late = loose.swap_remove(rng.below(loose.len() as u64) as usize);
            invoke(&mut state, &operations[late].request);
        }
        let client = rng.below(plan.clients as u64) as usize;
        let gives_up = rng.chance(plan.unknown / 2.0);
        let next = match std::mem::replace(&mut clients[client], Doing::Nothing) {
            Doing::Nothing if operations.len() == plan.operations => Doing::Nothing,
            Doing::Nothing => {
                let request = request(plan, &mut rng, &state, operations.len());
                let outcome = Outcome::Unknown;
                let client = client as u32;
                operations.push(Operation { client, request, called: now, outcome });
                Doing::Asking(operations.len() - 1)
            }
            Doing::Asking(n) if gives_up => {
                loose.push(n);
                Doing::Nothing
            }
            Doing::Asking(n) => Doing::Answered(n, invoke(&mut state, &operations[n].request)),
            Doing::Answered(_, _) if gives_up => Doing::Nothing,
            Doing::Answered(n, answer) => {
                operations[n].outcome = Outcome::Ok(answer, now);
                Doing::Nothing
            }
        };
        clients[client] = next;
    }
    operations
}

fn key(n: u64) -> Bytes {
    format!("k{n}").into()
}

fn request(plan: Plan, rng: &mut Rng, state: &State, n: usize) -> Request {
    let one = key(rng.below(plan.keys));
    let value = Bytes::from(format!("v{n}"));
    let wide = rng.chance(plan.wide);
    let other = key(rng.below(plan.keys));
    let is = |key: &Bytes| match state.get(key) {
        Some(value) => Compare::Value(key.clone(), value.clone()),
        None => Compare::Exists(key.clone(), false),
    };
    match (wide, rng.below(10)) {
        (true, 0..5) => Step::Get(Keys::Range(key(0), Bytes::from_static(b"l"))).into(),
        (true, _) => Request {
            compare: vec![is(&one), is(&other)],
            success: vec![Step::Put(one, value.clone()), Step::Put(other.clone(), value)],
            failure: vec![Step::Get(Keys::One(other))],
        },
        (false, 0..4) => Step::Get(Keys::One(one)).into(),
        (false, 4..8) => Step::Put(one, value).into(),
        (false, 8) => Step::Delete(Keys::One(one)).into(),
        (false, _) => Request {
            compare: vec![is(&one)],
            success: vec![Step::Put(one.clone(), value)],
            failure: vec![Step::Get(Keys::One(one))],
        },
    }
}

/// Makes one answer say something else, if there is one that can: what some operation saw is what
/// another saw or wrote, or nothing.
pub fn tamper(operations: &mut [Operation], seed: u64) {
    let mut rng = Rng::from_key(seed);
    let writes = |operation: &Operation| {
        let steps = operation.request.success.clone().into_iter();
        steps.filter_map(|step| match step {
            Step::Put(_, value) => Some(value),
            _ => None,
        })
    };
    let values: Vec<Bytes> = operations.iter().flat_map(writes).collect();
    let n = rng.below(operations.len() as u64) as usize;
    let Outcome::Ok(answer, _) = &mut operations[n].outcome else { return };
    for reply in &mut answer.replies {
        match reply {
            Reply::Got(pairs) if !pairs.is_empty() => {
                let at = rng.below(pairs.len() as u64) as usize;
                match rng.pick(&values) {
                    Some(value) if rng.chance(0.8) => pairs[at].1 = value.clone(),
                    _ => drop(pairs.remove(at)),
                }
            }
            Reply::Deleted(count) => *count = 1 - (*count).min(1),
            Reply::Got(_) | Reply::Put => {}
        }
    }
}
