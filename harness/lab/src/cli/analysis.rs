//! What all analyses have in common: a store of runs, jobs, a bar, JSON.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use indicatif::ProgressBar;
use serde::Serialize;

use super::args::AnalysisArgs;
use super::trouble::Trouble;
use super::{output, prepare};
use crate::explore::runs::{Meter, Row, Runs, Store, Tally};
use crate::sweep::pool;
use crate::{Runner, Scenario};

/// Where runs are kept where nobody says.
pub const FOLDER: &str = ".anatomy";

/// The folder of an analysis.
pub fn folder(args: &AnalysisArgs) -> PathBuf {
    args.out.clone().unwrap_or_else(|| FOLDER.into())
}

/// The runs of a scenario.
pub fn runs<'a>(
    scenario: &Arc<Scenario>,
    args: &AnalysisArgs,
    runner: Runner,
    meter: &'a dyn Meter,
) -> Result<Runs<'a>, Trouble> {
    let store = Store::open(&folder(args), scenario, &prepare::build())
        .map_err(|error| Trouble::Usage(error.to_string()))?;
    let jobs = args.jobs.unwrap_or_else(pool::default_jobs);
    Ok(Runs::new(store, runner, jobs, meter))
}

/// A result as text.
pub fn json(result: &impl Serialize) -> Result<String, Trouble> {
    let text = serde_json::to_string_pretty(result);
    let text = text.map_err(|error| Trouble::Failed(format!("the result is no JSON: {error}")))?;
    Ok(text + "\n")
}

/// Writes a result for those who come later.
pub fn keep(folder: &Path, name: &str, text: &str) -> Result<PathBuf, Trouble> {
    let path = folder.join(name);
    std::fs::write(&path, text).map_err(|error| prepare::unwritable("--out", &path, &error))?;
    Ok(path)
}

/// How long an analysis takes.
pub struct Clock(std::time::Instant);

impl Clock {
    /// Begins now.
    #[expect(clippy::disallowed_methods, reason = "how fast an analysis is, is told and not used")]
    pub fn start() -> Self {
        Clock(std::time::Instant::now())
    }

    /// Seconds since then.
    pub fn seconds(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}

/// What an analysis cost, in one line.
pub fn cost(tally: &Tally, seconds: f64) -> String {
    rate(&format!("{} questions", tally.questions), tally.played, seconds)
}

/// How many runs were played for what was `asked`, and how fast.
pub fn rate(asked: &str, played: u64, seconds: f64) -> String {
    if played == 0 || seconds <= 0.0 {
        return format!("{asked}, {played} runs played: the rest was known\n");
    }
    let (took, rate) = (crate::narrate::duration(seconds), played as f64 / seconds * 60.0);
    format!("{asked}, {played} runs played in {took}: {rate:.1} runs a minute\n")
}

/// Elsewhere than on a terminal, this often a line says how far it is.
const LINES_SECONDS: f64 = 60.0;

/// Progress as a bar on a terminal, as lines elsewhere: an analysis may take half an hour.
#[derive(Default)]
pub struct Bar(Mutex<State>);

#[derive(Default)]
struct State {
    bar: Option<ProgressBar>,
    told: Option<Clock>,
    what: String,
    questions: usize,
    answered: usize,
    played: usize,
}

impl Meter for Bar {
    fn begin(&self, questions: usize, what: &str) {
        let bar = output::bar(questions, what);
        let what = what.to_owned();
        *self.0.lock().expect("no panic while locked") = State {
            bar: Some(bar),
            told: Some(Clock::start()),
            what,
            questions,
            ..State::default()
        };
    }

    fn answered(&self, played: Option<&Row>) {
        let mut state = self.0.lock().expect("no panic while locked");
        state.answered += 1;
        state.played += usize::from(played.is_some());
        if let Some(bar) = &state.bar {
            bar.inc(1);
        }
        let is_due = state.told.as_ref().is_some_and(|told| told.seconds() > LINES_SECONDS);
        if is_due && !std::io::stderr().is_terminal() {
            let State { what, questions, answered, .. } = &*state;
            output::complain(&format!("{what}: {answered} of {questions}\n"));
            state.told = Some(Clock::start());
        }
    }

    fn end(&self) {
        let mut state = self.0.lock().expect("no panic while locked");
        if let Some(bar) = state.bar.take() {
            bar.finish_and_clear();
            if !std::io::stderr().is_terminal() && state.played > 0 {
                let State { what, questions, played, .. } = &*state;
                output::complain(&format!("{what}: {questions} questions, {played} runs\n"));
            }
        }
    }
}
