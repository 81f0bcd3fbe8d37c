//! When each latent condition came about, when it first showed, and who first noticed anything.
//!
//! Read off the record of the run: nothing is played. A condition is latent where its mark is in the
//! story long before anything is wrong.

use serde::{Deserialize, Serialize};

use crate::outcome::{Entry, PoolState, StepOutcome};

/// A latent condition in a run. Times are seconds from the scenario's zero.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Armed {
    /// What: the sentence of the record.
    pub what: String,
    /// Who, or what it befell.
    pub on: String,
    /// When it came about.
    pub armed: f64,
    /// When something first went wrong because of it, and what.
    pub showed: Option<(f64, String)>,
    /// When a person first saw something after that, and what.
    pub noticed: Option<(f64, String)>,
}

/// Marks by which a latent condition comes about, and those by which it shows. Where a mark names a
/// resource, it shows by that resource's name.
const LATENT: &[(&str, &[&str])] = &[
    (
        "etcd-client.quota.lost",
        &["endpoints.update-failed", "apiserver.timeout", "pod.mount-failed"],
    ),
    ("step.scale", &["mesh.namer.failed", "mesh.namer.frozen"]),
    ("mesh.namer.frozen", &["step.report.mesh-stale"]),
];

/// The latent conditions of a run, in the order in which they came about: from its record, the steps
/// whose time came, and the pools that lost their quota.
pub fn armed(marks: &[Entry], steps: &[StepOutcome], lost: &[PoolState]) -> Vec<Armed> {
    let mut found = Vec::new();
    for mark in marks {
        let Some((_, shows)) = LATENT.iter().find(|(kind, _)| *kind == mark.kind) else { continue };
        let named = lost.iter().map(|pool| pool.resource.as_str());
        let resource = named.clone().find(|name| mark.text.contains(&format!("for {name} ")));
        let is_it = |later: &&Entry| {
            later.at >= mark.at
                && shows.contains(&later.kind.as_str())
                && resource.is_none_or(|name| later.text.to_lowercase().contains(name))
        };
        let showed = marks.iter().find(is_it).map(|later| (later.at, later.text.clone()));
        let since = showed.as_ref().map(|(at, _)| *at);
        let noticed = since.and_then(|since| {
            let step = steps.iter().find(|step| step.due >= since && !step.seen.is_empty())?;
            Some((step.due, format!("{}: {}", step.actor, step.seen[0])))
        });
        let (what, on) = (mark.text.clone(), mark.actor.clone());
        found.push(Armed { what, on, armed: mark.at, showed, noticed });
    }
    found
}
