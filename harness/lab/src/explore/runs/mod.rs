//! The one function that every analysis asks: (settings, seed) → what came of it.
//!
//! A run is a function of the program, the scenario's text, the settings and the seed, so what came of
//! it can be kept under those and is never played twice. More than that: a run tells which settings
//! made no difference to it ([`influence`]), so that one run answers for many settings; and a question
//! that is only whether it gets as bad as this is answered as soon as it is ([`Question::Reaches`]).
//! Both are exact: the run that is not played would have been the same one, event by event.
//!
//! | module | what it is |
//! |---|---|
//! | [`question`] | what is asked |
//! | [`row`] | what is kept of a run: one line of JSON |
//! | [`influence`] | which settings a run stands for |
//! | [`store`] | the file of rows, and the trails beside it |
//! | [`player`] | answers from the store, plays what is missing, many at once |
//! | [`lottery`] | seeds with which chance has done its part |

pub mod influence;
pub mod lottery;
pub mod player;
pub mod question;
pub mod row;
pub mod store;

#[cfg(test)]
mod tests;

pub use lottery::Seeds;
pub use player::{Count, Meter, Runs, Silent, Tally};
pub use question::{Ask, Question};
pub use row::Row;
pub use store::Store;
