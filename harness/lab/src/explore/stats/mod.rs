//! How sure a number is.
//!
//! Small, exact methods that one can look up: no share without its interval, no difference without
//! a test that fits how the runs were made (the same seeds in both arms: paired), no mean of times
//! that the horizon cut off. Distributions come from `statrs`; what stands here is what it has not.
//!
//! | module | for |
//! |---|---|
//! | [`interval`] | a share: Wilson's interval, and never "0 %" |
//! | [`sprt`] | does this set of conditions fail: as few runs as the answer needs |
//! | [`mcnemar`] | does one change matter: the same seeds with and without it |
//! | [`mod@sign_flip`] | does one of two ways lose more: the same seeds with both |
//! | [`mod@benjamini_hochberg`] | which of many tests count |
//! | [`survival`] | times to recovery of which some were not awaited |

pub mod benjamini_hochberg;
pub mod interval;
pub mod mcnemar;
pub mod sign_flip;
pub mod sprt;
pub mod survival;

pub use benjamini_hochberg::benjamini_hochberg;
pub use interval::{Interval, wilson};
pub use mcnemar::Pairs;
pub use sign_flip::sign_flip;
pub use sprt::{Finding, Sprt, Verdict};
pub use survival::{Curve, LogRank, Observation, log_rank};
