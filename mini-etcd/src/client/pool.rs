//! The quota pool of grpc-go's HTTP/2 client: how many more streams a connection may open.
//!
//! It is the heart of grpc-go#1005 and therefore a pure state machine, so that the exhaustive
//! search (`search.rs`) drives the very code that the client runs. In Go the pool is a
//! channel of capacity one beside an integer behind a lock, and the quota lies *either* on the
//! channel or in the integer: whoever opens a stream receives the whole quota from the channel and
//! puts back what it does not need. Putting back is where the releases differ:
//!
//! * grpc-go 1.0.4 (`transport/control.go`, `quotaPool.add`) adds to the integer and *tries* to send
//!   it. Where the channel is occupied, the amount stays in the integer until a later `add` finds
//!   the channel empty.
//! * grpc-go 1.0.5 first takes what is on the channel, so that a positive quota is always on it.
//!
//! A Go channel serves its receivers in the order of their arrival and hands a sent value straight
//! to the first of them; so does this.

use std::collections::VecDeque;

use super::Generation;

/// One waiting receiver.
pub(super) type Ticket = u64;

/// A value that went straight to a waiting receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grant {
    pub ticket: Ticket,
    pub quota: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct QuotaPool {
    generation: Generation,
    chan: Option<i64>,
    field: i64,
    waiting: VecDeque<Ticket>,
}

impl QuotaPool {
    /// A pool of `quota` streams; none or less lies in the integer, as a debt.
    pub fn new(generation: Generation, quota: i64) -> Self {
        let (chan, field) = if quota > 0 { (Some(quota), 0) } else { (None, quota) };
        QuotaPool { generation, chan, field, waiting: VecDeque::new() }
    }

    /// What lies on the channel.
    pub fn chan(&self) -> Option<i64> {
        self.chan
    }

    /// What lies in the integer.
    pub fn field(&self) -> i64 {
        self.field
    }

    /// How many receivers wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Receives the whole quota, or waits in line for a later [`Grant`].
    pub fn acquire(&mut self, ticket: Ticket) -> Option<i64> {
        let taken = self.chan.take();
        if taken.is_none() {
            self.waiting.push_back(ticket);
        }
        taken
    }

    /// Leaves the line.
    pub fn cancel(&mut self, ticket: Ticket) {
        self.waiting.retain(|waiting| *waiting != ticket);
    }

    /// Puts `n` back, as the release does.
    #[must_use = "a granted receiver has to be told"]
    pub fn add(&mut self, n: i64) -> Option<Grant> {
        match self.generation {
            Generation::Grpc104 => {}
            Generation::Grpc105 => self.drain(),
        }
        self.field += n;
        self.try_send()
    }

    /// Changes the quota by `n` because the peer changed its limit, or because a stream turned out
    /// to be uncounted. Right in both releases.
    #[must_use = "a granted receiver has to be told"]
    pub fn reset(&mut self, n: i64) -> Option<Grant> {
        self.drain();
        self.field += n;
        self.try_send()
    }

    fn drain(&mut self) {
        self.field += self.chan.take().unwrap_or(0);
    }

    fn try_send(&mut self) -> Option<Grant> {
        if self.field <= 0 || self.chan.is_some() {
            return None;
        }
        let quota = std::mem::take(&mut self.field);
        match self.waiting.pop_front() {
            Some(ticket) => Some(Grant { ticket, quota }),
            None => {
                self.chan = Some(quota);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const Q: i64 = 250;

    fn pool(generation: Generation) -> QuotaPool {
        QuotaPool::new(generation, Q)
    }

    /// The first trace of grpc-go#1005: two unary calls overlap, then a watch takes what is on the
    /// channel and a third call comes.
    fn two_unary_then_a_watch(pool: &mut QuotaPool) -> Option<i64> {
        let u0 = pool.acquire(0).unwrap();
        assert_eq!(pool.add(u0 - 1), None);
        let u1 = pool.acquire(1).unwrap();
        assert_eq!(pool.add(1), None, "u0 closes while u1 holds the quota");
        assert_eq!(pool.add(u1 - 1), None);
        assert_eq!(pool.add(1), None, "u1 closes");
        let watch = pool.acquire(2).unwrap();
        if watch > 1 {
            assert_eq!(pool.add(watch - 1), None);
        }
        pool.acquire(3)
    }

    /// The second: one unary call closes in the window of a first watch, a second watch takes what
    /// is on the channel, and a call comes.
    fn one_unary_and_two_watches(pool: &mut QuotaPool) -> Option<i64> {
        let u0 = pool.acquire(0).unwrap();
        assert_eq!(pool.add(u0 - 1), None);
        let w1 = pool.acquire(1).unwrap();
        assert_eq!(pool.add(1), None, "u0 closes while w1 holds the quota");
        assert_eq!(pool.add(w1 - 1), None);
        let w2 = pool.acquire(2).unwrap();
        if w2 > 1 {
            assert_eq!(pool.add(w2 - 1), None);
        }
        pool.acquire(3)
    }

    #[test]
    fn two_overlapping_calls_and_a_watch_lose_the_quota_of_1_0_4() {
        let mut pool = pool(Generation::Grpc104);
        assert_eq!(two_unary_then_a_watch(&mut pool), None);
        assert_eq!((pool.chan(), pool.field(), pool.waiting()), (None, Q - 1, 1));
    }

    #[test]
    fn one_call_and_two_watches_lose_the_quota_of_1_0_4() {
        let mut pool = pool(Generation::Grpc104);
        assert_eq!(one_unary_and_two_watches(&mut pool), None);
        assert_eq!((pool.chan(), pool.field(), pool.waiting()), (None, Q - 2, 1));
    }

    #[test]
    fn neither_trace_loses_the_quota_of_1_0_5() {
        assert_eq!(two_unary_then_a_watch(&mut pool(Generation::Grpc105)), Some(Q - 1));
        assert_eq!(one_unary_and_two_watches(&mut pool(Generation::Grpc105)), Some(Q - 2));
    }

    #[test]
    fn receivers_are_served_in_the_order_of_their_arrival() {
        let mut pool = QuotaPool::new(Generation::Grpc105, 1);
        assert_eq!(pool.acquire(7), Some(1));
        assert_eq!((pool.acquire(3), pool.acquire(5), pool.acquire(4)), (None, None, None));
        pool.cancel(5);
        assert_eq!(pool.add(1), Some(Grant { ticket: 3, quota: 1 }));
        assert_eq!(pool.add(1), Some(Grant { ticket: 4, quota: 1 }));
        assert_eq!(pool.add(1), None);
        assert_eq!(pool.chan(), Some(1));
    }

    #[test]
    fn a_limit_below_the_streams_in_use_is_a_debt_that_closing_streams_pay() {
        let mut pool = QuotaPool::new(Generation::Grpc104, 2 - 3);
        assert_eq!(pool.acquire(0), None);
        assert_eq!(pool.add(1), None);
        assert_eq!(pool.add(1), Some(Grant { ticket: 0, quota: 1 }));
    }

    #[test]
    fn a_changed_limit_brings_stranded_quota_back() {
        let mut pool = pool(Generation::Grpc104);
        let _ = two_unary_then_a_watch(&mut pool);
        assert_eq!(pool.reset(0), Some(Grant { ticket: 3, quota: Q - 1 }));
    }
}
