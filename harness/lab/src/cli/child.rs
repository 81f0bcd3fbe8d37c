//! One run in a process of its own: the other half of `anatomy verify`.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use super::args::{ChildArgs, Choice};
use super::prepare;
use super::trouble::Trouble;
use crate::outcome::{Event, trail};
use crate::sweep::pool;
use crate::{Outcome, Request, Runner};

/// What is compared of a run.
#[derive(Debug, Serialize, Deserialize)]
pub struct Trace {
    /// The digest.
    pub digest: String,
    /// The event that was asked for.
    pub captured: Option<Event>,
    /// Two bytes of the rolling digest after every event.
    #[serde(skip)]
    pub trail: Vec<u16>,
}

impl From<Outcome> for Trace {
    fn from(outcome: Outcome) -> Self {
        Trace { digest: outcome.digest, captured: outcome.captured, trail: outcome.trail }
    }
}

/// Plays one run and writes its trace to a file.
pub fn child(args: &ChildArgs, runner: Runner) -> Result<u8, Trouble> {
    let scenario = prepare::scenario(&args.scenario)?;
    let mut request = prepare::request(&scenario, &args.choice, Some(args.seed))?;
    request.capture_at = args.capture_at;
    let trace = Trace::from(pool::play(runner, request).map_err(Trouble::Failed)?);
    let mut bytes = serde_json::to_vec(&trace)
        .map_err(|error| Trouble::Failed(format!("the trace is no JSON: {error}")))?;
    bytes.push(b'\n');
    bytes.extend(trail::to_bytes(&trace.trail));
    std::fs::write(&args.out, bytes)
        .map_err(|error| prepare::unwritable("--out", &args.out, &error))?;
    Ok(0)
}

/// Plays `request` in a new process of this program. `scenario` is what the user named.
pub fn spawn(scenario: &str, choice: &Choice, request: &Request) -> Result<Trace, String> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("anatomy-verify-{}-{number}", std::process::id());
    let out = Temporary(std::env::temp_dir().join(name));
    let program = std::env::current_exe().map_err(|error| format!("no second process: {error}"))?;
    let mut command = Command::new(program);
    command.args(["__run", scenario, "--seed", &request.seed.to_string(), "--out"]).arg(&out.0);
    for set in &choice.set {
        command.args(["--set", set]);
    }
    if let Some(until) = &choice.until {
        command.args(["--until", until]);
    }
    if let Some(index) = request.capture_at {
        command.args(["--capture-at", &index.to_string()]);
    }
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("no second process: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("the second process failed ({}): {}", output.status, said.trim()));
    }
    let bytes =
        std::fs::read(&out.0).map_err(|error| format!("its trace is not there: {error}"))?;
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or("its trace is cut short")?;
    let mut trace: Trace = serde_json::from_slice(&bytes[..end])
        .map_err(|error| format!("its trace is no JSON: {error}"))?;
    trace.trail = trail::from_bytes(&bytes[end + 1..]);
    Ok(trace)
}

/// A file that is removed in the end.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
