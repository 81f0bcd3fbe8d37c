//! Steps whose time comes, and what becomes of them.
//!
//! Apart from who takes them: both worlds have people who do, and what an analysis asks of a run
//! (would it have been the same without this step?) it asks of what is noted here.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crate::Request;
use crate::outcome::StepOutcome;
use crate::scenario::{Act, Decision, Manner, Step};

/// A step whose time comes, and what the settings say about it.
#[derive(Clone)]
pub struct Due {
    act: String,
    index: usize,
    /// The step.
    pub step: Step,
    /// Whether it is taken.
    pub decision: Decision,
    /// How.
    pub manner: Manner,
    /// When, counted from the act's beginning.
    pub at: Duration,
}

impl Due {
    /// The step of an act with this number.
    pub fn of(request: &Request, act: &Act, index: usize) -> Self {
        let (step, settings) = (act.steps[index].clone(), &request.settings);
        Due {
            act: act.name.clone(),
            index,
            decision: step.decision(settings),
            manner: step.manner(settings),
            at: request.scenario.at(act, &step, settings),
            step,
        }
    }

    /// What became of it: its time came `at` seconds from the scenario's zero, `seen` was seen.
    pub fn told(&self, at: f64, seen: Vec<String>, taken: bool) -> StepOutcome {
        StepOutcome {
            act: self.act.clone(),
            index: self.index,
            due: at,
            actor: self.step.actor.clone(),
            action: self.step.action.name().to_owned(),
            factor: self.step.factor.clone(),
            symptom: self.step.symptom.map(|symptom| symptom.name().to_owned()),
            seen,
            taken,
            ended: None,
        }
    }
}

/// What became of the steps whose time came. Clones share it; nobody in the world reads it.
#[derive(Clone, Default)]
pub struct Decided(Arc<Mutex<Vec<StepOutcome>>>);

impl Decided {
    /// Notes what becomes of a step; says under which number.
    pub fn note(&self, outcome: StepOutcome) -> usize {
        let mut all = self.lock();
        all.push(outcome);
        all.len() - 1
    }

    /// Notes that what was begun in a step is done, so many seconds from the scenario's zero.
    pub fn ended(&self, number: usize, at: f64) {
        self.lock()[number].ended = Some(at);
    }

    /// All of them, in the order in which they were decided.
    pub fn all(&self) -> Vec<StepOutcome> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<StepOutcome>> {
        self.0.lock().expect("no panic while locked")
    }
}
