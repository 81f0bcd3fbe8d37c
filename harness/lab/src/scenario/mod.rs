//! What is played: a scenario, read from a TOML file and checked as a whole before anything runs.
//!
//! A file is read in two passes, because serde can say what a key must be but not how keys hang
//! together. `file` holds what is written, with the place of every value; `resolve` checks names,
//! times and levels against each other and gives the [`Scenario`] that the world plays. Both passes
//! report the first thing that is wrong as one [`Error`] with its line and the allowed values.

mod action;
mod acts;
mod client;
mod clock;
mod constraint;
mod deed;
mod error;
mod factor;
mod file;
mod library;
mod moved;
#[cfg(feature = "defects")]
pub mod planted;
mod resolve;
mod settings;
pub mod suggest;
mod target;
pub mod vocabulary;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use harness_env::Wall;

pub use action::{Action, Symptom};
pub use client::{Client, ClientKind};
pub use clock::Calendar;
pub use constraint::Constraint;
pub use deed::{Deed, Lasts};
pub use error::Error;
pub use factor::{Factor, Kind, Number};
pub use library::{BUILT_IN, FindError, Source, find, quoted, source};
pub use settings::{Setting, Settings, SettingsError};
pub use target::{Target, Who};

/// A checked scenario.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name: `monzo-2017`, or the file's without its ending.
    pub name: String,
    /// What the command line finds it by: the name of one that is built in, the path of a file.
    pub found_by: String,
    /// One line: what happened, and when.
    pub title: String,
    /// A paragraph for `anatomy list`.
    pub summary: String,
    /// The moment that offsets count from, and the clock that people read.
    pub calendar: Calendar,
    /// The seed of a run that is given none.
    pub seed: u64,
    /// What there is.
    pub world: World,
    /// The machines.
    pub cluster: Cluster,
    /// Versions that no factor decides, by component.
    pub versions: BTreeMap<String, String>,
    /// What users do.
    pub workload: Workload,
    /// The named services; the rest of the number `services` are like any other.
    pub services: Vec<Service>,
    /// Clients whose history is checked, in a world of etcd alone.
    pub clients: Vec<Client>,
    /// What is played, in order of time.
    pub acts: Vec<Act>,
    /// What may differ between runs.
    pub factors: Vec<Factor>,
    /// Levels that no run has together.
    pub constraints: Vec<Constraint>,
    /// The numbers that may differ between runs.
    pub numbers: Vec<Number>,
    /// How bad it really was, and when.
    pub phases: Vec<RealPhase>,
    /// What really happened, and when.
    pub references: Vec<Reference>,
    /// What chance decides before the main act, for analyses that ask what follows from it.
    pub lottery: Option<Lottery>,
    /// A hash of the file's text: runs of different texts are not the same scenario.
    pub hash: u64,
}

/// What there is in a scenario's world.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum World {
    /// A cluster with everything, and a bank on it.
    #[default]
    Bank,
    /// etcd and its clients.
    Etcd,
}

impl World {
    /// What the journeys go through that can fail as a whole.
    pub fn backbone(self) -> &'static str {
        match self {
            World::Bank => "through the mesh",
            World::Etcd => "that needs a quorum",
        }
    }
}

/// The machines that the first act begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// The failure domains, in order; machines are dealt to them in turn.
    pub zones: Vec<String>,
    /// The namespace that the bank's services live in; empty where there is no bank.
    pub namespace: String,
    /// etcd members at the beginning.
    pub etcd_members: u32,
    /// apiservers; none where there is no bank.
    pub apiservers: u32,
}

/// What users do.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// How long a user waits before giving up.
    pub patience: Duration,
    /// The journeys, in the order they are printed.
    pub journeys: Vec<Journey>,
}

/// One thing that users do again and again.
#[derive(Clone, Debug, PartialEq)]
pub struct Journey {
    /// Its name: `app-feed`.
    pub name: String,
    /// What it is, for people.
    pub doc: String,
    /// Where it comes from.
    pub entry: Entry,
    /// The services it passes, in order; each calls the next through the mesh.
    pub path: Vec<String>,
    /// Requests a second (a Poisson process).
    pub rate: f64,
    /// The success ratio that every 10-second bucket should reach.
    pub objective: f64,
    /// Whether its failure alone makes an outage.
    pub critical: bool,
    /// Whether it can only succeed through the mesh, or by a quorum: those journeys together tell a
    /// total outage.
    pub mesh: bool,
}

/// Where a journey comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Customers' telephones.
    App,
    /// The card scheme's network, by the bank's physical data centres.
    DataCentre,
    /// A health check from outside.
    HealthCheck,
    /// Puts.
    Write,
    /// Reads of the newest.
    Read,
    /// Reads of what some member has.
    SerializableRead,
}

/// A named service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its name in the mesh.
    pub name: String,
    /// Its pods.
    pub replicas: u32,
}

