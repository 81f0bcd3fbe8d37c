//! `anatomy hunt`.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::args::{Choice, HuntArgs};
use super::trouble::Trouble;
use super::{analysis, output, prepare};
use crate::explore::hunt::{Plan, Search, Told, healthy, hunt};
use crate::outcome::Severity;
use crate::sweep::{pool, resume};
use crate::{Runner, Settings, narrate, scenario};

/// What a line of the file is about. Lines of another text, build or question are not asked again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Key {
    text: String,
    build: String,
    settings: Settings,
    target: Severity,
    budget: usize,
}

/// A line of the file.
#[derive(Serialize, Deserialize)]
struct Line {
    #[serde(flatten)]
    search: Search,
    key: Key,
}

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
    std::fs::create_dir_all(&folder).map_err(|e| prepare::unwritable("--out", &folder, &e))?;
    let key = Key {
        text: scenario.text(),
        build: prepare::build(),
        settings: plan.settings.clone(),
        target: args.target,
        budget: args.budget,
    };
    let path = folder.join(format!("{}.jsonl", scenario.name));
    let mut lines = resume::lines::<Line>(&path, "a hunt")
        .map_err(|error| Trouble::Usage(error.to_string()))?;
    let known = lines.all.into_iter().filter(|line| line.key == key);
    let wanted = |search: &Search| args.seeds.iter().contains(&search.seed);
    let mut searches: Vec<Search> = known.map(|line| line.search).filter(wanted).collect();
    let is_open = |seed: &u64| !searches.iter().any(|search| search.seed == *seed);
    let seeds: Vec<u64> = args.seeds.iter().filter(is_open).collect();

    let clock = analysis::Clock::start();
    if let Some(first) = seeds.first() {
        healthy(&plan, *first, runner).map_err(|why| {
            Trouble::Failed(format!("`{}` cannot be hunted over: {why}", scenario.name))
        })?;
    }
    let bar = output::bar(seeds.len(), "hunting");
    let (mut failed, mut runs) = (None, 0_u64);
    let jobs = args.jobs.unwrap_or_else(pool::default_jobs);
    pool::each(
        jobs,
        seeds,
        |seed| hunt(&plan, seed, runner),
        |searched| {
            bar.inc(1);
            let kept = searched.and_then(|search| {
                runs += search.runs as u64;
                let line = Line { search, key: key.clone() };
                let text = serde_json::to_string(&line).map_err(|error| error.to_string())?;
                writeln!(lines.file, "{text}").map_err(|e| format!("{}: {e}", path.display()))?;
                Ok(line.search)
            });
            match kept {
                Ok(search) => searches.push(search),
                Err(why) => failed = failed.take().or(Some(why)),
            }
        },
    );
    bar.finish_and_clear();
    if let Some(why) = failed {
        return Err(Trouble::Failed(why));
    }
    output::complain(&analysis::rate(&format!("{} seeds", searches.len()), runs, clock.seconds()));
    searches.sort_by_key(|search| search.seed);
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
