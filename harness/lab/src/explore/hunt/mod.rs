//! Looking for what nobody thought of: faults and operations drawn over a healthy scenario, and those
//! that break it shrunk to the fewest.
//!
//! Every seed is a swarm of its own (Groce et al., "Swarm Testing", ISSTA 2012): it first draws which
//! kinds of trouble there are at all, because schedules in which everything happens hide what needs one
//! thing to happen often or another not at all. What breaks is shrunk by [`shrink`](mod@super::shrink),
//! each time by playing the whole scenario with some of the trouble left out, and the least that is left
//! is written as a scenario file. So what is found is replayed, explained and reported like any other
//! scenario.
//!
//! Each schedule, whole or with some of it left out, is a scenario text of its own. Its run goes through
//! the store of that text ([`runs`](mod@super::runs)), so a hunt that is made again plays nothing, and one
//! that was stopped goes on in the middle of a seed.
//!
//! | module | holds |
//! |---|---|
//! | [`kinds`] | what can be drawn, for each sort of world |
//! | [`schedule`] | a drawn schedule, and the scenario that has it |
//! | [`search`] | one seed: drawn, played, shrunk |

pub mod kinds;
pub mod schedule;
pub mod search;

#[cfg(test)]
mod tests;

pub use schedule::{Schedule, Trouble};
pub use search::{Broken, Found, Open, Plan, Search, Told, healthy, hunt};
