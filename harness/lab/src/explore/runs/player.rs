//! Answers questions from the store, and plays what is missing, many runs at once.
//!
//! Whether a question is answered is looked up again just before its run would begin, because a run
//! that ended meanwhile may answer it too. So the order of the questions matters for how many runs it
//! takes, and for nothing else.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::influence;
use super::question::{Ask, Question};
use super::row::Row;
use super::store::Store;
use crate::scenario::Constraint;
use crate::sweep::{Key, pool};
use crate::{Outcome, Runner, Scenario, Settings};

/// Who is told how an analysis gets on.
pub trait Meter: Sync {
    /// So many questions are asked, for this.
    fn begin(&self, questions: usize, what: &str);
    /// One of them is answered; by a new run, where there was one.
    fn answered(&self, played: Option<&Row>);
    /// All are.
    fn end(&self);
}

/// Tells nobody.
pub struct Silent;

impl Meter for Silent {
    fn begin(&self, _: usize, _: &str) {}
    fn answered(&self, _: Option<&Row>) {}
    fn end(&self) {}
}

/// Counts the runs that are played, over as many stores as it is handed to.
#[derive(Default)]
pub struct Count(AtomicU64);

impl Count {
    /// How many were played.
    pub fn played(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Meter for Count {
    fn begin(&self, _: usize, _: &str) {}
    fn answered(&self, played: Option<&Row>) {
        self.0.fetch_add(u64::from(played.is_some()), Ordering::Relaxed);
    }
    fn end(&self) {}
}

/// What an analysis has cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Tally {
    /// Questions that were asked.
    pub questions: u64,
    /// Runs that were played for them.
    pub played: u64,
    /// The seconds that those runs took, added up.
    pub run_seconds: f64,
}

/// The runs of a scenario: those of its store, and those that it takes.
pub struct Runs<'a> {
    store: Mutex<Store>,
    scenario: Arc<Scenario>,
    runner: Runner,
    jobs: usize,
    meter: &'a dyn Meter,
    tally: Mutex<Tally>,
    left_out: Mutex<BTreeSet<String>>,
}

impl<'a> Runs<'a> {
    /// Runs that are played by `runner`, `jobs` at a time.
    pub fn new(store: Store, runner: Runner, jobs: usize, meter: &'a dyn Meter) -> Self {
        let scenario = store.scenario().clone();
        let (store, tally, left_out) = (Mutex::new(store), Mutex::default(), Mutex::default());
        Runs { store, scenario, runner, jobs, meter, tally, left_out }
    }

    /// The scenario.
    pub fn scenario(&self) -> &Arc<Scenario> {
        &self.scenario
    }

    /// The hash of the program that plays them.
    pub fn build(&self) -> String {
        self.store().build().to_owned()
    }

    /// How many runs at a time.
    pub fn jobs(&self) -> usize {
        self.jobs
    }

    /// What it has cost so far.
    pub fn tally(&self) -> Tally {
        *self.tally.lock().expect("no panic while locked")
    }

    /// Whether the scenario allows a run with `settings`. Where it does not, nobody may ask for one, and
    /// what it was for is told at the end ([`Runs::left_out`]).
    pub fn allows(&self, what: &str, settings: &Settings) -> bool {
        let forbidden = self.scenario.forbidden(settings);
        if let Some(constraint) = forbidden {
            self.leave_out(what, constraint);
        }
        forbidden.is_none()
    }

    /// Keeps that something was not asked because of a constraint.
    pub fn leave_out(&self, what: &str, constraint: &Constraint) {
        let told = format!("{what}: {}", constraint.told());
        self.left_out.lock().expect("no panic while locked").insert(told);
    }

    /// What was not asked because the scenario forbids it, each with what is forbidden.
    pub fn left_out(&self) -> Vec<String> {
        self.left_out.lock().expect("no panic while locked").iter().cloned().collect()
    }

    /// Everything in the store.
    pub fn rows(&self) -> Vec<Arc<Row>> {
        self.store().rows().to_vec()
    }

