//! `anatomy league`.

use std::sync::Arc;

use super::args::{Choice, LeagueArgs};
use super::trouble::Trouble;
use super::{analysis, output, prepare};
use crate::explore::humans::{league, policy, unsafely};
use crate::{Runner, Scenario, narrate, scenario};

/// Compares ways of responding.
pub fn run(args: &LeagueArgs, runner: Runner) -> Result<u8, Trouble> {
    let source = scenario::source(&args.scenario)?;
    let scenario = prepare::scenario(&args.scenario)?;
    let choice = Choice { set: args.set.clone(), until: None };
    let settings = prepare::request(&scenario, &choice, None)?.settings;
    let policies = match &args.policies {
        Some(folder) => policy::of_folder(folder).map_err(|e| Trouble::Usage(e.to_string()))?,
        None => policy::built_in(&scenario),
    };
    for policy in &policies {
        let settings = policy.settings(&scenario, &settings).map_err(Trouble::Usage)?;
        prepare::allowed(&scenario, &settings, &format!("the policy `{}`", policy.name))?;
    }
    let meter = analysis::Bar::default();
    let runs = analysis::runs(&scenario, &args.analysis, runner, &meter)?;
    let clock = analysis::Clock::start();
    let mut found =
        league(&runs, &settings, &policies, args.seeds.iter()).map_err(Trouble::Failed)?;
    let folder = analysis::folder(&args.analysis);
    let open = |changed: &Arc<Scenario>| {
        analysis::runs(changed, &args.analysis, runner, &meter).map_err(|trouble| trouble.text())
    };
    found.variants = match args.variants {
        0 => Vec::new(),
        count => {
            let seeds: Vec<u64> = found.seeds.iter().copied().take(count).collect();
            let variants = folder.join("variants");
            unsafely(&runs, &open, &source, &settings, &seeds, &variants)
                .map_err(Trouble::Failed)?
        }
    };
    found.left_out = runs.left_out();
    output::complain(&analysis::cost(&runs.tally(), clock.seconds()));
    let json = analysis::json(&found)?;
    let kept = analysis::keep(&folder, "league.json", &json)?;
    if args.analysis.json {
        output::say(&json);
    } else {
        output::say(&narrate::league(&found));
        output::complain(&format!("written to {}\n", kept.display()));
    }
    Ok(0)
}
