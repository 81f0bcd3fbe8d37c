//! What happens when: a queue by instant, and by order of entry within one.
//!
//! Packets are large and a heap moves its elements often, so the heap holds slot numbers.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use tokio::time::Instant;

pub(crate) struct Queue<T> {
    heap: BinaryHeap<Reverse<(Instant, u64, usize)>>,
    slots: Vec<Option<T>>,
    free: Vec<usize>,
    entered: u64,
}

impl<T> Queue<T> {
    pub fn new() -> Self {
        Queue { heap: BinaryHeap::new(), slots: Vec::new(), free: Vec::new(), entered: 0 }
    }

    /// How many have entered so far: a number that no earlier entry has had.
    pub fn entered(&self) -> u64 {
        self.entered
    }

    pub fn push(&mut self, at: Instant, what: T) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        self.slots[slot] = Some(what);
        self.heap.push(Reverse((at, self.entered, slot)));
        self.entered += 1;
    }

    /// The earliest instant.
    pub fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, ..))| *at)
    }

    /// The first at or before `now`.
    pub fn pop(&mut self, now: Instant) -> Option<T> {
        if self.next()? > now {
            return None;
        }
        let Reverse((.., slot)) = self.heap.pop()?;
        self.free.push(slot);
        self.slots[slot].take()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_due_comes_by_instant_and_then_in_order_of_entry() {
        let (mut queue, now) = (Queue::new(), Instant::now());
        let later = now + Duration::from_millis(1);
        for (at, what) in [(later, 'c'), (now, 'a'), (later, 'd'), (now, 'b')] {
            queue.push(at, what);
        }
        assert_eq!([queue.pop(now), queue.pop(now), queue.pop(now)], [Some('a'), Some('b'), None]);
        queue.push(later, 'e');
        assert_eq!(queue.next(), Some(later));
        let rest: String = std::iter::from_fn(|| queue.pop(later)).collect();
        assert_eq!(rest, "cde");
        assert_eq!(queue.entered(), 5);
    }
}
