//! What clients of etcd lived through, in one order.
//!
//! The programs write here; nothing in the world reads it. It is for the outcome and the oracles,
//! after the run. All notes of a run are taken on one thread, so counting them gives an order that is
//! true even where the clock shows the same time twice.

use std::sync::{Arc, Mutex, MutexGuard};

use harness_env::Wall;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::oracle::acknowledged::Written;
use crate::oracle::linearizability::kv::Request;
use crate::oracle::linearizability::{Moment, Operation, Outcome};
use crate::oracle::lock::Hold;
use crate::oracle::revisions::Stamp;
use crate::oracle::transfers::Reading;
use crate::oracle::watch::Watch;
use crate::outcome::{Sample, Violation};
use crate::world::goal::{Goal, Lived};

/// The notes of a run. Clones share them.
#[derive(Clone)]
pub struct Notes {
    began: Instant,
    all: Arc<Mutex<All>>,
    reached: Arc<Notify>,
}

/// Everything that was noted.
#[derive(Default)]
pub struct All {
    order: u64,
    samples: Vec<Lived>,
    goal: Option<Goal>,
    /// What clients of the KV workloads did.
    pub operations: Vec<Operation>,
    /// Answers with their revisions.
    pub stamps: Vec<Stamp>,
    /// Puts of the journeys that were acknowledged.
    pub acknowledged: Vec<(String, Written)>,
    /// Locks that were held.
    pub holds: Vec<Hold>,
    /// Readings of all accounts.
    pub readings: Vec<Reading>,
    /// Watches.
    pub watches: Vec<Watch>,
    /// The latest revision that somebody had compacted.
    pub compacted: i64,
    /// What is wrong already.
    pub violations: Vec<Violation>,
}

impl Notes {
    /// Notes of a run that begins now, in which somebody may wait for a severity.
    pub fn begin(goal: Option<Goal>) -> Self {
        let all = Arc::new(Mutex::new(All { goal, ..All::default() }));
        Notes { began: Instant::now(), all, reached: Arc::default() }
    }

    /// Waits until the goal is reached; for ever where there is none.
    pub async fn goal_reached(&self) {
        self.reached.notified().await;
    }

    /// Everything so far.
    pub fn all(&self) -> MutexGuard<'_, All> {
        self.all.lock().expect("no panic with the lock")
    }

    /// This moment.
    pub fn moment(&self) -> Moment {
        let mut all = self.all();
        all.order += 1;
        Moment { order: all.order, at: self.began.elapsed() }
    }

    /// Notes a request that began at `began` and has ended at `now`.
    pub fn sample(&self, journey: &Arc<str>, began: Wall, now: Wall, ok: bool) {
        let all = &mut *self.all();
        all.samples.push((journey.clone(), began, ok));
        if all.goal.as_mut().is_some_and(|goal| goal.look(now, &all.samples)) {
            all.goal = None;
            self.reached.notify_one();
        }
    }

    /// Every request of a journey, with seconds from `zero`.
    pub fn samples(&self, zero: Wall) -> Vec<Sample> {
        let sample = |(journey, began, ok): &Lived| Sample {
            journey: journey.clone(),
            at: (began.0 as f64 - zero.0 as f64) / 1e9,
            ok: *ok,
        };
        self.all().samples.iter().map(sample).collect()
    }

    /// Notes that a client asks; what comes of it is unknown until [`Notes::answered`].
    pub fn asks(&self, client: u32, request: &Request) -> usize {
        let called = self.moment();
        let mut all = self.all();
        let request = request.clone();
        all.operations.push(Operation { client, request, called, outcome: Outcome::Unknown });
        all.operations.len() - 1
    }

    /// Notes what came of an operation.
    pub fn answered(&self, operation: usize, outcome: Outcome) {
        self.all().operations[operation].outcome = outcome;
    }

    /// Notes an answer with its revision.
    pub fn stamp(&self, what: String, called: Moment, revision: i64, writes: bool) {
        let returned = self.moment();
        self.all().stamps.push(Stamp { what, called, returned, revision, writes });
    }

    /// Notes that something is wrong.
    pub fn violation(&self, oracle: &str, text: String, data_loss: bool) {
        let violation = Violation { oracle: oracle.to_owned(), text, data_loss };
        self.all().violations.push(violation);
    }
}
