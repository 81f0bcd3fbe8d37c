//! All interleavings of a few streams over one pool: what grpc-go#1005 can and cannot do.
//!
//! A breadth-first search over actors that each do what `NewStream` and `CloseStream` of grpc-go do
//! (`transport/http2_client.go`), one pool operation a step, on the pool that the client uses. A
//! *stuck* state is one where somebody waits and nobody else has a step left. Two states are the
//! same where the pool's two numbers and everybody's progress are; the order in which the stuck
//! stand in line is not told apart. A *latent* one has the stranded quota but nobody waits yet: the
//! next stream will be the victim.

use std::collections::{BTreeSet, VecDeque};

use super::Generation;
use super::pool::{Grant, QuotaPool};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Progress {
    Coming,
    Waiting,
    /// Between receiving the quota and putting back the rest: the window of the race.
    Holding(i64),
    Open,
    Closed,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct State {
    pool: QuotaPool,
    /// The first `unary` of them close their stream, the others never do.
    actors: Vec<Progress>,
}

impl State {
    fn new(generation: Generation, quota: i64, actors: usize) -> Self {
        let pool = QuotaPool::new(generation, quota);
        State { pool, actors: vec![Progress::Coming; actors] }
    }

    /// The state after `actor`'s next step, if it has one.
    fn step(&self, actor: usize, unary: usize) -> Option<State> {
        let mut next = self.clone();
        match self.actors[actor] {
            Progress::Coming => match next.pool.acquire(actor as u64) {
                Some(quota) => next.took(actor, quota),
                None => next.actors[actor] = Progress::Waiting,
            },
            Progress::Holding(quota) => {
                next.actors[actor] = Progress::Open;
                let grant = next.pool.add(quota - 1);
                next.granted(grant);
            }
            Progress::Open if actor < unary => next.close(actor),
            Progress::Open | Progress::Waiting | Progress::Closed => return None,
        }
        Some(next)
    }

    fn close(&mut self, actor: usize) {
        self.actors[actor] = Progress::Closed;
        let grant = self.pool.add(1);
        self.granted(grant);
    }

    fn granted(&mut self, grant: Option<Grant>) {
        if let Some(Grant { ticket, quota }) = grant {
            self.took(ticket as usize, quota);
        }
    }

    /// Nothing is put back where the quota was one.
    fn took(&mut self, actor: usize, quota: i64) {
        self.actors[actor] = if quota > 1 { Progress::Holding(quota) } else { Progress::Open };
    }

    fn somebody_waits(&self) -> bool {
        self.actors.contains(&Progress::Waiting)
    }

    fn quota_is_stranded(&self) -> bool {
        self.pool.chan().is_none() && self.pool.field() > 0
    }
}

/// All states that can be reached from `from`, and those of them that have no step left.
fn explore(from: State, unary: usize) -> (BTreeSet<State>, Vec<State>) {
    let (mut seen, mut ends) = (BTreeSet::from([from.clone()]), Vec::new());
    let mut queue = VecDeque::from([from]);
    while let Some(state) = queue.pop_front() {
        let mut last = true;
        for next in (0..state.actors.len()).filter_map(|actor| state.step(actor, unary)) {
            last = false;
            if seen.insert(next.clone()) {
                queue.push_back(next);
            }
        }
        if last {
            ends.push(state);
        }
    }
    (seen, ends)
}

fn ends(generation: Generation, quota: i64, unary: usize, long: usize) -> Vec<State> {
    explore(State::new(generation, quota, unary + long), unary).1
}

fn stuck(generation: Generation, quota: i64, unary: usize, long: usize) -> Vec<State> {
    let ends = ends(generation, quota, unary, long);
    ends.into_iter().filter(State::somebody_waits).collect()
}

/// Stuck states, those that differ only in the order of the line counted once.
fn count(states: &[State]) -> usize {
    let distinct: BTreeSet<_> =
        states.iter().map(|s| (s.pool.chan(), s.pool.field(), s.actors.clone())).collect();
    distinct.len()
}

#[test]
fn the_pool_of_1_0_4_gets_stuck_only_beside_a_stream_that_never_closes() {
    for quota in [100, 250] {
        for (unary, long, expected) in
            [(2, 0, 0), (3, 0, 0), (2, 1, 0), (3, 1, 3), (4, 1, 10), (3, 2, 14), (4, 2, 36)]
        {
            let stuck = stuck(Generation::Grpc104, quota, unary, long);
            assert_eq!(count(&stuck), expected, "{unary} unary, {long} long, quota {quota}");
            for state in stuck {
                assert!(state.quota_is_stranded(), "{state:?}");
            }
        }
    }
}

#[test]
fn two_calls_and_a_watch_leave_the_quota_of_1_0_4_stranded_for_whoever_comes_next() {
    let latent = ends(Generation::Grpc104, 250, 2, 1);
    assert!(latent.iter().any(|s| s.quota_is_stranded() && !s.somebody_waits()));
}

#[test]
fn no_interleaving_of_four_calls_and_two_watches_strands_the_quota_of_1_0_5() {
    for quota in [100, 250] {
        for (unary, long) in (0..=4).flat_map(|unary| (0..=2).map(move |long| (unary, long))) {
            let (seen, ends) = explore(State::new(Generation::Grpc105, quota, unary + long), unary);
            assert!(seen.iter().all(|s| !s.quota_is_stranded()));
            assert!(ends.iter().all(|s| !s.somebody_waits()));
        }
    }
}

#[test]
fn quota_is_conserved_whatever_the_interleaving() {
    for generation in [Generation::Grpc104, Generation::Grpc105] {
        let (seen, _) = explore(State::new(generation, 250, 5), 3);
        for state in seen {
            let out: i64 = state
                .actors
                .iter()
                .map(|actor| match actor {
                    Progress::Holding(quota) => *quota,
                    Progress::Open => 1,
                    Progress::Coming | Progress::Waiting | Progress::Closed => 0,
                })
                .sum();
            let inside = state.pool.chan().unwrap_or(0) + state.pool.field();
            assert_eq!(inside + out, 250, "{state:?}");
        }
    }
}

#[test]
fn closing_a_watch_frees_all_who_wait() {
    for (unary, long) in [(3, 1), (4, 1), (3, 2), (4, 2)] {
        for state in stuck(Generation::Grpc104, 250, unary, long) {
            for watch in (unary..unary + long).filter(|w| state.actors[*w] == Progress::Open) {
                let mut closed = state.clone();
                closed.close(watch);
                for end in explore(closed, unary).1 {
                    assert!(!end.somebody_waits(), "{state:?} then {end:?}");
                }
            }
        }
    }
}
