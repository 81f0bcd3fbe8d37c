//! The Trace Event Format ("JSON Object Format" of Google's document "Trace Event Format").
//!
//! Times (`ts`, `dur`) are microseconds from the beginning of the run; the acts of a prehistory lie
//! as far apart as they did. A machine is a `pid`, a process on it a `tid`.

use serde_json::{Value, json};

use super::Played;
use super::tracks::{beginning, tracks};

/// The number of the group that shows phases and journeys.
const RUN: u64 = 0;

/// The trace.
pub fn trace(played: &Played) -> Value {
    let zero = beginning(played);
    let micros = |at: f64| ((at - zero) * 1e6).round() as i64;
    let mut events = vec![named("process_name", RUN, 0, &played.scenario.title)];
    let tracks = tracks(played);
    for (n, track) in tracks.iter().enumerate() {
        if n == 0 || tracks[n - 1].machine != track.machine {
            let name = if track.machine.is_empty() { "world" } else { track.machine };
            events.push(named("process_name", track.machine_id, 0, name));
        }
        events.push(named("thread_name", track.machine_id, track.id, track.process));
    }
    for phase in &played.outcome.phases {
        let (from, to) = (micros(phase.start as f64), micros(phase.end as f64));
        events.push(json!({
            "name": phase.name, "cat": "phase", "ph": "X", "ts": from, "dur": to - from,
            "pid": RUN, "tid": 0,
        }));
    }
    for journey in &played.outcome.journeys {
        for bucket in &journey.buckets {
            events.push(json!({
                "name": journey.name, "cat": "journey", "ph": "C",
                "ts": micros(bucket.start as f64), "pid": RUN, "tid": 0,
                "args": { "percent": bucket.ratio().unwrap_or(1.0) * 100.0 },
            }));
        }
    }
    for event in played.events {
        let track = tracks
            .iter()
            .find(|track| track.machine == event.machine && track.process == event.process)
            .expect("every event has a track");
        events.push(json!({
            "name": if event.kind.is_empty() { &event.text } else { &event.kind },
            "cat": "event", "ph": "i", "s": "t", "ts": micros(event.at),
            "pid": track.machine_id, "tid": track.id,
            "args": { "text": event.text, "fields": event.fields },
        }));
    }
    json!({
        "traceEvents": events,
        "displayTimeUnit": "ms",
        "otherData": {
            "scenario": played.outcome.scenario,
            "seed": played.outcome.seed,
            "digest": played.outcome.digest,
            "severity": played.outcome.severity.name(),
            "replay": played.outcome.replay(played.scenario),
        },
    })
}

fn named(what: &str, pid: u64, tid: u64, name: &str) -> Value {
    json!({ "name": what, "ph": "M", "pid": pid, "tid": tid, "args": { "name": name } })
}
