//! Cut sets, safe sets and fixes, as tables.

use std::fmt::Write as _;

use super::table::Table;
use super::text::{Paint, command, heading, paint, paragraph};
use super::{assumptions, left_out, marked};
use crate::Scenario;
use crate::explore::lattice::condition::{self, Condition};
use crate::explore::lattice::{Family, Lattice};
use crate::explore::stats::wilson;

/// The page.
pub fn lattice(scenario: &Scenario, found: &Lattice) -> String {
    let mut page = String::new();
    let target = found.target.name();
    let _ = writeln!(page, "{}: what leads to {}\n", found.scenario, paint(Paint::BAD, target));
    matrix(&mut page, scenario, found);
    for (letter, family) in ('A'..).zip(&found.families) {
        sets(&mut page, scenario, letter, family);
    }
    left_out(&mut page, &found.left_out);
    page
}

/// Which factor is in which cut set: a column for each, all searches side by side.
fn matrix(page: &mut String, scenario: &Scenario, found: &Lattice) {
    heading(page, "Cut sets");
    let mut names: Vec<&str> = Vec::new();
    for family in &found.families {
        for axis in &family.factors {
            if !names.contains(&axis.name.as_str()) {
                names.push(&axis.name);
            }
        }
    }
    let columns: Vec<(String, &Family, &[Condition])> = ('A'..)
        .zip(&found.families)
        .flat_map(|(letter, family)| {
            let cuts = family.cuts.iter().enumerate();
            cuts.map(move |(n, cut)| (format!("{letter}{}", n + 1), family, &cut.conditions[..]))
        })
        .collect();
    let width = names.iter().map(|name| marked(scenario, name).len()).max().unwrap_or(0);
    let heads: String = columns.iter().map(|(head, ..)| format!(" {head:>3}")).collect();
    let dim = Paint::DIM;
    let _ = writeln!(page, "  {:width$} {dim}{heads}{dim:#}", "");
    for name in names {
        let mark = |(_, family, conditions): &(String, &Family, &[Condition])| match condition::of(
            conditions, name,
        ) {
            Some(true) => "   ●",
            Some(false) => "   ○",
            None if family.factors.iter().any(|axis| axis.name == name) => "   ·",
            None => "   !",
        };
        let marks: String = columns.iter().map(mark).collect();
        let _ = writeln!(page, "  {:width$} {marks}", marked(scenario, name));
    }
    let _ = writeln!(
        page,
        "  {dim}● must be there · ○ must not be · ! in any case · · does not matter{dim:#}"
    );
    levels(page, found);
    assumptions(page, scenario);
}

/// What being there and not being there means, for factors that are not just on or off.
fn levels(page: &mut String, found: &Lattice) {
    let mut told: Vec<String> = Vec::new();
    for axis in found.families.iter().flat_map(|family| &family.factors) {
        let one = format!("{} is {}, else {}", axis.name, axis.present, axis.absent);
        if (axis.present.as_str(), axis.absent.as_str()) != ("on", "off") && !told.contains(&one) {
            told.push(one);
        }
    }
    let dim = Paint::DIM;
    let _ = write!(page, "{dim}");
    paragraph(page, "  ", 2, &told.join(" · "));
    let _ = writeln!(page, "{dim:#}");
}

fn sets(page: &mut String, scenario: &Scenario, letter: char, family: &Family) {
    heading(page, &format!("{letter}: {}", family.name));
    if family.conditioned {
        let doc = scenario.lottery.as_ref().map_or("", |lottery| lottery.doc.as_str());
        paragraph(page, "  ", 2, &format!("given, where that is possible: {doc}"));
    }
    for (n, cut) in family.cuts.iter().enumerate() {
        let since = cut.since.map(|at| format!(", since {}", scenario.calendar.time(at as f64)));
        let head = format!("{letter}{} of order {}{}", n + 1, cut.order, since.unwrap_or_default());
        let _ = writeln!(page, "  {}", paint(Paint::HEAD, &head));
        paragraph(page, "    ", 4, &condition::all(&cut.conditions));
        let held = cut.held.name();
        paragraph(page, "    ", 4, &format!("search {}; fresh {}: {held}", cut.seen, cut.fresh));
        if !cut.unproven.is_empty() {
            let perhaps = format!("perhaps {}", condition::undone(&cut.unproven));
            paragraph(page, "    ", 4, &perhaps);
        }
        for swap in &cut.swaps {
            paragraph(page, "    ", 4, &swap.told());
        }
        for window in &cut.windows {
            paragraph(page, "    ", 4, &window.told(&scenario.calendar));
        }
        command(page, 4, &cut.replay);
    }
    let mut safe = Table::new(&["seen", "never, were all but this at its worst"]);
    for one in &family.safe {
        let seen = one.seen.map_or("follows".to_owned(), |seen| seen.to_string());
        let in_vain = one.in_vain.map_or(String::new(), |seeds| {
            format!(" (the lot did not fall: {})", wilson(0, seeds))
        });
        safe.row([seen, condition::undone(&one.without) + &in_vain]);
    }
    let mut fixes = Table::new(&["cost", "fresh seeds", "breaks every cut set"]);
    for fix in &family.fixes {
        let fresh = fix.fresh.zip(fix.held);
        let fresh =
            fresh.map_or(String::new(), |(fresh, held)| format!("{fresh}: {}", held.name()));
        fixes.row([fix.cost.to_string(), fresh, condition::undone(&fix.changes)]);
    }
    for table in [safe, fixes].iter().filter(|table| !table.is_empty()) {
        *page += &format!("\n{}", table.text());
    }
    let (answer, dim) = (&family.answer, Paint::DIM);
    let open = answer.open.map_or("an unknown number of".to_owned(), |open| open.to_string());
    let _ = writeln!(
        page,
        "\n  {dim}{} cells judged: {} lead to it, {} do not, {} undetermined; {open} unknown{dim:#}\n",
        answer.evaluations, answer.judged.fail, answer.judged.safe, answer.judged.undetermined
    );
}
