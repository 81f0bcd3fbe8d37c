//! The shortest beginning of a history that no order explains.
//!
//! If a beginning has an order, so has every shorter one. So the shortest without is found by
//! bisection, a search for each step.

use super::Counterexample;
use super::history::{Operation, Outcome};
use super::search::{Found, search};
use super::timeline::Timeline;

/// How many of the operations before the impossible one are told.
const TOLD: usize = 8;

/// Explains a part of a history that has no order. A beginning that cannot be decided within what is
/// left of the budget counts as one that has an order: the explanation is then longer than need be.
pub(super) fn explain(part: &[&Operation], mut budget: u64) -> Counterexample {
    let mut ends: Vec<u64> = part.iter().filter_map(|one| Some(one.returned()?.order)).collect();
    ends.sort_unstable();
    let (mut explained, mut impossible) = (0, ends.len());
    while explained + 1 < impossible {
        let middle = explained + (impossible - explained) / 2;
        let beginning = until(part, ends[middle - 1]);
        let timeline = Timeline::new(&beginning.iter().collect::<Vec<_>>());
        match search(&timeline, &mut budget) {
            Found::Nothing => impossible = middle,
            Found::Order | Found::OutOfBudget => explained = middle,
        }
    }
    let end = ends[impossible - 1];
    let is_it = |one: &&&Operation| one.returned().is_some_and(|moment| moment.order == end);
    let operation = (*part.iter().find(is_it).expect("an answer ends there")).clone();
    let before = part.iter().filter(|other| {
        let changes = !other.request.is_pure(other.answer()) && other.outcome != Outcome::Failed;
        changes && ***other != operation && other.called.order < end
    });
    let mut before: Vec<&Operation> = before.copied().collect();
    before.sort_by_key(|other| other.returned().unwrap_or(other.called));
    let recent = before.split_off(before.len().saturating_sub(TOLD));
    let mut before: Vec<Operation> = recent.into_iter().cloned().collect();
    before.sort_by_key(|other| other.called);
    Counterexample { operation, before, explained }
}

/// What was known just after an answer: later ones had not come.
fn until(part: &[&Operation], end: u64) -> Vec<Operation> {
    let begun = part.iter().filter(|operation| operation.called.order < end);
    let known = |operation: &&Operation| {
        let mut operation = (*operation).clone();
        if operation.returned().is_some_and(|moment| moment.order > end) {
            operation.outcome = Outcome::Unknown;
        }
        operation
    };
    begun.map(known).collect()
}
