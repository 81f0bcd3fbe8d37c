//! The window of append messages under way to one follower.

use std::collections::VecDeque;

/// The last index of each append that has not been acknowledged, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Inflights {
    limit: usize,
    last_indices: VecDeque<u64>,
}

impl Inflights {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, last_indices: VecDeque::new() }
    }

    pub(super) fn full(&self) -> bool {
        self.last_indices.len() >= self.limit
    }

    pub(super) fn len(&self) -> usize {
        self.last_indices.len()
    }

    pub(super) fn add(&mut self, last: u64) {
        assert!(!self.full(), "append sent beyond the inflight window");
        self.last_indices.push_back(last);
    }

    /// Everything up to `index` has arrived.
    pub(super) fn free_to(&mut self, index: u64) {
        while self.last_indices.front().is_some_and(|&last| last <= index) {
            self.last_indices.pop_front();
        }
    }

    /// Makes room for one message when a full window gets a sign of life.
    pub(super) fn free_first(&mut self) {
        self.last_indices.pop_front();
    }

    pub(super) fn clear(&mut self) {
        self.last_indices.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledgement_frees_everything_before_it() {
        let mut window = Inflights::new(3);
        for last in [2, 5, 9] {
            window.add(last);
        }
        assert!(window.full());
        window.free_to(7);
        assert_eq!(window.len(), 1);
        window.free_to(1);
        assert_eq!(window.len(), 1);
    }
}
