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
use crate::scenario::Constraint;
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

/// A factor and its levels, in the order of the grid.
type Axis<'s> = (&'s str, Vec<&'s str>);

/// Plays the rows of a covering array.
pub fn run(args: &CoverArgs, runner: Runner) -> Result<u8, Trouble> {
    let scenario = prepare::scenario(&args.scenario)?;
    let seed = args.seed.unwrap_or(scenario.seed);
    let factors = levels(&scenario);
    let grid = grid(&scenario, &factors, &args.forbid)?;
    // Level 0 takes a factor away; level 1 is the scenario's own.
    let on: Vec<usize> = factors.iter().map(|(_, levels)| 1.min(levels.len() - 1)).collect();
    let strength = usize::from(args.strength);
    let begun = seeds(&grid, &on);
    let rows = generate(&grid, strength, &begun.rows);
    let coverage = measure(&grid, strength, &rows);
    if !coverage.is_proven() {
        return Err(Trouble::Failed(format!("the rows do not cover everything: {coverage:?}")));
    }
    let dropped: Vec<String> =
        begun.impossible.iter().map(|row| beginning(&factors, &on, row)).collect();
    let proof = proof(&scenario, &factors, rows.len(), &coverage, &dropped);
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
        output::complain(&proof);
        output::say(&lines);
    } else {
        output::say(&(proof + "\n" + &table(&scenario, &settings, &played)));
    }
    Ok(0)
}

/// The levels of every factor: the one at which it is absent, then the scenario's own, then the others.
fn levels(scenario: &Scenario) -> Vec<Axis<'_>> {
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

/// What there is to combine, without what the scenario and the command line forbid.
fn grid(scenario: &Scenario, factors: &[Axis], given: &[String]) -> Result<Grid, Trouble> {
    let read = |given: &String| {
        let wrong = |why| Trouble::Usage(format!("--forbid {given}: {why}"));
        Constraint::read(scenario, given).map_err(wrong)
    };
    let given: Vec<Constraint> = given.iter().map(read).collect::<Result<_, _>>()?;
    let place = |(name, level): (&String, &String)| {
        let factor = factors.iter().position(|(known, _)| known == name);
        let factor = factor.expect("a constraint names factors of its scenario");
        let level = factors[factor].1.iter().position(|known| known == level);
        (factor, level.expect("and their levels"))
    };
    let free = Grid::new(factors.iter().map(|(_, levels)| levels.len()).collect());
    let grid = scenario
        .constraints
        .iter()
        .chain(&given)
        .fold(free, |grid, constraint| grid.forbid(constraint.forbid.iter().map(place)));
    if grid.can_hold(&[]) {
        return Ok(grid);
    }
    Err(Trouble::Usage("--forbid: all of it together forbids every row".to_owned()))
}

/// What a row to begin with is to show.
fn beginning(factors: &[Axis], on: &[usize], row: &[usize]) -> String {
    if row.iter().all(|level| *level == 0) {
        return "every factor absent".to_owned();
    }
    match row.iter().zip(on).position(|(level, on)| level != on) {
        None => "every factor present".to_owned(),
        Some(n) => format!("every factor present but {}", factors[n].0),
    }
}

/// What the meter found in the rows, and what no row can show.
fn proof(
    scenario: &Scenario,
    factors: &[Axis],
    rows: usize,
    coverage: &Coverage,
    dropped: &[String],
) -> String {
    let Coverage { strength, covered, impossible, .. } = coverage;
    let what = if *strength == 2 { "pairs" } else { "triples" };
    let name = &scenario.name;
    let mut page =
        format!("{name}: {rows} rows have all {covered} {what} of levels that can be (100 %)\n");
    if !impossible.is_empty() {
        let count = impossible.len();
        let _ = writeln!(page, "{count} {what} are in no row, because of what is forbidden:");
    }
    for tuple in impossible {
        let levels = tuple.iter().map(|(factor, level)| {
            let (name, levels) = &factors[*factor];
            format!("{name}={}", levels[*level])
        });
        let _ = writeln!(page, "  {}", levels.collect::<Vec<_>>().join(" "));
    }
    if !dropped.is_empty() {
        page +=
            "rows to begin with that are forbidden; what they would have shown stays unknown:\n";
    }
    for row in dropped {
        let _ = writeln!(page, "  {row}");
    }
    page
}

fn table(scenario: &Scenario, settings: &[Settings], played: &[std::sync::Arc<Row>]) -> String {
    let mut table = Table::new(&["severity", "other than on the real day"]);
    for (settings, row) in settings.iter().zip(played) {
        let other: Vec<String> =
            settings.overrides(scenario).map(|(name, to)| format!("{name}={to}")).collect();
        let other = if other.is_empty() { "nothing".to_owned() } else { other.join(" ") };
        table.row([row.severity.name().to_owned(), other]);
    }
    table.text()
}
