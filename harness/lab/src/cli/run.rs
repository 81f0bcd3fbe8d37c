//! `anatomy run`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::args::RunArgs;
use super::trouble::Trouble;
use super::{output, prepare, state};
use crate::sweep::{Key, pool};
use crate::{EventSink, Runner, narrate};

/// Plays a scenario and tells what happened.
pub fn run(args: &RunArgs, runner: Runner) -> Result<u8, Trouble> {
    let scenario = prepare::scenario(&args.scenario)?;
    let mut request = prepare::request(&scenario, &args.choice, args.seed)?;
    let events = args.events.as_deref().map(EventFile::create).transpose()?;
    request.on_event = events.as_ref().map(EventFile::sink);
    if let Some(path) = args.json.as_deref().filter(|path| path.as_os_str() != "-") {
        File::create(path).map_err(|error| prepare::unwritable("--json", path, &error))?;
    }

    let spinner = output::spinner(&format!("playing {}", scenario.name));
    let played = pool::play(runner, request.clone());
    spinner.finish_and_clear();
    let outcome = played.map_err(Trouble::Failed)?;

    if let Some(events) = events {
        events.finish()?;
    }
    if let Some(path) = &args.json {
        let mut text = serde_json::to_vec_pretty(&outcome)
            .map_err(|error| Trouble::Failed(format!("the outcome is no JSON: {error}")))?;
        text.push(b'\n');
        output::write(path, &text).map_err(|error| prepare::unwritable("--json", path, &error))?;
    }
    let to_stdout = args.json.as_ref().is_some_and(|path| path.as_os_str() == "-");
    if args.quiet && !to_stdout {
        output::say(&narrate::conclude(&scenario, &outcome));
    } else if !to_stdout {
        output::say(&narrate::tell(&scenario, &outcome));
    }
    let key = Key::of(&request, &prepare::build());
    if let Err(error) = state::keep(&state::folder(), &key, &outcome) {
        output::complain(&format!("note: this run's trail is not kept for `replay`: {error}\n"));
    }
    Ok(u8::from(!outcome.violations.is_empty()))
}

/// Where `--events` goes.
struct EventFile<'a> {
    path: &'a Path,
    state: Arc<Mutex<(BufWriter<File>, std::io::Result<()>)>>,
}

impl<'a> EventFile<'a> {
    fn create(path: &'a Path) -> Result<Self, Trouble> {
        let file =
            File::create(path).map_err(|error| prepare::unwritable("--events", path, &error))?;
        Ok(EventFile { path, state: Arc::new(Mutex::new((BufWriter::new(file), Ok(())))) })
    }

    fn sink(&self) -> EventSink {
        let state = Arc::clone(&self.state);
        Arc::new(move |event| {
            let mut state = state.lock().expect("no writer panics with the lock");
            let (file, result) = &mut *state;
            if result.is_ok() {
                let line = serde_json::to_string(event).map_err(std::io::Error::other);
                *result = line.and_then(|line| writeln!(file, "{line}"));
            }
        })
    }

    fn finish(self) -> Result<(), Trouble> {
        let mut state = self.state.lock().expect("no writer panics with the lock");
        let (file, result) = &mut *state;
        let result = std::mem::replace(result, Ok(())).and_then(|()| file.flush());
        result.map_err(|error| prepare::unwritable("--events", self.path, &error))
    }
}
