//! The end of a run: everything is healed, and then etcd must be whole, agree and serve.

use std::collections::BTreeMap;
use std::time::Duration;

use anatomy_proto::etcdserverpb as pb;
use anatomy_proto::mvccpb::KeyValue;
use bytes::Bytes;
use harness_env::Env;
use mini_etcd::client::{Client, Config, Generation};
use tokio::time::{Instant, sleep, timeout};

use super::machines::Machines;
use super::notes::Notes;
use super::steps::Office;
use super::transfer;
use crate::oracle::{acknowledged, watch};
use crate::world::topology::{Place, port};

/// The names in [`crate::outcome::Violation::oracle`].
const CONVERGENCE: &str = "convergence";
const REPLICAS: &str = "replicas";

/// How long healed members may take until they serve, and to catch up.
const WITHIN: Duration = Duration::from_secs(90);
/// How long watches may take to hear of the last write: until a dead connection is noticed and a new
/// one made.
const HEARING: Duration = Duration::from_secs(45);
/// How long a member is waited for before the next is looked at.
const GLANCE: Duration = Duration::from_secs(5);
/// How often it is looked.
const POLL: Duration = Duration::from_secs(1);
/// The last write.
const LAST: &[u8] = b"the-end";

fn client(env: &Env, places: &[&Place]) -> Client {
    let endpoints = places.iter().map(|place| place.port(port::ETCD_CLIENT)).collect();
    Client::new(env, "auditor", Config { endpoints, generation: Generation::Grpc105 })
}

fn everything(serializable: bool) -> pb::RangeRequest {
    let all = Bytes::from_static(b"\0");
    pb::RangeRequest { key: all.clone(), range_end: all, serializable, ..Default::default() }
}

fn written(kvs: &[KeyValue]) -> BTreeMap<String, acknowledged::Written> {
    let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
    let written = |kv: &KeyValue| {
        let (value, revision) = (text(&kv.value), kv.mod_revision);
        (text(&kv.key), acknowledged::Written { value, revision })
    };
    kvs.iter().map(written).collect()
}

/// Compares what was acknowledged so far with what is there, as somebody at a desk does.
pub async fn audit(env: &Env, machines: &Machines, notes: &Notes, patience: Duration) -> String {
    let acknowledged = notes.all().acknowledged.clone();
    let places: Vec<&Place> = machines.etcd.iter().collect();
    let read = timeout(patience, client(env, &places).range(everything(false))).await;
    let Ok(Ok(answer)) = read else { return "nobody answers".to_owned() };
    let lost = acknowledged::check(&acknowledged, &written(&answer.kvs)).len();
    match lost {
        0 => "everything acknowledged is there".to_owned(),
        _ => format!("{lost} of {} acknowledged writes are gone", acknowledged.len()),
    }
}

/// Waits until every member serves, writes for the last time, and compares what members have.
///
/// # Errors
/// Never: what is wrong is noted.
pub async fn finish(env: Env, office: Office) -> Result<(), String> {
    let notes = &office.notes;
    for n in converge(&env, &office).await {
        let name = &office.etcd.places()[n].name;
        let text = format!("{name} does not serve {WITHIN:?} after everything was healed");
        notes.violation(CONVERGENCE, text, false);
    }
    let members = office.etcd.members();
    let places: Vec<&Place> = members.iter().map(|n| &office.etcd.places()[*n]).collect();
    let key = Bytes::from_static(LAST);
    let put = pb::PutRequest { key, value: Bytes::from("x"), ..Default::default() };
    let last = match timeout(WITHIN, client(&env, &places).put(put)).await {
        Ok(Ok(answer)) => answer.header.map_or(0, |header| header.revision),
        Ok(Err(error)) => {
            let text = format!("a write after everything was healed: {error}");
            notes.violation(CONVERGENCE, text, false);
            return Ok(());
        }
        Err(_) => {
            let text = "a write after everything was healed: no answer".to_owned();
            notes.violation(CONVERGENCE, text, false);
            return Ok(());
        }
    };
    let mut first: Option<(&str, Vec<KeyValue>)> = None;
    for place in &places {
        let Some(kvs) = state(&env, place, last).await else {
            let text = format!("{} is behind revision {last} for {WITHIN:?}", place.name);
            notes.violation(CONVERGENCE, text, false);
            continue;
        };
        match &first {
            None => first = Some((&place.name, kvs)),
            Some((other, theirs)) if *theirs != kvs => {
                let text = format!("{} and {other} differ at revision {last}", place.name);
                notes.violation(REPLICAS, text, true);
            }
            Some(_) => {}
        }
    }
    if let Some((name, kvs)) = &first {
        look_back(notes, name, kvs);
    }
    hear(notes, last).await;
    Ok(())
}

