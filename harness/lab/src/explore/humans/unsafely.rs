//! The variants of the responders' steps, played beside the responders as they were.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::runs::{Ask, Question, Row, Runs};
use super::super::stats::{Interval, wilson};
use super::variants::{Unsafe, Variant, variants};
use crate::outcome::Severity;
use crate::scenario::{Source, quoted};
use crate::{Scenario, Settings};

/// A step done otherwise, and what came of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Unsafely {
    /// The factor of the step.
    pub factor: String,
    /// How it is unsafe.
    pub unsafely: Unsafe,
    /// What is done, in words.
    pub what: String,
    /// In how many runs it became total or worse.
    pub total: Interval,
    /// What all journeys lost together, in seconds, on average.
    pub lost_seconds: f64,
    /// That divided by what was lost with the responders as they were.
    pub ratio: Option<f64>,
    /// What else comes to the same runs.
    pub same_as: Vec<String>,
    /// The command that plays it with the first seed.
    pub replay: String,
}

/// Opens the runs of a changed scenario.
pub type Open<'o, 'm> = &'o dyn Fn(&Arc<Scenario>) -> Result<Runs<'m>, String>;

/// Plays every variant over `seeds`; those that cost the most first. Changed scenarios are written to
/// `folder`; what the scenario forbids is left out.
///
/// # Errors
/// As [`Runs::answer`]; a file that cannot be written.
pub fn unsafely<'m>(
    runs: &Runs<'m>,
    open: Open<'_, 'm>,
    source: &Source,
    base: &Settings,
    seeds: &[u64],
    folder: &Path,
) -> Result<Vec<Unsafely>, String> {
    let scenario = runs.scenario().clone();
    let asks = |settings: &Settings| -> Vec<Ask> {
        seeds.iter().map(|s| Ask::new(settings.clone(), *s, Question::Whole)).collect()
    };
    let real = runs.answer("the responders as they were", &asks(base))?;
    let lost = |rows: &[Arc<Row>]| -> f64 { rows.iter().map(|row| row.lost_seconds()).sum() };
    let digests =
        |rows: &[Arc<Row>]| -> Vec<String> { rows.iter().map(|row| row.digest.clone()).collect() };
    // By what the runs came to: the same trail is the same response, whatever it is called.
    let mut told: BTreeMap<Vec<String>, Unsafely> = BTreeMap::new();
    for variant in variants(source, &scenario, base) {
        // A changed text forbids the same.
        if !runs.allows(&named(&variant), &variant.settings) {
            continue;
        }
        let (rows, replay) = match &variant.changed {
            None => {
                let rows = runs.answer(&named(&variant), &asks(&variant.settings))?;
                let replay = rows.first().map_or(String::new(), |row| row.replay.clone());
                (rows, replay)
            }
            Some((source, changed)) => {
                let path =
                    folder.join(format!("{}-{:08x}.toml", scenario.name, changed.hash as u32));
                std::fs::create_dir_all(folder)
                    .and_then(|()| std::fs::write(&path, &source.text))
                    .map_err(|error| format!("{}: {error}", path.display()))?;
                let rows = open(changed)?.answer(&named(&variant), &asks(&variant.settings))?;
                let seed = seeds.first().copied().unwrap_or_default();
                let set = variant.settings.options(changed);
                (
                    rows,
                    format!("anatomy run {} --seed {seed}{set}", quoted(&path.to_string_lossy())),
                )
            }
        };
        let key = digests(&rows);
        if key == digests(&real) {
            continue;
        }
        if let Some(same) = told.get_mut(&key) {
            same.same_as.push(named(&variant));
            continue;
        }
        let total = rows.iter().filter(|row| row.reaches(Severity::Total)).count() as u64;
        told.insert(
            key,
            Unsafely {
                factor: variant.factor,
                unsafely: variant.unsafely,
                what: variant.what,
                total: wilson(total, rows.len() as u64),
                lost_seconds: lost(&rows) / rows.len().max(1) as f64,
                ratio: Some(lost(&rows) / lost(&real)).filter(|ratio| ratio.is_finite()),
                same_as: Vec::new(),
                replay,
            },
        );
    }
    let mut told: Vec<Unsafely> = told.into_values().collect();
    told.sort_by(|a, b| b.lost_seconds.total_cmp(&a.lost_seconds));
    Ok(told)
}

fn named(variant: &Variant) -> String {
    format!("{} {}: {}", variant.factor, variant.unsafely.name(), variant.what)
}
