//! `anatomy lattice`.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_64;

use super::args::{Choice, LatticeArgs};
use super::trouble::Trouble;
use super::{analysis, output, prepare};
use crate::explore::lattice::judge::QUICK;
use crate::explore::lattice::{Plan, lattice};
use crate::explore::stats::Sprt;
use crate::scenario::suggest;
use crate::{Runner, Scenario, narrate};

/// Searches the lattice of a scenario's factors.
pub fn run(args: &LatticeArgs, runner: Runner) -> Result<u8, Trouble> {
    let scenario = prepare::scenario(&args.scenario)?;
    let choice = Choice { set: args.set.clone(), until: None };
    let settings = prepare::request(&scenario, &choice, None)?.settings;
    known(&scenario, "--factors", args.factors.as_deref())?;
    known(&scenario, "--force", args.force.as_deref())?;
    can_be_forced(&scenario, args.force.as_deref())?;
    let meter = analysis::Bar::default();
    let runs = analysis::runs(&scenario, &args.analysis, runner, &meter)?;
    let plan = Plan {
        settings,
        target: args.target,
        factors: args.factors.clone(),
        force: args.force.clone(),
        test: if args.strict { Sprt::default() } else { QUICK },
        budget: args.budget,
        scrutiny: args.scrutiny,
        fresh: args.fresh,
        costs: costs(&scenario, &args.cost)?,
        timing: args.timing,
    };
    let clock = analysis::Clock::start();
    let found = lattice(&runs, &plan).map_err(Trouble::Failed)?;
    output::complain(&analysis::cost(&found.tally, clock.seconds()));
    let json = analysis::json(&found)?;
    let kept = analysis::keep(&analysis::folder(&args.analysis), &file(args), &json)?;
    if args.analysis.json {
        output::say(&json);
    } else {
        output::say(&narrate::lattice(&scenario, &found));
        output::complain(&format!("written to {}\n", kept.display()));
    }
    Ok(0)
}

/// The file that the result goes to: one for each target, and one for whatever else is asked of it.
fn file(args: &LatticeArgs) -> String {
    let LatticeArgs { factors, force, set, .. } = args;
    let target = args.target.name();
    if factors.is_none() && force.is_none() && set.is_empty() {
        return format!("lattice-{target}.json");
    }
    let other = xxh3_64(format!("{factors:?} {force:?} {set:?}").as_bytes());
    format!("lattice-{target}-{:08x}.json", other as u32)
}

/// What `--cost` says: a number, or that nobody can.
fn costs(scenario: &Scenario, given: &[String]) -> Result<BTreeMap<String, Option<u64>>, Trouble> {
    let one = |given: &String| {
        let expected = "expected FACTOR=N or FACTOR=never";
        let wrong = || Trouble::Usage(format!("--cost {given}: {expected}"));
        let (name, cost) = given.split_once('=').ok_or_else(wrong)?;
        known(scenario, "--cost", Some(&[name.to_owned()]))?;
        let cost = match cost {
            "never" => None,
            number => Some(number.parse::<u32>().map_err(|_| wrong())?.into()),
        };
        Ok((name.to_owned(), cost))
    };
    given.iter().map(one).collect()
}

fn known(scenario: &Scenario, option: &str, named: Option<&[String]>) -> Result<(), Trouble> {
    let names = || scenario.factors.iter().map(|factor| factor.name.as_str());
    for name in named.into_iter().flatten() {
        if !names().any(|known| known == name) {
            let help = suggest::allowed(name, names());
            let message =
                format!("{option} {name}: `{}` has no such factor; {help}", scenario.name);
            return Err(Trouble::Usage(message));
        }
    }
    Ok(())
}

fn can_be_forced(scenario: &Scenario, named: Option<&[String]>) -> Result<(), Trouble> {
    let can = |name: &str| {
        let factor = scenario.factors.iter().find(|factor| factor.name == name);
        factor.is_some_and(|factor| factor.levels.iter().any(|level| level == "forced"))
    };
    let names = scenario.factors.iter().map(|f| f.name.as_str()).filter(|name| can(name));
    match named.into_iter().flatten().find(|name| !can(name)) {
        Some(name) => {
            let help = suggest::allowed(name, names);
            Err(Trouble::Usage(format!("--force {name}: it has no level `forced`; {help}")))
        }
        None => Ok(()),
    }
}