/// A stretch of the story that is played without a gap; between two acts the wall clock jumps.
#[derive(Clone, Debug, PartialEq)]
pub struct Act {
    /// Its name: what `--until` takes.
    pub name: String,
    /// What it is, for people.
    pub doc: String,
    /// The wall-clock time of its beginning.
    pub starts: Wall,
    /// Where it ends.
    pub end: End,
    /// Whether the record is silent about it.
    pub assumption: bool,
    /// What is done, in order of time.
    pub steps: Vec<Step>,
}

/// Where an act ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// At this wall-clock time.
    At(Wall),
    /// When every step is done and nothing has changed for `quiet`; after `limit` at the latest.
    Settled {
        /// How long nothing may change.
        quiet: Duration,
        /// How long the act may last.
        limit: Duration,
    },
}

/// One thing that somebody does.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// When, counted from the act's beginning.
    pub at: Duration,
    /// Who: a team or a person on call.
    pub actor: String,
    /// What.
    pub action: Action,
    /// The factor that decides whether.
    pub factor: Option<String>,
    /// What must be seen for it to be done, where the factor's level is `reactive`.
    pub symptom: Option<Symptom>,
    /// What it is, for people.
    pub doc: String,
}

/// Whether a step is taken once its time has come.
///
/// Who takes a step on a symptom looks for it whatever the level says, and the level decides what
/// follows. So two runs that differ in a level are the same up to the deed itself, and the same
/// altogether where both do it or neither does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is taken, whatever is seen.
    Always,
    /// It is taken if its symptom is seen.
    IfSeen,
    /// It is not taken.
    Never,
}

impl Decision {
    /// Whether who sees this takes it.
    pub fn takes(self, seen: &[String]) -> bool {
        match self {
            Decision::Always => true,
            Decision::IfSeen => !seen.is_empty(),
            Decision::Never => false,
        }
    }
}

/// How a step is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// All of it.
    Whole,
    /// One first; the rest only if that one does well.
    Canary,
}

impl Step {
    /// What the settings say about this step.
    pub fn decision(&self, settings: &Settings) -> Decision {
        match self.level(settings) {
            Some("off") => Decision::Never,
            Some("reactive" | "canary") | None if self.symptom.is_some() => Decision::IfSeen,
            _ => Decision::Always,
        }
    }

    /// How the settings want it taken.
    pub fn manner(&self, settings: &Settings) -> Manner {
        match self.level(settings) {
            Some("canary") => Manner::Canary,
            _ => Manner::Whole,
        }
    }

    fn level<'a>(&self, settings: &'a Settings) -> Option<&'a str> {
        self.factor.as_deref().map(|factor| settings.level(factor))
    }
}

/// A phase of the real incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RealPhase {
    /// `partial`, `total` or `recovered`.
    pub name: String,
    /// When it began.
    pub starts: Wall,
    /// Where that is written.
    pub source: String,
}

/// A condition that chance brings about, or does not, before the main act begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lottery {
    /// The act that it is decided in.
    pub act: String,
    /// The resources whose etcd clients must have lost their quota when that act is over: any one of
    /// an apiserver's for each.
    pub lost: Vec<String>,
    /// What it is, for people.
    pub doc: String,
}

/// A moment of the real incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// When.
    pub at: Wall,
    /// What happened.
    pub text: String,
    /// Where that is written.
    pub source: String,
    /// The `kind` of the timeline entry that answers to it in a run.
    pub kind: Option<String>,
}

impl Scenario {
    /// Reads the text of a file called `name`.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line.
    pub fn parse(name: &str, file: &str, text: &str) -> Result<Self, Box<Error>> {
        resolve::resolve(name, file, text)
    }

    /// The settings of a run that overrides nothing.
    pub fn defaults(&self) -> Settings {
        Settings::defaults(self)
    }

    /// The constraint that `settings` violate, if they do.
    pub fn forbidden(&self, settings: &Settings) -> Option<&Constraint> {
        self.constraints.iter().find(|constraint| constraint.forbids(settings))
    }

    /// The version of `component` in a run with `settings`: its factor's level, or what the file
    /// fixes.
    pub fn version<'a>(&'a self, settings: &'a Settings, component: &str) -> &'a str {
        match self.versions.get(component) {
            Some(version) => version,
            None => settings.level(component),
        }
    }

    /// The act called `name`.
    pub fn act(&self, name: &str) -> Option<&Act> {
        self.acts.iter().find(|act| act.name == name)
    }

    /// Its hash as text: what results are marked with.
    pub fn text(&self) -> String {
        format!("{:016x}", self.hash)
    }

    /// The act that the zero of the calendar falls into; the last one where none does.
    pub fn main_act(&self) -> &Act {
        let zero = self.calendar.zero();
        let begun = self.acts.iter().rev().find(|act| act.starts <= zero);
        begun.or(self.acts.last()).expect("a checked scenario has an act")
    }
}
