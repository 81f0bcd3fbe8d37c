//! `anatomy sweep`.

use std::collections::BTreeSet;
use std::io::Write;

use super::args::SweepArgs;
use super::trouble::Trouble;
use super::{output, prepare};
use crate::sweep::{Key, Line, open, pool, summary};
use crate::{Request, Runner};

/// Plays the seeds that the file does not hold yet, then sums up all of them.
pub fn sweep(args: &SweepArgs, runner: Runner) -> Result<u8, Trouble> {
    let scenario = prepare::scenario(&args.scenario)?;
    let request = prepare::request(&scenario, &args.choice, None)?;
    let key = Key::of(&request, &prepare::build());
    let mut kept = open(&args.out, &key).map_err(|error| Trouble::Usage(error.to_string()))?;
    let done: BTreeSet<u64> = kept.lines.iter().map(|line| line.seed).collect();
    let seeds: Vec<u64> = args.seeds.iter().filter(|seed| !done.contains(seed)).collect();
    let mut lines: Vec<Line> =
        kept.lines.drain(..).filter(|l| args.seeds.contains(l.seed)).collect();
    note(lines.len(), kept.others);

    let bar = output::bar(seeds.len(), &format!("sweeping {}", scenario.name));
    let jobs = args.jobs.unwrap_or_else(pool::default_jobs);
    let mut failures = Vec::new();
    let mut unwritten = None;
    let work = |seed: u64| (seed, pool::play(runner, Request { seed, ..request.clone() }));
    pool::each(jobs, seeds, work, |(seed, played)| {
        bar.inc(1);
        match played {
            Ok(outcome) => {
                let line = Line::of(key.clone(), &outcome);
                let text = serde_json::to_string(&line).map_err(std::io::Error::other);
                let written = text.and_then(|text| kept.file.write_all((text + "\n").as_bytes()));
                unwritten = unwritten.take().or(written.err());
                lines.push(line);
            }
            Err(error) => failures.push(format!("seed {seed}: {error}")),
        }
    });
    bar.finish_and_clear();

    lines.sort_by_key(|line| line.seed);
    output::say(&summary(&lines));
    if let Some(error) = unwritten {
        let message = format!("--out {}: not every line was written: {error}", args.out.display());
        return Err(Trouble::Failed(message));
    }
    if !failures.is_empty() {
        failures.sort();
        let count = failures.len();
        return Err(Trouble::Failed(format!("{count} runs failed:\n{}", failures.join("\n"))));
    }
    Ok(u8::from(lines.iter().any(|line| !line.violations.is_empty())))
}

fn note(kept: usize, others: usize) {
    if kept > 0 {
        output::complain(&format!("{kept} of the runs are in the file already\n"));
    }
    if others > 0 {
        output::complain(&format!(
            "{others} lines of the file are of another scenario, build or setting: left alone\n"
        ));
    }
}
