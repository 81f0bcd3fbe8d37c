//! `anatomy report`.

use std::path::{Path, PathBuf};

use super::args::ReportArgs;
use super::played::{self, Played};
use super::trouble::Trouble;
use super::{output, prepare};
use crate::Runner;
use crate::report::{Findings, Report, findings::Folders};

/// Plays a scenario and writes its report.
pub fn report(args: &ReportArgs, runner: Runner) -> Result<u8, Trouble> {
    let scenario = prepare::scenario(&args.scenario)?;
    let folders = Folders {
        explanation: args.explanation.clone(),
        lattice: args.lattice.clone(),
        league: args.league.clone(),
    };
    let findings = Findings::read(&scenario, &prepare::build(), &folders)
        .map_err(|error| Trouble::Usage(error.to_string()))?;
    for remark in &findings.remarks {
        output::complain(&format!("warning: {remark}\n"));
    }
    played::claim("--out", &args.out)?;
    let run = played::play(&args.scenario, &args.choice, args.seed, runner)?;
    let Played { scenario, outcome, events } = &run;
    let build = prepare::build();
    let report = Report { scenario, outcome, events, findings: &findings, build: &build };
    played::write("--out", &args.out, report.html().as_bytes())?;
    if let Some(path) = &args.markdown {
        played::write("--markdown", path, report.markdown().as_bytes())?;
    }
    if args.json {
        let files: Vec<&Path> =
            std::iter::once(&args.out).chain(&args.markdown).map(PathBuf::as_path).collect();
        played::say(&run, &files)?;
    }
    Ok(u8::from(!run.outcome.violations.is_empty()))
}
