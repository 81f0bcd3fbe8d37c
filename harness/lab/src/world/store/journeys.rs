//! Journeys of etcd's users: puts and reads, an open loop each.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use harness_env::Env;
use tokio::time::{Instant, sleep, timeout};

use super::call;
use super::notes::Notes;
use super::session::{Failure, Session};
use crate::oracle::acknowledged::Written;
use crate::oracle::linearizability::kv::Keys;
use crate::scenario::{Entry, Journey};

/// A journey's trouble is told again after so long.
const TOLD_AGAIN: Duration = Duration::from_secs(30);
/// Every so many values are larger than a sector: a power loss tears nothing smaller.
const LARGE_EVERY: u64 = 3;
const LARGE: usize = 1500;
/// What is read.
const LOOKED_UP: &[u8] = b"lookup";

/// Lives until dropped.
///
/// # Errors
/// Never.
pub async fn run(
    env: Env,
    journey: Journey,
    endpoints: Vec<SocketAddr>,
    patience: Duration,
    notes: Notes,
) -> Result<(), String> {
    let session = Session::new(&env, &journey.name, &endpoints, patience);
    let mut gaps = env.rng("arrivals");
    let mean = Duration::from_secs_f64(1.0 / journey.rate);
    let each = env.tasks();
    let name: Arc<str> = journey.name.as_str().into();
    let told = Arc::new(std::sync::Mutex::new(None));
    for n in 0u64.. {
        sleep(gaps.exponential(mean)).await;
        let (env, session, notes, name) =
            (env.clone(), session.clone(), notes.clone(), name.clone());
        let (entry, told) = (journey.entry, told.clone());
        each.spawn(async move {
            let (began, wall) = (Instant::now(), env.wall());
            let result = timeout(patience, ask(&session, &notes, &name, entry, n)).await;
            let result = result.unwrap_or_else(|_| Err(Failure::Unknown("no answer".to_owned())));
            notes.sample(&name, wall, env.wall(), result.is_ok());
            tell(&name, result.err(), began, &mut told.lock().expect("no panic with the lock"));
        });
    }
    Ok(())
}

/// Tells a person when a journey begins to fail, and when it is well again.
fn tell(name: &str, failure: Option<Failure>, began: Instant, told: &mut Option<(bool, Instant)>) {
    let (well, now) = (failure.is_none(), Instant::now());
    let is_new = match told {
        None => !well,
        Some((was_well, at)) => *was_well != well && now - *at >= TOLD_AGAIN,
    };
    if !is_new {
        return;
    }
    *told = Some((well, now));
    match failure {
        Some(failure) => {
            let (text, after) = (failure.text(), (now - began).as_secs_f64());
            tracing::info!(kind = "journey.fails", "{name}: {text} after {after:.0} s");
        }
        None => tracing::info!(kind = "journey.well", "{name}: answered again"),
    }
}

async fn ask(
    session: &Session,
    notes: &Notes,
    name: &Arc<str>,
    entry: Entry,
    n: u64,
) -> Result<(), Failure> {
    let called = notes.moment();
    if entry == Entry::Write {
        let filler = if n.is_multiple_of(LARGE_EVERY) { LARGE } else { 0 };
        let (key, value) = (format!("{name}/{n}"), format!("{n}{}", ".".repeat(filler)));
        let request = call::put(&Bytes::from(key.clone()), &Bytes::from(value.clone()));
        let answer = session.call(|client| async move { client.put(request).await }).await?;
        let revision = answer.header.map_or(0, |header| header.revision);
        notes.stamp(format!("put {key}"), called, revision, true);
        notes.all().acknowledged.push((key, Written { value, revision }));
        return Ok(());
    }
    let serializable = entry == Entry::SerializableRead;
    let mut request = call::range(&Keys::One(Bytes::from_static(LOOKED_UP)));
    request.serializable = serializable;
    let answer = session.call(|client| async move { client.range(request).await }).await?;
    if !serializable {
        let revision = answer.header.map_or(0, |header| header.revision);
        notes.stamp(format!("get {}", String::from_utf8_lossy(LOOKED_UP)), called, revision, false);
    }
    Ok(())
}
