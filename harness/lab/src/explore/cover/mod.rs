//! A first look at many factors: rows that show every pair, or triple, of levels.
//!
//! With twenty factors nobody runs a million cells. A covering array of strength `t` has every
//! combination of the levels of any `t` factors in some row, in a few dozen rows. It is no proof: a
//! failure that needs seven conditions at once is in no small array but by luck. So the array
//! begins with the rows that find any single large cut set: everything at its default, everything
//! on, and each factor left out ([`mod@seeds`]).
//!
//! Some combinations cannot be: a scenario forbids them, or somebody at the command line. They are in
//! no row, nor is what follows from them: a pair that nobody forbids may leave nothing for a third
//! factor to be. What cannot be covered for that reason is reported, never passed over.
//!
//! Whoever generates rows may be wrong about what they cover. So the [`meter`] is apart: it knows
//! the rows and the grid and nothing of how the rows came about, and it names what is not covered.
//!
//! | module | holds |
//! |---|---|
//! | [`grid`] | factors, levels, combinations that cannot be |
//! | [`mod@seeds`] | the rows to begin with |
//! | [`mod@generate`] | the greedy generator |
//! | [`meter`] | what a set of rows covers |

pub mod generate;
pub mod grid;
pub mod meter;
pub mod seeds;

pub use generate::generate;
pub use grid::{Grid, Row, Tuple};
pub use meter::{Coverage, measure};
pub use seeds::{Seeds, seeds};