/// Waits until every member serves. Those that do not.
async fn converge(env: &Env, office: &Office) -> Vec<usize> {
    let (etcd, began) = (&office.etcd, Instant::now());
    loop {
        // Whom a change that nobody answered for made a member is started first, and looked for again
        // when all serve: until then whoever lists the members may be behind.
        let settled = etcd.settle(env).await;
        let members = etcd.members();
        let mut silent = Vec::new();
        for n in &members {
            if timeout(GLANCE, etcd.healthy(env, *n)).await.is_err() {
                silent.push(*n);
            }
        }
        let whole = settled.is_ok() && silent.is_empty() && etcd.settle(env).await.is_ok();
        if (whole && members == etcd.members()) || began.elapsed() >= WITHIN {
            return silent;
        }
    }
}

/// What a member has, once it is not behind `revision`.
async fn state(env: &Env, place: &Place, revision: i64) -> Option<Vec<KeyValue>> {
    let began = Instant::now();
    while began.elapsed() < WITHIN {
        let client = client(env, &[place]);
        if let Ok(Ok(answer)) = timeout(WITHIN, client.range(everything(true))).await
            && answer.header.is_some_and(|header| header.revision >= revision)
        {
            return Some(answer.kvs);
        }
        sleep(POLL).await;
    }
    None
}

/// Holds what is there in the end against what was acknowledged.
fn look_back(notes: &Notes, name: &str, kvs: &[KeyValue]) {
    let acknowledged = notes.all().acknowledged.clone();
    let found = acknowledged::check(&acknowledged, &written(kvs));
    let accounts = transfer::accounts();
    let pairs = kvs.iter().map(|kv| (&kv.key, &kv.value));
    let pairs: Vec<_> = pairs.filter(|(key, _)| accounts.contains(key)).collect();
    let mut all = notes.all();
    all.violations.extend(found);
    if !pairs.is_empty() {
        let reading = transfer::reading(format!("{name} at the end"), pairs.into_iter());
        all.readings.push(reading);
    }
}

/// Gives the last watch of each watcher the time to hear of the last write.
async fn hear(notes: &Notes, last: i64) {
    let began = Instant::now();
    loop {
        let silent = {
            let mut all = notes.all();
            let latest = latest(&all.watches);
            for n in &latest {
                all.watches[*n].heard = Some(last);
            }
            let deaf = |n: &&usize| !has_heard(&all.watches[**n], last);
            latest.iter().filter(deaf).count()
        };
        if silent == 0 || began.elapsed() > HEARING {
            return;
        }
        // A watch that is made anew meanwhile is to hear of it in place of the one before.
        notes.all().watches.iter_mut().for_each(|watch| watch.heard = None);
        sleep(POLL).await;
    }
}

/// The last watch of each watcher: `watch 2.7` is the eighth of the second.
fn latest(watches: &[watch::Watch]) -> Vec<usize> {
    let watcher =
        |watch: &watch::Watch| watch.name.split('.').next().unwrap_or_default().to_owned();
    let by_watcher: BTreeMap<String, usize> =
        watches.iter().enumerate().map(|(n, watch)| (watcher(watch), n)).collect();
    by_watcher.into_values().collect()
}

fn has_heard(watch: &watch::Watch, last: i64) -> bool {
    let events = watch.responses.iter().flat_map(|response| &response.events);
    let mut revisions = events.filter_map(|event| event.kv.as_ref()).map(|kv| kv.mod_revision);
    watch.request.start_revision > last || revisions.any(|revision| revision >= last)
}
