//! Linearizability: is there an order of all operations, each at some time between its call and its
//! answer, that explains every answer?
//!
//! The property is Herlihy and Wing's ("Linearizability: a correctness condition for concurrent
//! objects", 1990); etcd promises it of its KV calls ("KV API guarantees" in etcd's documentation),
//! serializable reads excepted, which do not belong in a history.
//!
//! | file | the idea |
//! |---|---|
//! | `kv` | the sequential etcd: what a request does and answers |
//! | `history` | operations, with outcomes that may be unknown |
//! | `partition` | which operations have to be looked at together |
//! | `timeline`, `evidence`, `states`, `search` | the search itself |
//! | `explain` | the shortest beginning that has no order |
//!
//! The question is NP-complete, so a search may take longer than anybody waits: it has a budget of
//! steps, and when that is used up the verdict is [`Verdict::Unknown`].

#[cfg(test)]
mod differential;
mod evidence;
mod explain;
pub mod generate;
mod history;
pub mod kv;
mod partition;
mod search;
mod states;
#[cfg(test)]
mod tests;
mod timeline;

use std::fmt;

pub use history::{Moment, Operation, Outcome};

use search::Found;
use timeline::Timeline;

/// The name in [`crate::outcome::Violation::oracle`].
pub const NAME: &str = "linearizability";

/// Steps that a search may take where nobody says otherwise: some seconds.
pub const BUDGET: u64 = 10_000_000;

/// What a check came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is such an order.
    Linearizable,
    /// There is none.
    Impossible(Box<Counterexample>),
    /// The budget was used up before either was found.
    Unknown,
}

/// A verdict and what it cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The verdict.
    pub verdict: Verdict,
    /// The steps that the search took: an operation considered in a configuration is one.
    pub searched: u64,
}

/// The shortest beginning of a history that no order explains: its last operation is the one that
/// cannot be placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counterexample {
    /// The operation that cannot be placed.
    pub operation: Operation,
    /// The operations on the same keys that can have taken effect shortly before it, in order of
    /// their calls.
    pub before: Vec<Operation>,
    /// How many operations with an answer on the same keys do have an order.
    pub explained: usize,
}

/// Checks a history. Operations may stand in any order.
pub fn check(operations: &[Operation], budget: u64) -> Report {
    let mut left = budget;
    let mut unknown = false;
    let mut worst: Option<Box<Counterexample>> = None;
    for part in partition::partition(operations) {
        let timeline = Timeline::new(&part);
        match search::search(&timeline, &mut left) {
            Found::Order => {}
            Found::OutOfBudget => unknown = true,
            Found::Nothing => {
                let found = explain::explain(&part, budget);
                let sooner = |other: &Counterexample| {
                    found.operation.returned() < other.operation.returned()
                };
                if worst.as_deref().is_none_or(sooner) {
                    worst = Some(Box::new(found));
                }
            }
        }
    }
    let verdict = match worst {
        Some(found) => Verdict::Impossible(found),
        None if unknown => Verdict::Unknown,
        None => Verdict::Linearizable,
    };
    Report { verdict, searched: budget - left }
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counterexample { operation, explained, .. } = self;
        write!(f, "no order explains {operation}; the {explained} answers before it have one")?;
        let before: Vec<String> = self.before.iter().map(Operation::to_string).collect();
        if before.is_empty() { Ok(()) } else { write!(f, "; before it: {}", before.join("; ")) }
    }
}
