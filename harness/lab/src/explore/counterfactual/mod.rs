//! Of one run: what would have changed it, from which moment on, and by whose hands.
//!
//! A deterministic run can be played again with one thing different, so both of what happened and what
//! would have happened are seen, for the same seed. What is asked of every factor:
//!
//! | module | the question |
//! |---|---|
//! | [`flip`] | at which other level would it have been absent |
//! | [`but_for`] | would it have happened without it, and which event is the first that differs |
//! | [`pin`] | what of that goes through what people then did or did not do |
//! | [`pairs`] | with other seeds, how necessary is it, and how sufficient beside the others |
//! | [`order`] | does it matter which of two steps came first |
//! | [`windows`] | from when until when could a step be taken for it to happen all the same |
//! | [`armed`] | when did each latent condition come about, when did it show, who noticed |
//! | [`latent`] | what such a condition is, and which marks tell of it |
//!
//! [`explain()`] puts it together.

pub mod armed;
pub mod but_for;
pub mod explain;
pub mod flip;
pub mod latent;
pub mod order;
pub mod pairs;
pub mod pin;
pub mod windows;

#[cfg(test)]
pub(crate) mod tests;

pub use explain::{Explanation, Plan, explain};
