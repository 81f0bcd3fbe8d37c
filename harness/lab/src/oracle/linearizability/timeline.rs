//! A part of a history as the search walks it: from one answer to the next.
//!
//! Only answers constrain. Between two of them the set of operations that may take effect is known:
//! those called before the next answer and not answered before it, and every operation of unknown
//! outcome called so far.

use bytes::Bytes;

use super::evidence::Evidence;
use super::history::Operation;
use super::kv::{Answer, Request};

/// An operation by its place in a [`Timeline`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Which {
    /// In [`Timeline::known`].
    Known(u32),
    /// Among those of unknown outcome that may have changed something, in order of their calls.
    Unknown(u32),
}

/// The walk.
pub(super) struct Timeline<'a> {
    /// The operations with an answer, in the order of their answers.
    pub known: Vec<&'a Operation>,
    /// What they ask, and what those of unknown outcome ask; values that no answer tells from
    /// others are one and the same.
    requests: [Vec<Request>; 2],
    /// Whether each cannot have changed anything.
    pub pure: Vec<bool>,
    /// The place of each in the bit sets: taken at its call, free again after its answer.
    pub slots: Vec<usize>,
    /// How many places there are.
    pub width: usize,
    /// For each answer, the operations that are open just before it: `open[n]` has `n` itself.
    pub open: Vec<Vec<u32>>,
    /// For each answer, how many of the operations of unknown outcome were called before it.
    pub begun: Vec<usize>,
    /// For each operation of unknown outcome, one that was called before it and asks the same.
    pub twins: Vec<Option<u32>>,
    /// Who writes and who shows each pair.
    evidence: Evidence,
}

impl<'a> Timeline<'a> {
    pub fn new(operations: &[&'a Operation]) -> Self {
        let mut known: Vec<&Operation> = Vec::new();
        let mut unknown: Vec<&Operation> = Vec::new();
        for operation in operations {
            match operation.outcome {
                super::Outcome::Ok(..) => known.push(operation),
                // Whether a read that nobody saw took effect makes no difference.
                super::Outcome::Unknown if !operation.request.is_pure(None) => {
                    unknown.push(operation);
                }
                super::Outcome::Unknown | super::Outcome::Failed => {}
            }
        }
        let end = |operation: &Operation| operation.returned().map(|moment| moment.order);
        known.sort_by_key(|operation| end(operation));
        unknown.sort_by_key(|operation| operation.called.order);

        let mut by_call: Vec<usize> = (0..known.len()).collect();
        by_call.sort_by_key(|n| known[*n].called.order);
        let mut calls = by_call.into_iter().peekable();
        let mut slots = vec![0; known.len()];
        let mut taken: Vec<Option<u32>> = Vec::new();
        let (mut open, mut begun) = (Vec::new(), Vec::new());
        for n in 0..known.len() {
            let answered = end(known[n]).unwrap_or(u64::MAX);
            while let Some(call) = calls.next_if(|call| known[*call].called.order < answered) {
                let free = taken.iter().position(Option::is_none);
                let slot = free.unwrap_or_else(|| {
                    taken.push(None);
                    taken.len() - 1
                });
                taken[slot] = Some(call as u32);
                slots[call] = slot;
            }
            let mut now: Vec<u32> = taken.iter().flatten().copied().collect();
            now.sort_unstable();
            open.push(now);
            begun.push(unknown.partition_point(|operation| operation.called.order < answered));
            taken[slots[n]] = None;
        }
        let pure = known.iter().map(|known| known.request.is_pure(known.answer())).collect();
        let evidence = Evidence::of(&known, &unknown);
        let anonymous = |list: &[&Operation]| -> Vec<Request> {
            list.iter().map(|operation| evidence.without_names(&operation.request)).collect()
        };
        let requests = [anonymous(&known), anonymous(&unknown)];
        let twin = |n: usize| {
            let same = |m: &usize| requests[1][*m] == requests[1][n];
            (0..n).rev().find(same).map(|m| m as u32)
        };
        let twins = (0..unknown.len()).map(twin).collect();
        let width = taken.len();
        Timeline { known, requests, pure, slots, width, open, begun, twins, evidence }
    }

    /// Whether what an operation writes is shown by an answer after the `level`th.
    pub fn is_shown_after(&self, which: Which, level: usize) -> bool {
        let after =
            |pair| self.evidence.shown(pair).last().is_some_and(|last| *last as usize > level);
        self.request(which).puts().any(after)
    }

    /// Who writes a pair, and which answers show it.
    pub fn evidence(&self, pair: (&Bytes, &Bytes)) -> (&[Which], &[u32]) {
        (self.evidence.writers(pair), self.evidence.shown(pair))
    }

    /// What an operation asks.
    pub fn request(&self, which: Which) -> &Request {
        match which {
            Which::Known(n) => &self.requests[0][n as usize],
            Which::Unknown(n) => &self.requests[1][n as usize],
        }
    }

    /// What an operation was answered.
    pub fn answer(&self, which: Which) -> Option<&'a Answer> {
        match which {
            Which::Known(n) => self.known[n as usize].answer(),
            Which::Unknown(_) => None,
        }
    }

    /// Whether an operation does and answers the same in every state.
    pub fn is_blind(&self, which: Which) -> bool {
        self.request(which).is_blind(self.answer(which))
    }
}
