//! What people do about it, and what they could have done.
//!
//! A step that people take is a lever like any other, but one that is pulled for reasons. So their ways of
//! responding are compared as wholes ([`policy`], [`mod@league`]): the same accidents, other responders.
//! And each step of the responders is varied by the four ways in which an action can be unsafe
//! ([`mod@variants`]): not done, done to the wrong thing, at the wrong time or in the wrong order, cut
//! short or dragged out (STPA: Leveson and Thomas, "STPA Handbook", 2018, chapter 2).
//!
//! | module | holds |
//! |---|---|
//! | [`policy`] | responses as data |
//! | [`mod@league`] | responses compared over the same seeds |
//! | [`mod@variants`] | a scenario with one step done otherwise |
//! | [`ways`], [`whom`] | how each action can be done to the wrong thing, too briefly or for too long |
//! | [`mod@unsafely`] | those played, beside the responders as they were |
//! | [`mutate`] | the text of a scenario with one step changed |

pub mod league;
pub mod mutate;
pub mod policy;
pub mod unsafely;
pub mod variants;
pub mod ways;
mod whom;

#[cfg(test)]
pub(crate) mod tests;

pub use league::{League, Standing, league};
pub use policy::Policy;
pub use unsafely::{Unsafely, unsafely};
pub use variants::{Variant, variants};
