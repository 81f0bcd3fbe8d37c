//! Chaos Toolkit's journal: what `chaos run` leaves behind.
//!
//! The format is that of the "Journal" page of Chaos Toolkit's reference: the experiment, what was
//! done (`run`: one entry an activity), the steady state before and after, and a status. The
//! steps that people and schedules took are its method; the objectives of the journeys are its
//! steady-state hypothesis. Times are ISO 8601.

use serde_json::{Value, json};

use super::Played;
use crate::narrate::duration;
use crate::outcome::buckets::{Bucket, MINUTE};
use crate::outcome::{Entry, Severity};

/// The version of Chaos Toolkit's journal that this follows (chaostoolkit-lib 1.x).
const VERSION: &str = "1.0.0";

/// The journal.
pub fn journal(played: &Played) -> Value {
    let Played { scenario, outcome, .. } = played;
    let taken = |entry: &&Entry| {
        entry.kind.starts_with("step.")
            && !["step.skipped", "step.withheld"].contains(&entry.kind.as_str())
    };
    let steps: Vec<&Entry> = outcome.timeline.iter().filter(taken).collect();
    let (first, last) = (outcome.acts.first(), outcome.acts.last());
    let start = first.map_or(0.0, |act| act.start);
    let end = last.map_or(0.0, |act| act.end);
    json!({
        "chaoslib-version": VERSION,
        "platform": "anatomy",
        "experiment": {
            "version": VERSION,
            "title": scenario.title,
            "description": scenario.summary.trim(),
            "tags": ["anatomy", outcome.scenario],
            "configuration": outcome.settings,
            "steady-state-hypothesis": {
                "title": "every journey meets its objective",
                "probes": scenario.workload.journeys.iter().map(|journey| {
                    let mut probe = probe(played, &journey.name);
                    probe["tolerance"] = json!({ "type": "range", "range": [journey.objective, 1.0] });
                    probe
                }).collect::<Vec<_>>(),
            },
            "method": steps.iter().map(|step| activity(played, step)).collect::<Vec<_>>(),
            "rollbacks": [],
        },
        "start": scenario.calendar.stamp(start),
        "end": scenario.calendar.stamp(end),
        "duration": end - start,
        "status": "completed",
        "deviated": outcome.severity != Severity::Ok,
        "steady_states": {
            "before": states(played, |buckets| &buckets[..buckets.len().min(MINUTE)]),
            "after": states(played, |buckets| &buckets[buckets.len().saturating_sub(MINUTE)..]),
            "during": [],
        },
        "run": steps.iter().map(|step| json!({
            "activity": activity(played, step),
            "status": if step.kind == "step.failed" { "failed" } else { "succeeded" },
            "output": { "text": step.text, "because": step.because },
            "start": scenario.calendar.stamp(step.at),
            "end": scenario.calendar.stamp(step.at),
            "duration": 0.0,
        })).collect::<Vec<_>>(),
        "rollbacks": [],
        "anatomy": {
            "severity": outcome.severity.name(),
            "reasons": outcome.reasons,
            "outage": outage(played),
            "digest": outcome.digest,
            "replay": outcome.replay(scenario),
        },
    })
}

/// What does any of it: the run as a whole, since a step or a probe of it cannot be had alone.
fn provider(played: &Played) -> Value {
    let Played { scenario, outcome, .. } = played;
    let mut arguments = vec!["run".to_owned(), scenario.found_by.clone()];
    arguments.extend(["--seed".to_owned(), outcome.seed.to_string()]);
    for (name, to) in outcome.settings.overrides(scenario) {
        arguments.extend(["--set".to_owned(), format!("{name}={to}")]);
    }
    if let Some(act) = &outcome.until {
        arguments.extend(["--until".to_owned(), act.clone()]);
    }
    arguments.extend(["--json".to_owned(), "-".to_owned()]);
    json!({ "type": "process", "path": "anatomy", "arguments": arguments })
}

fn activity(played: &Played, step: &Entry) -> Value {
    let name = format!("{}: {}", step.actor, step.text);
    json!({ "type": "action", "name": name, "provider": provider(played) })
}

/// Every journey against its objective, over six buckets of ten seconds.
fn states(played: &Played, minute: impl Fn(&[Bucket]) -> &[Bucket]) -> Value {
    let Played { scenario, outcome, .. } = played;
    let journeys = scenario.workload.journeys.iter();
    let mut all_met = true;
    let mut probes = Vec::new();
    for (known, journey) in journeys.zip(&outcome.journeys) {
        let buckets = minute(&journey.buckets);
        let (ok, requests) =
            buckets.iter().fold((0, 0), |(ok, all), b| (ok + b.ok, all + b.requests));
        let ratio = if requests == 0 { 1.0 } else { ok as f64 / requests as f64 };
        let met = ratio >= known.objective;
        all_met &= met;
        probes.push(json!({
            "activity": probe(played, &journey.name),
            "output": ratio,
            "tolerance_met": met,
            "status": "succeeded",
        }));
    }
    json!({ "steady_state_met": all_met, "probes": probes })
}

fn probe(played: &Played, journey: &str) -> Value {
    json!({ "type": "probe", "name": journey, "provider": provider(played) })
}

fn outage(played: &Played) -> String {
    let bad = played.outcome.phases.iter().filter(|p| p.name == "partial" || p.name == "total");
    duration(bad.map(|phase| (phase.end - phase.start) as f64).sum())
}
