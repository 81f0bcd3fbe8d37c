//! From arguments to a request, everything checked before anything is played.

use std::path::Path;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use super::args::Choice;
use super::trouble::Trouble;
use crate::scenario::{self, suggest};
use crate::{Request, Scenario, Settings, world};

/// The scenario called `name`.
pub fn scenario(name: &str) -> Result<Arc<Scenario>, Trouble> {
    Ok(Arc::new(scenario::find(name)?))
}

/// A request for `seed`, or for the scenario's own.
pub fn request(
    scenario: &Arc<Scenario>,
    choice: &Choice,
    seed: Option<u64>,
) -> Result<Request, Trouble> {
    let mut settings = scenario.defaults();
    for given in &choice.set {
        settings.set(scenario, given).map_err(|error| Trouble::Usage(error.to_string()))?;
    }
    allowed(scenario, &settings, "--set")?;
    if let Some(until) = &choice.until
        && scenario.act(until).is_none()
    {
        let acts = scenario.acts.iter().map(|act| act.name.as_str());
        let help = suggest::allowed(until, acts);
        let message = format!("--until {until}: `{}` has no such act; {help}", scenario.name);
        return Err(Trouble::Usage(message));
    }
    world::fits(scenario, &settings).map_err(|why| Trouble::Usage(format!("--set: {why}")))?;
    let seed = seed.unwrap_or(scenario.seed);
    let mut request = Request::new(Arc::clone(scenario), settings, seed);
    request.until.clone_from(&choice.until);
    Ok(request)
}

/// Refuses settings that the scenario forbids; `whose` they are is told.
pub fn allowed(scenario: &Scenario, settings: &Settings, whose: &str) -> Result<(), Trouble> {
    let Some(constraint) = scenario.forbidden(settings) else { return Ok(()) };
    let (name, forbidden) = (&scenario.name, constraint.told());
    Err(Trouble::Usage(format!("{whose}: `{name}` forbids {forbidden}")))
}

/// A hash of this program: runs of different builds are not compared.
pub fn build() -> String {
    let bytes = std::env::current_exe().and_then(std::fs::read);
    bytes.map_or_else(|_| "unknown".to_owned(), |bytes| format!("{:016x}", xxh3_64(&bytes)))
}

/// A file that cannot be written.
pub fn unwritable(option: &str, path: &Path, error: &std::io::Error) -> Trouble {
    Trouble::Usage(format!("{option} {}: {error}", path.display()))
}
