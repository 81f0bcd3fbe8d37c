//! What was hunted down, as a table.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::table::Table;
use super::text::{command, heading, paragraph};
use crate::Scenario;
use crate::explore::hunt::{Broken, Found, Told};
use crate::explore::stats::wilson;

type Find<'t> = (&'t Told<'t>, &'t Found);

/// The page.
pub fn hunted(scenario: &Scenario, told: &[Told]) -> String {
    let mut page = String::new();
    let finds = told.iter().filter_map(|one| one.search.found.as_ref().map(|found| (one, found)));
    let finds: Vec<Find> = finds.collect();
    let share = wilson(finds.len() as u64, told.len() as u64);
    let _ =
        writeln!(page, "{}: of the schedules that were drawn, {share} break it\n", scenario.name);
    // The same kinds of trouble, broken in the same way, are one find to a reader.
    let mut sorts: BTreeMap<(Vec<&str>, &Broken), Vec<Find>> = BTreeMap::new();
    for (one, found) in finds {
        sorts.entry((found.kinds(), &found.broken)).or_default().push((one, found));
    }
    let mut sorts: Vec<_> = sorts.into_iter().collect();
    sorts.sort_by_key(|((kinds, _), all)| (std::cmp::Reverse(all.len()), kinds.len()));
    let mut table = Table::new(&["times", "becomes", "with no more than"]);
    for ((kinds, broken), all) in &sorts {
        let how = match broken {
            Broken::Severity(severity) => severity.name().to_owned(),
            Broken::Oracles(names) => names.iter().cloned().collect::<Vec<_>>().join(", "),
        };
        table.row([all.len().to_string(), how, kinds.join(" + ")]);
    }
    page += &table.text();
    for (_, all) in &sorts {
        let Some((one, found)) = all.first() else { continue };
        page.push('\n');
        heading(&mut page, &format!("Seed {}", one.search.seed));
        for trouble in &found.troubles {
            let at = scenario.calendar.offset_of(scenario.main_act().starts) + trouble.at;
            let first = format!("  {}  ", scenario.calendar.time(at));
            paragraph(&mut page, &first, 12, &steps(&trouble.steps));
        }
        if !found.minimal {
            paragraph(&mut page, "  ", 2, "(not shown to be the fewest: the budget was spent)");
        }
        command(&mut page, 2, one.replay.as_deref().unwrap_or_default());
    }
    page
}

/// Steps as they stand in the file: `deploy service=trial version=v1, 2 min later scale …`.
fn steps(steps: &[(f64, toml::Table)]) -> String {
    let told = steps.iter().map(|(later, step)| {
        let name = step.get("do").and_then(toml::Value::as_str).unwrap_or_default();
        let given = step.iter().filter(|(key, _)| *key != "do").map(|(key, value)| {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            format!(" {key}={value}")
        });
        let when = if *later > 0.0 {
            format!("{} later ", super::duration(*later))
        } else {
            String::new()
        };
        format!("{when}{name}{}", given.collect::<String>())
    });
    told.collect::<Vec<_>>().join(", ")
}
