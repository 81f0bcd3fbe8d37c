//! From the record of a run to what a person is told: the timeline, the pools, the chain.
//!
//! A program says what happened to it; here it is chosen what of that matters. Repetitions are
//! folded: a kind of event of one actor and one subject is told again only after a pause, so that a
//! thing that goes on for an hour is a few lines.

use std::collections::BTreeMap;
use std::time::Duration;

use harness_sim::{Event, FaultReport};

use crate::outcome::{ActSpan, Entry, FaultRecord, PoolState};
use crate::scenario::Calendar;

/// The kinds that a person wants to read of, and after how long again.
const TOLD: &[(&str, Duration)] = &[
    ("alarm.cleared", ALWAYS),
    ("alarm.raised", ALWAYS),
    ("apiserver.started", ALWAYS),
    ("apiserver.timeout", LATER),
    ("apiserver.too-many-requests", LATER),
    ("endpoints.given-up", LATER),
    ("endpoints.update-failed", LATER),
    ("etcd-client.quota.lost", ALWAYS),
    ("etcd-client.quota.recovered", ALWAYS),
    ("etcd.grown", ALWAYS),
    ("etcd.leader", ALWAYS),
    ("etcd.member.added", ALWAYS),
    ("etcd.ready", ALWAYS),
    ("etcd.upgraded", ALWAYS),
    ("journey.fails", ALWAYS),
    ("journey.well", ALWAYS),
    ("leader.acquired", ALWAYS),
    ("leader.lost", ALWAYS),
    ("mesh.canary.failed", ALWAYS),
    ("mesh.namer.failed", ONCE),
    ("mesh.namer.frozen", ALWAYS),
    ("mesh.restart.first", ALWAYS),
    ("mesh.restarted", ALWAYS),
    ("node.lost", ALWAYS),
    ("pod.mount-failed", LATER),
    ("process.crashed", ALWAYS),
    ("reconciled", ALWAYS),
    ("service.deleted", ALWAYS),
    ("standin.off", ALWAYS),
    ("standin.on", ALWAYS),
];

const ALWAYS: Duration = Duration::ZERO;
const LATER: Duration = Duration::from_secs(30 * 60);
const ONCE: Duration = Duration::MAX;

/// The lines of the timeline.
pub fn timeline(events: &[Event], calendar: &Calendar) -> Vec<Entry> {
    let mut last: BTreeMap<(String, String, String), Duration> = BTreeMap::new();
    let mut entries = Vec::new();
    for event in events {
        let pause = if event.kind.starts_with("step.") {
            ALWAYS
        } else {
            match TOLD.iter().find(|(kind, _)| *kind == event.kind) {
                Some((_, pause)) => *pause,
                None => continue,
            }
        };
        let key = (actor(event), event.kind.clone(), subject(event));
        if !pause.is_zero() && last.get(&key).is_some_and(|at| event.at - *at < pause) {
            continue;
        }
        last.insert(key, event.at);
        entries.push(entry(event, calendar));
    }
    entries
}

fn entry(event: &Event, calendar: &Calendar) -> Entry {
    let because = event.fields.get("because");
    Entry {
        at: calendar.offset_of(harness_env::Wall(event.wall)),
        actor: actor(event),
        kind: event.kind.clone(),
        text: event.message.clone(),
        because: because
            .map(|text| text.split("; ").map(str::to_owned).collect())
            .unwrap_or_default(),
    }
}

/// What an event is about, beside its actor: of a pod, what made it (the pod's name without what is its
/// own), because the pods of one rollout fail alike.
fn subject(event: &Event) -> String {
    let pod = event.fields.get("pod").map(String::as_str).unwrap_or_default();
    pod.rsplit_once('-').map_or(pod, |(owner, _)| owner).to_owned()
}

/// Who: a person by team, a program with its machine.
fn actor(event: &Event) -> String {
    let person = event.kind.starts_with("step.")
        || event.machine == "office"
        || event.process.is_empty()
        || event.process == event.machine;
    match (person, event.process.as_str()) {
        (_, "") => "world".to_owned(),
        (true, who) => who.to_owned(),
        (false, program) => format!("{program} on {}", event.machine),
    }
}

/// Follows the pools of the apiservers' etcd clients: which have lost their quota.
#[derive(Default)]
pub struct Pools {
    stuck: BTreeMap<(String, String), u64>,
}

