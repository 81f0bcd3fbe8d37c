//! What an outcome is made of: events, entries of the timeline, acts, faults, pools, violations.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One event of a run: what `--events` writes, a line each.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// How many came before.
    pub index: usize,
    /// Seconds from the scenario's zero.
    pub at: f64,
    /// The machine.
    pub machine: String,
    /// The process on it.
    pub process: String,
    /// What sort of event: a dotted constant.
    pub kind: String,
    /// A sentence.
    pub text: String,
    /// The other fields, as text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
}

impl Event {
    /// Where, of what kind, and what.
    pub fn told(&self) -> String {
        let place: Vec<&str> =
            [&*self.machine, &*self.process].into_iter().filter(|name| !name.is_empty()).collect();
        let place = if place.is_empty() { "the world".to_owned() } else { place.join("/") };
        let kind = if self.kind.is_empty() { "said" } else { &self.kind };
        format!("{place}: {kind}: {}", self.text)
    }
}

/// One line of the timeline.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Seconds from the scenario's zero.
    pub at: f64,
    /// Who: a team, a program, the monitor.
    pub actor: String,
    /// What sort of event: a dotted constant. A step of the scenario that is taken has the kind
    /// `step.` and its action's name, one that is not taken for want of its symptom
    /// `step.skipped`.
    pub kind: String,
    /// A sentence.
    pub text: String,
    /// What it was based on, or what led to it.
    pub because: Vec<String>,
}

/// What became of a step of the scenario once its time had come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StepOutcome {
    /// The act.
    pub act: String,
    /// Its number in the act, counted from 0.
    pub index: usize,
    /// When it was due: seconds from the scenario's zero.
    pub due: f64,
    /// How long after that it was decided, in seconds: the reaction, and looking again.
    #[serde(default)]
    pub waited: f64,
    /// Who was to take it.
    pub actor: String,
    /// What: its name in scenario files.
    pub action: String,
    /// The factor that decides whether.
    pub factor: Option<String>,
    /// What was looked for; none where nobody had to look.
    pub symptom: Option<String>,
    /// The signs of it that were seen.
    pub seen: Vec<String>,
    /// Whether it was taken.
    pub taken: bool,
    /// When it was done, or given up: seconds from the scenario's zero.
    pub ended: Option<f64>,
}

impl StepOutcome {
    /// When it was decided: seconds from the scenario's zero.
    pub fn decided(&self) -> f64 {
        self.due + self.waited
    }
}

/// An act as it was played.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ActSpan {
    /// Its name.
    pub name: String,
    /// Its beginning: seconds from the scenario's zero.
    pub start: f64,
    /// Its end.
    pub end: f64,
}

/// A fault that was injected.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FaultRecord {
    /// Its name in this run.
    pub id: String,
    /// What sort of fault.
    pub kind: String,
    /// How often it changed anything: 0 is a fault that did nothing.
    pub effects: u64,
}

/// The stream-quota pool of one etcd client at the end of an act.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PoolState {
    /// The act.
    pub act: String,
    /// The apiserver.
    pub apiserver: String,
    /// The resource that the client stores.
    pub resource: String,
    /// Whether the quota is lost: nothing to be had although not all is in use.
    pub stuck: bool,
}

/// Something that an oracle found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Violation {
    /// The oracle.
    pub oracle: String,
    /// What it found.
    pub text: String,
    /// Whether an acknowledged write or payment is gone or doubled.
    pub data_loss: bool,
}
