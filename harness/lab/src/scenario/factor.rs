//! What may differ between runs.

use serde::{Deserialize, Serialize};

use super::settings::Setting;

/// What sort of condition a factor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A bug in a version.
    Latent,
    /// Something that befalls a machine, a link, a process.
    Fault,
    /// A setting, or a change that was made on purpose.
    Environment,
    /// What people do about it: `off`, `reactive`, `forced`.
    Human,
}

impl Kind {
    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Latent => "latent",
            Kind::Fault => "fault",
            Kind::Environment => "environment",
            Kind::Human => "human",
        }
    }
}

/// A condition with levels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Factor {
    /// Its name: what `--set` takes.
    pub name: String,
    /// What sort of condition it is.
    pub kind: Kind,
    /// Its levels, the default first.
    pub levels: Vec<String>,
    /// Whether the record is silent about it.
    pub assumption: bool,
    /// What it is, for people.
    pub doc: String,
}

impl Factor {
    /// The level of a run that says nothing.
    pub fn default_level(&self) -> &str {
        &self.levels[0]
    }
}

/// A quantity with a range.
#[derive(Clone, Debug, PartialEq)]
pub struct Number {
    /// Its name: what `--set` takes.
    pub name: String,
    /// Its value in a run that says nothing.
    pub default: Setting,
    /// The least value.
    pub min: f64,
    /// The greatest value.
    pub max: f64,
    /// What it is, for people.
    pub doc: String,
}

impl Number {
    /// Whether only whole values make sense.
    pub fn whole(&self) -> bool {
        matches!(self.default, Setting::Whole(_))
    }
}
