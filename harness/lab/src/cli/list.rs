//! `anatomy list`.

use std::fmt::Write as _;

use super::output;
use crate::Scenario;
use crate::narrate::{Paint, wrap};
use crate::scenario::BUILT_IN;

/// Lists the built-in scenarios.
pub fn list() {
    let mut page = String::new();
    for (name, text) in BUILT_IN {
        match Scenario::parse(name, &format!("{name}.toml"), text) {
            Ok(scenario) => describe(&mut page, &scenario),
            Err(error) => page += &format!("{name}: {error}\n"),
        }
    }
    output::say(&page);
}

/// A scenario with its acts, factors, constraints and numbers.
pub(super) fn describe(page: &mut String, scenario: &Scenario) {
    let (head, dim, warn) = (Paint::HEAD, Paint::DIM, Paint::WARN);
    let _ = writeln!(page, "{head}{}{head:#}", scenario.name);
    for line in [&scenario.title, &scenario.summary].into_iter().flat_map(|text| wrap(text, 98)) {
        let _ = writeln!(page, "  {line}");
    }
    let _ = writeln!(page, "  default seed {}", scenario.seed);
    let _ = writeln!(page, "\n  {head}acts{head:#} (--until ACT)");
    for act in &scenario.acts {
        let at = scenario.calendar.offset_of(act.starts);
        let when = format!("{} {}", scenario.calendar.date(at), scenario.calendar.minute(at));
        let assumed = if act.assumption { " assumption" } else { "" };
        let _ = writeln!(page, "    {:22}{when}{warn}{assumed}{warn:#}", act.name);
        let _ = writeln!(page, "      {dim}{}{dim:#}", act.doc);
    }
    let _ = writeln!(page, "\n  {head}factors{head:#} (--set FACTOR=LEVEL; the default first)");
    for factor in &scenario.factors {
        let levels = factor.levels.join(" | ");
        let assumed = if factor.assumption { ", assumption" } else { "" };
        let kind = factor.kind.name();
        let _ = writeln!(page, "    {:22}{levels}  {warn}[{kind}{assumed}]{warn:#}", factor.name);
        for line in wrap(&factor.doc, 92) {
            let _ = writeln!(page, "      {dim}{line}{dim:#}");
        }
    }
    if !scenario.constraints.is_empty() {
        let _ = writeln!(page, "\n  {head}constraints{head:#} (not together)");
    }
    for constraint in &scenario.constraints {
        let _ = writeln!(page, "    {constraint}");
        for line in wrap(&constraint.doc, 92) {
            let _ = writeln!(page, "      {dim}{line}{dim:#}");
        }
    }
    if scenario.numbers.is_empty() {
        return;
    }
    let _ = writeln!(page, "\n  {head}numbers{head:#} (--set NUMBER=VALUE)");
    for number in &scenario.numbers {
        let range = format!("{} ({} to {})", number.default, number.min, number.max);
        let _ = writeln!(page, "    {:22}{range}", number.name);
        let _ = writeln!(page, "      {dim}{}{dim:#}", number.doc);
    }
}
