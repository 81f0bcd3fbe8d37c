//! Why a run went as it did, as tables.

use std::fmt::Write as _;

use super::table::Table;
use super::text::{Paint, heading, paint, paragraph};
use super::verdict::severity_style;
use super::{assumptions, left_out, marked};
use crate::Scenario;
use crate::explore::counterfactual::Explanation;
use crate::explore::counterfactual::but_for::ButFor;

/// The page.
pub fn explained(scenario: &Scenario, found: &Explanation) -> String {
    let mut page = String::new();
    let severity = paint(severity_style(found.severity), found.severity.name());
    let (name, seed) = (&found.scenario, found.seed);
    let since = found
        .since
        .map(|at| format!(", {} since {}", found.target.name(), clock(scenario, at as f64)));
    let _ = writeln!(page, "{name}, seed {seed}: {severity}{}\n", since.unwrap_or_default());
    latent(&mut page, scenario, found);
    but_for(&mut page, scenario, found);
    order(&mut page, found);
    windows(&mut page, scenario, found);
    necessity(&mut page, found);
    left_out(&mut page, &found.left_out);
    let _ = writeln!(page, "again  {}", found.replay);
    page
}

fn clock(scenario: &Scenario, at: f64) -> String {
    let calendar = &scenario.calendar;
    let zero = calendar.date(0.0);
    let date = Some(calendar.date(at)).filter(|date| *date != zero);
    // The year is the story's own.
    let day = date.map(|date| format!("{} ", date.rsplit_once(' ').map_or("", |(day, _)| day)));
    format!("{}{}", day.unwrap_or_default(), calendar.time(at))
}

fn latent(page: &mut String, scenario: &Scenario, found: &Explanation) {
    if found.armed.is_empty() {
        return;
    }
    heading(page, "What was wrong before anybody knew");
    for one in &found.armed {
        let first = format!("  {:19}  ", clock(scenario, one.armed));
        paragraph(page, &first, 23, &format!("{}: {}", one.on, one.what));
        let moments = [("showed", &one.showed), ("noticed", &one.noticed), ("ended", &one.ended)];
        for (word, moment) in moments {
            let Some((at, what)) = moment else { continue };
            let first = format!("    {word:8} {:8}  ", clock(scenario, *at));
            paragraph(page, &first, 23, what);
        }
    }
    page.push('\n');
}

fn but_for(page: &mut String, scenario: &Scenario, found: &Explanation) {
    heading(page, "But for one factor");
    let mut table = Table::new(&["factor", "to", "severity", "first event that differs", ""]);
    for one in &found.but_for {
        let first = one.first.as_ref().map_or("the same run".to_owned(), |d| clock(scenario, d.at));
        let remarks = remarks(found, one);
        let severity = one.severity.name().to_owned();
        table.row([marked(scenario, &one.factor), one.to.clone(), severity, first, remarks]);
    }
    *page += &table.text();
    assumptions(page, scenario);
    page.push('\n');
}

fn remarks(found: &Explanation, one: &ButFor) -> String {
    let mut said = Vec::new();
    match (found.reaches, one.reaches) {
        (true, false) => said.push(format!("averts {}", found.target.name())),
        (false, true) => said.push(format!("brings {}", found.target.name())),
        _ => {}
    }
    if one.is_mediated(found.reaches) {
        said.push("but only because people then act otherwise".to_owned());
    }
    if one.drawn_anew {
        said.push("the lot falls otherwise: see --pairs".to_owned());
    }
    said.join("; ")
}

fn order(page: &mut String, found: &Explanation) {
    if found.order.is_empty() {
        return;
    }
    heading(page, "Steps in each other's place");
    let mut table = Table::new(&["first", "then", "severity", ""]);
    for swap in &found.order {
        let told = if swap.matters() { "the order matters" } else { "" };
        let severity = swap.severity.name().to_owned();
        table.row([swap.second.clone(), swap.first.clone(), severity, told.to_owned()]);
    }
    *page += &table.text();
    page.push('\n');
}

fn windows(page: &mut String, scenario: &Scenario, found: &Explanation) {
    if found.windows.is_empty() {
        return;
    }
    heading(page, &format!("When each step leads to {}", found.target.name()));
    let mut table = Table::new(&["factor", "taken", "from", "until", ""]);
    for one in &found.windows {
        let end = |time: i64, beyond: Option<i64>| match beyond {
            Some(_) => clock(scenario, time as f64),
            None => "any time".to_owned(),
        };
        let holes: Vec<_> = one.holes.iter().map(|at| clock(scenario, *at as f64)).collect();
        let told =
            if holes.is_empty() { String::new() } else { format!("not at {}", holes.join(", ")) };
        table.row([
            one.factor.clone(),
            clock(scenario, one.taken as f64),
            end(one.earliest, one.not_yet),
            end(one.latest, one.no_more),
            told,
        ]);
    }
    *page += &table.text();
    page.push('\n');
}

fn necessity(page: &mut String, found: &Explanation) {
    let Some(seeds) = &found.seeds else { return };
    heading(page, "How necessary, and how sufficient beside the others");
    let chosen = match seeds.fell {
        true => {
            format!("chosen among the first {} because the lot falls with them", seeds.looked_at)
        }
        false => "as they come".to_owned(),
    };
    let listed: Vec<_> = seeds.seeds.iter().map(u64::to_string).collect();
    paragraph(page, "  ", 2, &format!("seeds {}: {chosen}", listed.join(", ")));
    let mut table = Table::new(&["factor", "to", "necessary", "sufficient", "lot falls too"]);
    for one in &found.necessity {
        let too = one.fell_too.map_or(String::new(), |n| format!("{n} of {}", one.pairs.seeds()));
        let (necessary, sufficient) = (one.necessity.to_string(), one.sufficiency.to_string());
        table.row([one.factor.clone(), one.to.clone(), necessary, sufficient, too]);
    }
    *page += &table.text();
    let dim = Paint::DIM;
    let _ = writeln!(
        page,
        "  {dim}of the seeds that go bad, the share that the change averts; of those that it leaves \
        good,{dim:#}\n  {dim}the share that goes bad without it{dim:#}\n"
    );
}
