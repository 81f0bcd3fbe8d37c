//! `anatomy hunt`.

use std::path::Path;
use std::sync::Arc;

use super::args::{Choice, HuntArgs};
use super::trouble::Trouble;
use super::{analysis, output, prepare};
use crate::explore::hunt::{Plan, Search, Told, healthy, hunt};
use crate::explore::runs::{Count, Runs, Store};
use crate::sweep::pool;
use crate::{Runner, Scenario, narrate, scenario};

/// Hunts over many seeds.
pub fn run(args: &HuntArgs, runner: Runner) -> Result<u8, Trouble> {
    let source = scenario::source(&args.scenario)?;
    let scenario = prepare::scenario(&args.scenario)?;
    let choice = Choice { set: args.set.clone(), until: None };
    let settings = prepare::request(&scenario, &choice, None)?.settings;
    let plan = Plan {
        source,
        scenario: Arc::clone(&scenario),
        settings,
        target: args.target,
        budget: args.budget,
    };
    let folder = args.out.clone().unwrap_or_else(|| Path::new(analysis::FOLDER).join("hunt"));
    // A run stops as soon as it is as bad as the target, and oracles see no more of it: hunts for another
    // target have other runs. Seeds are hunted side by side and may draw the same text.
    let kept = folder.join(args.target.name());
    let (build, meter, clock) = (prepare::build(), Count::default(), analysis::Clock::start());
    let open = |changed: &Arc<Scenario>, seed: u64| {
        Store::open(&kept.join(seed.to_string()), changed, &build)
            .map(|store| Runs::new(store, runner, 1, &meter))
            .map_err(|error| error.to_string())
    };
    // Held to the end, so that no other hunt plays the same.
    let store =
        Store::open(&kept, &scenario, &build).map_err(|error| Trouble::Usage(error.to_string()))?;
    let itself = Runs::new(store, runner, 1, &meter);
    healthy(&plan, args.seeds.start, &itself).map_err(|why| {
        Trouble::Failed(format!("`{}` cannot be hunted over: {why}", scenario.name))
    })?;

    let bar = output::bar(args.seeds.iter().count(), "hunting");
    let (mut searches, mut failed) = (Vec::new(), None);
    let jobs = args.jobs.unwrap_or_else(pool::default_jobs);
    pool::each(
        jobs,
        args.seeds.iter(),
        |seed| hunt(&plan, seed, &open),
        |searched| {
            bar.inc(1);
            match searched {
                Ok(search) => searches.push(search),
                Err(why) => failed = failed.take().or(Some(why)),
            }
        },
    );
    bar.finish_and_clear();
    if let Some(why) = failed {
        return Err(Trouble::Failed(why));
    }
    let seeds = format!("{} seeds", searches.len());
    output::complain(&analysis::rate(&seeds, meter.played(), clock.seconds()));
    searches.sort_by_key(|search: &Search| search.seed);
    let told: Vec<Told> =
        searches.iter().map(|search| written(&plan, &folder, search)).collect::<Result<_, _>>()?;
    let json = analysis::json(&told)?;
    analysis::keep(&folder, &format!("{}.json", scenario.name), &json)?;
    match args.json {
        true => output::say(&json),
        false => output::say(&narrate::hunted(&scenario, &told)),
    }
    Ok(0)
}

/// Writes what a seed found as a scenario file, and says where.
fn written<'s>(plan: &Plan, folder: &Path, search: &'s Search) -> Result<Told<'s>, Trouble> {
    let Some(found) = &search.found else { return Ok(Told { search, file: None, replay: None }) };
    let file = folder.join(format!("{}-{}.toml", plan.scenario.name, search.seed));
    output::write(&file, found.text.as_bytes())
        .map_err(|error| prepare::unwritable("--out", &file, &error))?;
    let set = plan.settings.options(&plan.scenario);
    let replay = format!("anatomy run {} --seed {}{set}", file.display(), search.seed);
    Ok(Told { search, file: Some(file), replay: Some(replay) })
}
