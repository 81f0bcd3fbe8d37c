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

/// The end of the story alone.
pub fn conclude(scenario: &Scenario, outcome: &Outcome) -> String {
    verdict::verdict(scenario, outcome)
}
