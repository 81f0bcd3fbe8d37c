//! How a person is told what came of a run.
//!
//! The story comes first, in the order of the clock; then how it compares with what really
//! happened, how every journey fared, and what to conclude. Everything is text with ANSI styles:
//! whoever prints it strips them where there is no terminal ([`anstream`]). No line is wider than
//! [`WIDTH`] columns, words that cannot be broken excepted.

mod explanation;
mod header;
mod hunt;
mod lattice;
mod league;
mod phases;
mod strip;
mod table;
mod text;
mod timeline;
mod verdict;

#[cfg(test)]
mod tests;

pub use explanation::explained;
pub use hunt::hunted;
pub use lattice::lattice;
pub use league::league;
pub use table::Table;
pub use text::{Paint, duration, p_value, thousands, wrap};
pub use verdict::{chain, severity_style};

use crate::{Outcome, Scenario};

/// The columns of a page.
pub const WIDTH: usize = 100;

/// The whole story.
pub fn tell(scenario: &Scenario, outcome: &Outcome) -> String {
    let parts = [
        header::header(scenario, outcome),
        timeline::timeline(scenario, outcome),
        phases::phases(scenario, outcome),
        strip::strips(scenario, outcome),
        verdict::verdict(scenario, outcome),
    ];
    let told: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    told.join("\n")
}

/// A factor's name, with a star where it is an assumption.
fn marked(scenario: &Scenario, factor: &str) -> String {
    let known = scenario.factors.iter().find(|known| known.name == factor);
    let star = if known.is_some_and(|known| known.assumption) { " *" } else { "" };
    format!("{factor}{star}")
}

/// Says what the stars of [`marked`] mean, where there can be any.
fn assumptions(page: &mut String, scenario: &Scenario) {
    if scenario.factors.iter().any(|factor| factor.assumption) {
        let dim = Paint::DIM;
        *page += &format!("  {dim}* an assumption: the record is silent here{dim:#}\n");
    }
}

/// Says what an analysis did not ask, if anything.
fn left_out(page: &mut String, left_out: &[String]) {
    if left_out.is_empty() {
        return;
    }
    text::heading(page, "Not asked, because the scenario forbids it");
    for one in left_out {
        text::paragraph(page, "  ", 2, one);
    }
    page.push('\n');
}

/// The end of the story alone.
pub fn conclude(scenario: &Scenario, outcome: &Outcome) -> String {
    verdict::verdict(scenario, outcome)
}