impl Pools {
    /// The pools at the end of each act, from what the clients said.
    pub fn at_the_ends_of(events: &[Event], ends: &[(String, Duration)]) -> Vec<PoolState> {
        let mut pools = Pools::default();
        let mut events = events.iter().peekable();
        let mut states = Vec::new();
        for (act, end) in ends {
            while let Some(event) = events.next_if(|event| event.at <= *end) {
                pools.follow(event);
            }
            states.extend(pools.stuck.iter().filter(|(_, count)| **count > 0).map(
                |((apiserver, resource), _)| PoolState {
                    act: act.clone(),
                    apiserver: apiserver.clone(),
                    resource: resource.clone(),
                    stuck: true,
                },
            ));
        }
        states
    }

    /// Whether the pool that an event tells of has lost its quota.
    fn is_stuck(&self, event: &Event) -> bool {
        let client = event.fields.get("client").cloned().unwrap_or_default();
        self.stuck.get(&(event.machine.clone(), client)).is_some_and(|count| *count > 0)
    }

    fn follow(&mut self, event: &Event) {
        match event.kind.as_str() {
            "etcd-client.quota.lost" | "etcd-client.quota.recovered" => {
                let Some(client) = event.fields.get("client") else { return };
                let count = self.stuck.entry((event.machine.clone(), client.clone())).or_default();
                if event.kind.ends_with("lost") {
                    *count += 1;
                } else {
                    *count = count.saturating_sub(1);
                }
            }
            // A new process has new pools.
            "apiserver.started" => {
                self.stuck.retain(|(machine, _), _| *machine != event.machine);
            }
            _ => {}
        }
    }
}

/// The faults as the outcome tells them.
pub fn faults(reports: &[FaultReport]) -> Vec<FaultRecord> {
    let fault = |report: &FaultReport| FaultRecord {
        id: format!("f{}", report.id.0),
        kind: report.kind.clone(),
        effects: report.effects,
    };
    reports.iter().map(fault).collect()
}

/// Which conditions led to what happened, the first first: what the record shows, and no more. What was
/// undone before the main act is none of them, nor is a condition that nothing came to need.
pub fn chain(events: &[Event], acts: &[ActSpan], calendar: &Calendar) -> Vec<Entry> {
    let main = acts.last().map_or(f64::MIN, |act| act.start);
    let is_before = |event: &Event| calendar.offset_of(harness_env::Wall(event.wall)) < main;
    let first = |kind: &str| events.iter().find(|event| event.kind == kind);
    let in_the_outage =
        |kind: &&str| events.iter().find(|event| event.kind == **kind && !is_before(event));
    let mut links = quotas_lost(events, is_before);
    if !links.is_empty() {
        links.extend(stream_limit(events));
    }
    if ["mesh.namer.failed", "mesh.namer.frozen"].iter().any(|kind| first(kind).is_some()) {
        links.extend(first("step.scale"));
        links.extend(first("mesh.namer.frozen"));
    }
    links.extend(OUTAGE.iter().filter_map(in_the_outage));
    links.sort_by_key(|event| event.id);
    links.into_iter().map(|event| entry(event, calendar)).collect()
}

/// The first member that told its clients how many streams they may have. Until then they keep no count, and
/// what they would keep it with makes no difference.
pub fn stream_limit(events: &[Event]) -> Option<&Event> {
    let limits =
        |event: &&Event| event.kind == "etcd.ready" && event.fields.contains_key("stream_limit");
    events.iter().find(limits)
}

/// The losses of a quota that the main act met, or that it brought.
fn quotas_lost(events: &[Event], is_before: impl Fn(&Event) -> bool) -> Vec<&Event> {
    let mut pools = Pools::default();
    let mut lost: Vec<&Event> = Vec::new();
    for event in events {
        if is_before(event) {
            pools.follow(event);
            lost.retain(|loss| pools.is_stuck(loss));
        }
        if event.kind == "etcd-client.quota.lost" {
            lost.push(event);
        }
    }
    lost
}

/// The links of the outage itself: the first of each kind.
const OUTAGE: &[&str] = &[
    "step.deploy",
    "endpoints.update-failed",
    "step.restart-mesh",
    "pod.mount-failed",
    "step.restart-apiservers",
    "mesh.namer.failed",
    "step.delete-empty-services",
];
