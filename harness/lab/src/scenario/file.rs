//! What is written in a scenario file, with the place of what may turn out wrong.
//!
//! Every table refuses keys that it does not know. `docs/scenarios.md` explains each key.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use toml::value::Datetime;

use super::factor::Kind;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct File {
    pub title: String,
    #[serde(default)]
    pub summary: String,
    pub zero: Spanned<Datetime>,
    #[serde(default)]
    pub seed: u64,
    pub world: Option<Spanned<String>>,
    pub cluster: Cluster,
    #[serde(default)]
    pub versions: BTreeMap<Spanned<String>, Spanned<String>>,
    pub workload: Workload,
    #[serde(default)]
    pub service: Vec<Service>,
    #[serde(default)]
    pub client: Vec<Client>,
    #[serde(default)]
    pub act: Vec<Act>,
    #[serde(default)]
    pub step: Vec<Step>,
    #[serde(default)]
    pub factor: Vec<Factor>,
    #[serde(default)]
    pub constraint: Vec<Constraint>,
    #[serde(default)]
    pub number: Vec<Number>,
    #[serde(default)]
    pub phase: Vec<Phase>,
    #[serde(default)]
    pub reference: Vec<Reference>,
    pub lottery: Option<Lottery>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Cluster {
    pub zones: Spanned<Vec<Spanned<String>>>,
    pub namespace: Option<Spanned<String>>,
    pub etcd_members: Spanned<u32>,
    pub apiservers: Option<Spanned<u32>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Workload {
    pub patience: Spanned<String>,
    pub journey: Spanned<Vec<Journey>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Journey {
    pub name: Spanned<String>,
    #[serde(default)]
    pub doc: String,
    pub entry: Spanned<String>,
    pub path: Option<Spanned<Vec<Spanned<String>>>>,
    pub rate: Spanned<f64>,
    pub objective: Spanned<f64>,
    #[serde(default)]
    pub critical: bool,
    pub mesh: Option<Spanned<bool>>,
    pub quorum: Option<Spanned<bool>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Client {
    pub kind: Spanned<String>,
    pub count: Spanned<u32>,
    pub pause: Spanned<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Service {
    pub name: Spanned<String>,
    pub replicas: Spanned<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Act {
    pub name: Spanned<String>,
    #[serde(default)]
    pub doc: String,
    pub starts: Spanned<Datetime>,
    pub ends: Option<Spanned<Datetime>>,
    pub quiet: Option<Spanned<String>>,
    pub limit: Option<Spanned<String>>,
    #[serde(default)]
    pub assumption: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Step {
    pub act: Spanned<String>,
    pub at: Spanned<String>,
    pub actor: Spanned<String>,
    #[serde(rename = "do")]
    pub action: Spanned<String>,
    pub service: Option<Spanned<String>>,
    pub version: Option<Spanned<String>>,
    pub replicas: Option<Spanned<u32>>,
    pub members: Option<Spanned<u32>>,
    pub within: Option<Spanned<String>>,
    pub on: Option<Spanned<String>>,
    pub from: Option<Spanned<String>>,
    pub to: Option<Spanned<String>>,
    pub one_way: Option<Spanned<bool>>,
    pub by: Option<Spanned<String>>,
    pub lasts: Option<Spanned<String>>,
    pub through: Option<Spanned<String>>,
    pub serializable: Option<Spanned<bool>>,
    pub factor: Option<Spanned<String>>,
    pub symptom: Option<Spanned<String>>,
    #[serde(default)]
    pub doc: String,
}

impl Step {
    /// The arguments of its action that are there, with their places.
    pub fn given(&self) -> impl Iterator<Item = (&'static str, Range<usize>)> {
        fn place<T>(
            name: &'static str,
            written: &Option<Spanned<T>>,
        ) -> Option<(&'static str, Range<usize>)> {
            written.as_ref().map(|written| (name, written.span()))
        }
        let all = [
            place("service", &self.service),
            place("version", &self.version),
            place("replicas", &self.replicas),
            place("members", &self.members),
            place("within", &self.within),
            place("on", &self.on),
            place("from", &self.from),
            place("to", &self.to),
            place("one-way", &self.one_way),
            place("by", &self.by),
            place("lasts", &self.lasts),
            place("through", &self.through),
            place("serializable", &self.serializable),
        ];
        all.into_iter().flatten()
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Factor {
    pub name: Spanned<String>,
    pub kind: Kind,
    pub levels: Spanned<Vec<Spanned<String>>>,
    #[serde(default)]
    pub assumption: bool,
    #[serde(default)]
    pub doc: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Constraint {
    pub forbid: Spanned<BTreeMap<Spanned<String>, Spanned<String>>>,
    #[serde(default)]
    pub doc: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Number {
    pub name: Spanned<String>,
    pub default: Spanned<toml::Value>,
    pub min: Spanned<f64>,
    pub max: Spanned<f64>,
    #[serde(default)]
    pub doc: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Phase {
    pub name: Spanned<String>,
    pub starts: Spanned<String>,
    pub source: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Reference {
    pub at: Spanned<String>,
    pub text: String,
    pub source: String,
    pub kind: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Lottery {
    pub act: Spanned<String>,
    pub lost: Spanned<Vec<Spanned<String>>>,
    #[serde(default)]
    pub doc: String,
}
