//! `anatomy cover`.

use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::args::{AnalysisArgs, CoverArgs};
use super::trouble::Trouble;
use super::{analysis, output, prepare};
use crate::explore::counterfactual::flip;
use crate::explore::cover::{Coverage, Grid, generate, measure, seeds};
use crate::explore::runs::{Ask, Question, Row};
use crate::narrate::Table;
use crate::outcome::Severity;
use crate::{Runner, Scenario, Settings};

/// A row of the array and what came of it.
#[derive(Serialize)]
struct Line<'l> {
    levels: BTreeMap<&'l str, &'l str>,
    seed: u64,
    severity: Severity,
    digest: &'l str,
    replay: &'l str,
}

/// Plays the rows of a covering array.
pub fn run(args: &CoverArgs, runner: Runner) -> Result<u8, Trouble> {
    let scenario = prepare::scenario(&args.scenario)?;
    let seed = args.seed.unwrap_or(scenario.seed);
    let factors = levels(&scenario);
    let grid = Grid::new(factors.iter().map(|(_, levels)| levels.len()).collect());
    // Level 0 takes a factor away; level 1 is the scenario's own.
    let on: Vec<usize> = factors.iter().map(|(_, levels)| 1.min(levels.len() - 1)).collect();
    let strength = usize::from(args.strength);
    let begun = seeds(&grid, &on);
    let rows = generate(&grid, strength, &begun.rows);
    let coverage = measure(&grid, strength, &rows);
    if !coverage.is_proven() {
        return Err(Trouble::Failed(format!("the rows do not cover everything: {coverage:?}")));
    }
    let settings: Vec<Settings> = rows
        .iter()
        .map(|row| {
            factors.iter().zip(row).fold(scenario.defaults(), |settings, ((name, levels), n)| {
                flip::with(&scenario, &settings, name, levels[*n])
            })
        })
        .collect();
    let meter = analysis::Bar::default();
    let (jobs, out, json) = (args.jobs, args.runs.clone(), args.json);
    let runs = analysis::runs(&scenario, &AnalysisArgs { jobs, out, json }, runner, &meter)?;
    let clock = analysis::Clock::start();
    let asks: Vec<Ask> =
        settings.iter().map(|s| Ask::new(s.clone(), seed, Question::Whole)).collect();
    let played = runs.answer("rows of the covering array", &asks).map_err(Trouble::Failed)?;
    output::complain(&analysis::cost(&runs.tally(), clock.seconds()));

    let line = |(n, row): (usize, &std::sync::Arc<Row>)| {
        let levels = factors.iter().zip(&rows[n]).map(|((name, levels), l)| (*name, levels[*l]));
        let line = Line {
            levels: levels.collect(),
            seed,
            severity: row.severity,
            digest: &row.digest,
            replay: &row.replay,
        };
        serde_json::to_string(&line).map(|text| text + "\n")
    };
    let lines: Result<String, _> = played.iter().enumerate().map(line).collect();
    let lines = lines.map_err(|error| Trouble::Failed(format!("a row is no JSON: {error}")))?;
    if let Some(path) = &args.out {
        output::write(path, lines.as_bytes())
            .map_err(|error| prepare::unwritable("--out", path, &error))?;
    }
    if args.json {
        output::say(&lines);
    } else {
        output::say(&told(&scenario, &coverage, &settings, &played));
    }
    Ok(0)
}

/// The levels of every factor: the one at which it is absent, then the scenario's own, then the others.
fn levels(scenario: &Scenario) -> Vec<(&str, Vec<&str>)> {
    let ordered = |factor: &'_ crate::scenario::Factor| -> Vec<usize> {
        let absent = flip::absent_level(factor);
        let mut order: Vec<usize> = (0..factor.levels.len()).collect();
        order.sort_by_key(|n| match factor.levels[*n].as_str() {
            level if Some(level) == absent => 0,
            level if level == factor.default_level() => 1,
            _ => 2,
        });
        order
    };
    let factors = scenario.factors.iter().map(|factor| {
        let levels = ordered(factor).into_iter().map(|n| factor.levels[n].as_str()).collect();
        (factor.name.as_str(), levels)
    });
    factors.collect()
}

fn told(
    scenario: &Scenario,
    coverage: &Coverage,
    settings: &[Settings],
    played: &[std::sync::Arc<Row>],
) -> String {
    let mut page = String::new();
    let (rows, tuples) = (played.len(), coverage.covered);
    let what = if coverage.strength == 2 { "pairs" } else { "triples" };
    let _ = writeln!(page, "{}: {rows} rows have all {tuples} {what} of levels\n", scenario.name);
    let mut table = Table::new(&["severity", "other than on the real day"]);
    for (settings, row) in settings.iter().zip(played) {
        let other: Vec<String> =
            settings.overrides(scenario).map(|(name, to)| format!("{name}={to}")).collect();
        let other = if other.is_empty() { "nothing".to_owned() } else { other.join(" ") };
        table.row([row.severity.name().to_owned(), other]);
    }
    page + &table.text()
}
