//! `anatomy explain`.

use super::args::ExplainArgs;
use super::trouble::Trouble;
use super::{analysis, output, prepare};
use crate::explore::counterfactual::{Plan, explain};
use crate::{Runner, narrate};

/// Explains one run.
pub fn run(args: &ExplainArgs, runner: Runner) -> Result<u8, Trouble> {
    let scenario = prepare::scenario(&args.scenario)?;
    let request = prepare::request(&scenario, &args.choice(), args.seed)?;
    let meter = analysis::Bar::default();
    let runs = analysis::runs(&scenario, &args.analysis, runner, &meter)?;
    let plan = Plan {
        settings: request.settings,
        seed: request.seed,
        target: args.target,
        pairs: args.pairs,
        timing: args.timing,
    };
    let clock = analysis::Clock::start();
    let explanation = explain(&runs, &plan).map_err(Trouble::Failed)?;
    output::complain(&analysis::cost(&explanation.tally, clock.seconds()));
    let json = analysis::json(&explanation)?;
    let kept = analysis::keep(&analysis::folder(&args.analysis), "explanation.json", &json)?;
    if args.analysis.json {
        output::say(&json);
    } else {
        output::say(&narrate::explained(&scenario, &explanation));
        output::complain(&format!("written to {}\n", kept.display()));
    }
    Ok(0)
}
