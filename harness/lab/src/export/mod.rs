//! Runs in the formats of other tools.
//!
//! | format | read by |
//! |---|---|
//! | [`chrome()`]: Trace Event Format, JSON | `chrome://tracing`, Perfetto, Speedscope |
//! | [`perfetto()`]: Perfetto's protobuf | ui.perfetto.dev, `trace_processor` |
//! | [`journal()`]: Chaos Toolkit's journal, JSON | `chaos report`, and what reads journals |

mod chrome;
mod journal;
mod perfetto;
#[cfg(test)]
mod tests;
mod tracks;

pub use chrome::trace as chrome;
pub use journal::journal;
pub use perfetto::trace as perfetto;

use crate::outcome::Event;
use crate::{Outcome, Scenario};

/// A run, as the formats need it.
pub struct Played<'a> {
    /// What was played.
    pub scenario: &'a Scenario,
    /// What came of it.
    pub outcome: &'a Outcome,
    /// Every event of the run, in order.
    pub events: &'a [Event],
}
