//! `anatomy replay`.

use super::args::ReplayArgs;
use super::state::Header;
use super::trouble::Trouble;
use super::{output, prepare, state};
use crate::outcome::{Event, trail};
use crate::scenario::Calendar;
use crate::sweep::{Key, pool};
use crate::{Outcome, Request, Runner};

/// Plays a run again; says whether it is the same, and if not, where it goes another way.
pub fn replay(args: &ReplayArgs, runner: Runner) -> Result<u8, Trouble> {
    let scenario = prepare::scenario(&args.scenario)?;
    let mut request = prepare::request(&scenario, &args.choice, Some(args.seed))?;
    request.capture_at = Some(0);
    let outcome = play(runner, &request, "playing the run again")?;
    if outcome.digest.starts_with(&args.digest) {
        output::say(&format!("the same run: digest {}\n", outcome.digest));
        return Ok(u8::from(!outcome.violations.is_empty()));
    }
    let mut page = format!("another run: its digest is {}, not {}\n", outcome.digest, args.digest);
    let key = Key::of(&request, &prepare::build());
    match state::find(&state::folder(), &args.digest) {
        Some((header, kept)) => {
            page += &told_apart(&header, &key, args.seed);
            page += &first_difference(runner, &mut request, &outcome, &kept)?;
        }
        None => {
            page += "no run with that digest is kept on this machine, so there is nothing to \
                     compare with step by step\n";
            let first = outcome.captured.as_ref().map(|step| shown(&scenario.calendar, step));
            page += &format!("this run's first is {}\n", first.unwrap_or("none".to_owned()));
        }
    }
    if let Err(error) = state::keep(&state::folder(), &key, &outcome) {
        page += &format!("note: this run's trail is not kept: {error}\n");
    }
    output::say(&page);
    Ok(1)
}

fn play(runner: Runner, request: &Request, what: &str) -> Result<Outcome, Trouble> {
    let spinner = output::spinner(what);
    let outcome = pool::play(runner, request.clone());
    spinner.finish_and_clear();
    outcome.map_err(Trouble::Failed)
}

/// What of the two runs was not the same to begin with.
fn told_apart(kept: &Header, key: &Key, seed: u64) -> String {
    let mut page = String::new();
    let mut differs = |what: &str, differs: bool| {
        if differs {
            page += &format!("the run with that digest was played with another {what}\n");
        }
    };
    differs("seed", kept.seed != seed);
    differs("scenario", (&kept.key.scenario, &kept.key.text) != (&key.scenario, &key.text));
    differs("build of this program", kept.key.build != key.build);
    differs("end (--until)", kept.key.until != key.until);
    for (name, setting) in kept.key.settings.iter() {
        let now = key.settings.iter().find(|(known, _)| *known == name).map(|(_, now)| now);
        differs(&format!("setting: {name}={setting}"), now.is_none_or(|now| now != setting));
    }
    page
}

fn first_difference(
    runner: Runner,
    request: &mut Request,
    outcome: &Outcome,
    kept: &[u16],
) -> Result<String, Trouble> {
    let Some(index) = trail::first_difference(&outcome.trail, kept) else {
        return Ok("no step differs: the difference is behind the last one\n".to_owned());
    };
    if index >= outcome.trail.len() {
        return Ok(format!("this run ends after {index} steps, the other goes on\n"));
    }
    request.capture_at = Some(index);
    let again = play(runner, request, "looking for the first step that differs")?;
    let step = again.captured.map(|step| shown(&request.scenario.calendar, &step));
    let step = step.unwrap_or_else(|| format!("step {index}"));
    Ok(format!("the first event that differs is {step}\n"))
}

/// A step of the trail in one line.
pub fn shown(calendar: &Calendar, step: &Event) -> String {
    let clock = format!("{} {}", calendar.date(step.at), calendar.time(step.at));
    let millis = (step.at.rem_euclid(1.0) * 1000.0) as u32;
    format!("step {} at {clock}.{millis:03} on {}", step.index, step.told())
}
