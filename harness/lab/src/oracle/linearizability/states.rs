//! The states that a search has met, and which operation leads from which to which.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::kv::State;
use super::timeline::{Timeline, Which};

/// States by number; the empty one has number 0.
pub(super) struct States<'a> {
    timeline: &'a Timeline<'a>,
    list: Vec<State>,
    numbers: BTreeMap<State, u32>,
    after: BTreeMap<(u32, Which), Option<u32>>,
}

impl<'a> States<'a> {
    pub fn new(timeline: &'a Timeline<'a>) -> Self {
        let numbers = BTreeMap::from([(State::new(), 0)]);
        States { timeline, list: vec![State::new()], numbers, after: BTreeMap::new() }
    }

    pub fn get(&self, number: u32) -> &State {
        &self.list[number as usize]
    }

    /// The state after an operation has taken effect, if it can give its answer there.
    pub fn after(&mut self, state: u32, which: Which) -> Option<u32> {
        if let Some(known) = self.after.get(&(state, which)) {
            return *known;
        }
        let answer = self.timeline.answer(which);
        let after = match self.timeline.request(which).step(&self.list[state as usize], answer) {
            None => None,
            Some(Cow::Borrowed(_)) => Some(state),
            Some(Cow::Owned(after)) => Some(self.number(after)),
        };
        self.after.insert((state, which), after);
        after
    }

    fn number(&mut self, state: State) -> u32 {
        let next = self.list.len() as u32;
        let number = *self.numbers.entry(state.clone()).or_insert(next);
        if number == next {
            self.list.push(state);
        }
        number
    }
}