    fn store(&self) -> std::sync::MutexGuard<'_, Store> {
        self.store.lock().expect("no panic while locked")
    }

    /// The answers, in the order of the questions.
    ///
    /// # Errors
    /// A run that could not be played, or an answer that could not be kept.
    pub fn answer(&self, what: &str, asks: &[Ask]) -> Result<Vec<Arc<Row>>, String> {
        self.tally.lock().expect("no panic while locked").questions += asks.len() as u64;
        let mut answers: Vec<Option<Arc<Row>>> = {
            let store = self.store();
            asks.iter().map(|ask| store.find(ask)).collect()
        };
        let open: Vec<usize> = (0..asks.len()).filter(|n| answers[*n].is_none()).collect();
        if !open.is_empty() {
            self.meter.begin(open.len(), what);
        }
        let mut failures = Vec::new();
        let queue = Queue { scenario: &self.scenario, asks, state: Mutex::new((open, Vec::new())) };
        let work = |n: usize| {
            let answer = self.one(&asks[n]);
            queue.is_done(n);
            (n, answer)
        };
        pool::each(
            self.jobs,
            std::iter::from_fn(|| queue.next()),
            work,
            |(n, answer)| match answer {
                Ok((row, played)) => {
                    self.meter.answered(played.then_some(&*row));
                    answers[n] = Some(row);
                }
                Err(error) => failures.push(format!("seed {}: {error}", asks[n].seed)),
            },
        );
        self.meter.end();
        failures.sort();
        match failures.first() {
            Some(_) => Err(failures.join("\n")),
            None => Ok(answers.into_iter().flatten().collect()),
        }
    }

    /// The answer to one question, and whether a run was played for it.
    fn one(&self, ask: &Ask) -> Result<(Arc<Row>, bool), String> {
        if let Some(row) = self.store().find(ask) {
            return Ok((row, false));
        }
        let mut request = ask.request(&self.scenario);
        if let Some(digest) = &ask.against {
            let trail = self.store().trail(digest);
            request.against = Some(trail.ok_or("the run to compare with was not kept")?);
        }
        let outcome = pool::play(self.runner, request.clone())?;
        let events = request.against.as_ref().map_or(0, |trail| trail.len());
        let compared = ask.against.as_deref().map(|digest| (digest, events));
        let mut store = self.store();
        let key = Key::of(&request, store.build());
        let row = store.add(Row::of(&self.scenario, key, &outcome, compared))?;
        let mut tally = self.tally.lock().expect("no panic while locked");
        tally.played += 1;
        tally.run_seconds += outcome.wall_seconds;
        Ok((row, true))
    }

    /// A whole run whose trail is kept, so that others can be compared with it.
    ///
    /// # Errors
    /// As [`Runs::answer`].
    pub fn reference(&self, what: &str, ask: &Ask) -> Result<Arc<Row>, String> {
        let kept = self.store().find(ask);
        if let Some(row) = kept.filter(|row| self.store().trail(&row.digest).is_some()) {
            return Ok(row);
        }
        self.meter.begin(1, what);
        let request = Ask { question: Question::Whole, ..ask.clone() }.request(&self.scenario);
        let outcome: Outcome = pool::play(self.runner, request.clone())?;
        let mut store = self.store();
        store.keep_trail(&outcome.digest, &outcome.trail)?;
        let key = Key::of(&request, store.build());
        let row = store.add(Row::of(&self.scenario, key, &outcome, None))?;
        let mut tally = self.tally.lock().expect("no panic while locked");
        (tally.questions, tally.played) = (tally.questions + 1, tally.played + 1);
        tally.run_seconds += outcome.wall_seconds;
        self.meter.answered(Some(&row));
        self.meter.end();
        Ok(row)
    }
}

/// Questions that wait, and those that are being answered.
struct Queue<'q> {
    scenario: &'q Scenario,
    asks: &'q [Ask],
    state: Mutex<(Vec<usize>, Vec<usize>)>,
}

impl Queue<'_> {
    /// The next question: one that none of the runs under way may answer too, if there is one.
    fn next(&self) -> Option<usize> {
        let (open, flying) = &mut *self.state.lock().expect("no panic while locked");
        let may_answer = |flying: &usize, n: usize| {
            let (one, other) = (&self.asks[*flying], &self.asks[n]);
            one.seed == other.seed
                && influence::may_be_the_same(self.scenario, &one.settings, &other.settings)
        };
        let alone = open.iter().position(|n| !flying.iter().any(|other| may_answer(other, *n)));
        let next = (!open.is_empty()).then(|| open.remove(alone.unwrap_or(0)))?;
        flying.push(next);
        Some(next)
    }

    fn is_done(&self, n: usize) {
        let (_, flying) = &mut *self.state.lock().expect("no panic while locked");
        flying.retain(|other| *other != n);
    }
}
