//! `anatomy report`.

use super::args::ReportArgs;
use super::played;
use super::trouble::Trouble;
use crate::Runner;
use crate::report::Report;

/// Plays a scenario and writes its report.
pub fn report(args: &ReportArgs, runner: Runner) -> Result<u8, Trouble> {
    played::claim("--out", &args.out)?;
    let run = played::play(&args.scenario, &args.choice, args.seed, runner)?;
    let report = Report { scenario: &run.scenario, outcome: &run.outcome, events: &run.events };
    played::write("--out", &args.out, report.html().as_bytes())?;
    if let Some(path) = &args.markdown {
        played::write("--markdown", path, report.markdown().as_bytes())?;
    }
    Ok(u8::from(!run.outcome.violations.is_empty()))
}
