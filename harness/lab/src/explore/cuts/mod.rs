//! Which conditions together cause it: minimal cut sets and maximal safe sets.
//!
//! The lattice of all subsets of up to some twenty factors is too large to run. Its boundary is
//! not: a few dozen cells tell what all others are, as long as more harm is never less. Where that
//! does not hold, because a factor protects, a pair of cells shows it (one fails, one with more
//! factors is safe); the factor is turned over, its absence becomes the harm, and the search goes
//! on.
//!
//! What is reported was run, every cut set in a cell of its own. What is not known is said: cells
//! that stay undetermined, cells that the budget did not reach, literals not shown to be needed,
//! and how hard was looked for factors that protect.
//!
//! | module | holds |
//! |---|---|
//! | [`set`], [`literal`] | sets of factors, conjunctions of literals |
//! | [`membership`] | the one who judges, the budget, what was judged |
//! | [`sampled`] | judging by runs over seeds, several at once |
//! | [`view`] | the lattice turned so that more is worse |
//! | [`transversal`], [`unexplored`] | minimal hitting sets; where to look next |
//! | [`mod@shrink`], [`marco`] | from a failing set to a cut set; all of them |
//! | [`implicants`] | cut sets where a factor acts both ways |
//! | [`witness`] | pairs of cells that show a factor to protect |
//! | [`mod@search`], `conclude`, [`answer`] | the whole search; how its end is drawn up; what it says |
//! | [`moebius`] | how much of the effect is whose interaction |
//! | [`planted`] | structure functions with known cut sets, to measure the search with |

pub mod answer;
mod conclude;
pub mod implicants;
pub mod literal;
pub mod marco;
pub mod membership;
pub mod moebius;
pub mod planted;
pub mod sampled;
pub mod search;
pub mod set;
pub mod shrink;
pub mod transversal;
pub mod unexplored;
pub mod view;
pub mod witness;

#[cfg(test)]
mod tests;

pub use answer::{Answer, Confirmation, Cut, Ended, Held, SafeSet};
pub use literal::{Literal, Literals};
pub use membership::{Effort, Membership, Stopped};
pub use sampled::Sampled;
pub use search::{Options, Scrutiny, search};
pub use set::Set;
pub use witness::Witness;
