//! A run with all its events kept: what a report or an export is made of.

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::args::Choice;
use super::trouble::Trouble;
use super::{analysis, output, prepare};
use crate::outcome::Event;
use crate::sweep::pool;
use crate::{Outcome, Runner, Scenario};

/// A run and its events.
pub struct Played {
    pub scenario: Arc<Scenario>,
    pub outcome: Outcome,
    pub events: Vec<Event>,
}

/// Plays a scenario by name or path.
pub fn play(
    scenario: &str,
    choice: &Choice,
    seed: Option<u64>,
    runner: Runner,
) -> Result<Played, Trouble> {
    let scenario = prepare::scenario(scenario)?;
    let mut request = prepare::request(&scenario, choice, seed)?;
    let events = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&events);
    request.on_event = Some(Arc::new(move |event| {
        sink.lock().expect("nobody panics with the lock").push(event.clone());
    }));
    let spinner = output::spinner(&format!("playing {}", scenario.name));
    let played = pool::play(runner, request);
    spinner.finish_and_clear();
    let outcome = played.map_err(Trouble::Failed)?;
    let events = std::mem::take(&mut *events.lock().expect("nobody panics with the lock"));
    Ok(Played { scenario, outcome, events })
}

/// Says as JSON what was played, and which files tell of it.
pub fn say(run: &Played, files: &[&Path]) -> Result<(), Trouble> {
    let Outcome { scenario, seed, severity, digest, .. } = &run.outcome;
    let said = serde_json::json!({
        "scenario": scenario,
        "seed": seed,
        "severity": severity,
        "digest": digest,
        "files": files,
    });
    output::say(&analysis::json(&said)?);
    Ok(())
}

/// Makes sure that a file can be written before a minute is spent on what goes into it.
pub fn claim(option: &str, path: &Path) -> Result<(), Trouble> {
    let created = File::create(path);
    created.map(drop).map_err(|error| prepare::unwritable(option, path, &error))
}

/// Writes a file, and says so.
pub fn write(option: &str, path: &Path, bytes: &[u8]) -> Result<(), Trouble> {
    output::write(path, bytes).map_err(|error| prepare::unwritable(option, path, &error))?;
    output::complain(&format!("wrote {}\n", path.display()));
    Ok(())
}
