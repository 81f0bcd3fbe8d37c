//! The report: one HTML file that opens from disk and tells a run to somebody who was not there.
//!
//! Everything is in the one file: style, drawings (SVG), script and, at its end, every number as
//! JSON. Nothing is fetched. A drawing is made in two steps: a pure function turns the run into
//! coordinates and words ([`card`], [`lanes`], [`health`], [`indicators`], [`cutsets`], [`hasse`],
//! [`spectrum`], [`but_for`], [`responses`]), the template places them. So what is drawn is tested without
//! a browser, and how it looks is changed without touching Rust.
//!
//! The order of the sections is the order of a reader's questions: how bad was it, what happened
//! when, who noticed, what else moved, which conditions together led to it, what would have prevented
//! it, what could people have done, how can I see it again.

mod alarms;
mod analyses;
mod axis;
mod bands;
mod but_for;
mod card;
mod cause;
mod compare;
mod cutsets;
mod edges;
pub mod findings;
mod hasse;
mod health;
mod impact;
mod indicators;
mod lanes;
mod markdown;
mod markup;
mod page;
mod responses;
mod retrospect;
mod spectrum;
mod spell;
mod success;
#[cfg(test)]
mod tests;
mod views;

pub use findings::Findings;

use crate::outcome::Event;
use crate::{Outcome, Scenario};

/// What a report is made of.
pub struct Report<'a> {
    /// What was played.
    pub scenario: &'a Scenario,
    /// What came of it.
    pub outcome: &'a Outcome,
    /// Every event of the run, in order.
    pub events: &'a [Event],
    /// What analyses found.
    pub findings: &'a Findings,
    /// Which program played it: runs of different builds are not compared.
    pub build: &'a str,
}

impl Report<'_> {
    /// Whether the explanation is of this very run.
    fn is_explained(&self) -> bool {
        let explanation = self.findings.explanation.as_ref();
        explanation.is_some_and(|explanation| explanation.digest == self.outcome.digest)
    }

    /// The report as one HTML file.
    pub fn html(&self) -> String {
        page::html(self)
    }

    /// The run as a post-mortem in Markdown, for a team's own records.
    pub fn markdown(&self) -> String {
        markdown::markdown(self)
    }
}
