//! Which combinations of a scenario's conditions lead to it: the lattice of its factors.
//!
//! A cell of the lattice is a set of factors that are present, at the level of the real day; all others
//! are absent. What a cell does is asked of runs over seeds, as many as a sequential test wants. Which
//! cells are asked is the business of [`super::cuts`].
//!
//! People are factors and mediators at once: a restart that they do because of what they see is brought
//! about by what makes them see it. So the lattice is searched twice: as people react, and with the step
//! that turned out to matter taken in any case. The cut sets of the two beside each other say what the
//! step needs to do harm, and what it takes to be done.
//!
//! | module | holds |
//! |---|---|
//! | [`condition`] | what a cut set asks of a factor |
//! | [`factors`] | the factors, and the settings of a cell |
//! | [`judge`] | judging a cell by runs over seeds |
//! | [`family`] | one search with everything that is told of it |
//! | [`report`] | both searches, as written for those who come later |

pub mod condition;
pub mod factors;
pub mod family;
pub mod judge;
pub mod report;

#[cfg(test)]
pub(crate) mod tests;

pub use family::{Family, Plan};
pub use report::{Lattice, lattice};
