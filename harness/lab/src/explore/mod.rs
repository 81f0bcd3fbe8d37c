//! Why it happened: which conditions together, how surely, and what would have prevented it.
//!
//! All of it asks one function, (settings, seed) → outcome, and differs only in what it asks. So
//! the algorithms here are pure: they are handed something that judges a set of conditions, and
//! know neither scenarios nor threads nor files. Who judges, in parallel and from a store of runs,
//! stands apart. What was published as a table is tested against the table.
//!
//! | module | the question it answers |
//! |---|---|
//! | [`runs`] | what came of these settings and this seed: played once, then remembered |
//! | [`counterfactual`] | of one run: what would have changed it, and from which moment on |
//! | [`lattice`] | which combinations of a scenario's conditions lead to it |
//! | [`humans`] | what people do about it, and what they could have done |
//! | [`cuts`] | which conditions together: minimal cut sets, maximal safe sets |
//! | [`fixes`] | which changes would have prevented all of it, cheapest first |
//! | [`cover`] | a first look at many factors: covering arrays and what they cover |
//! | [`mod@shrink`] | the fewest of many faults that break it |
//! | [`mod@hunt`] | what breaks it that nobody thought of |
//! | [`stats`] | how sure is a count, a difference, a time to recovery |

pub mod counterfactual;
pub mod cover;
pub mod cuts;
pub mod fixes;
pub mod humans;
pub mod hunt;
pub mod lattice;
pub mod runs;
pub mod shrink;
pub mod stats;
