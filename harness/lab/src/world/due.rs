//! Steps whose time comes: somebody looks for what calls for it, and takes it or leaves it.
//!
//! Apart from what is to be seen and done, which is each world's own ([`Desk`]). What an analysis asks
//! of a run (would it have been the same without this step?) it asks of what is noted here.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use harness_env::Env;
use harness_sim::{Exit, World};

use crate::Request;
use crate::outcome::StepOutcome;
use crate::scenario::{Act, Calendar, Decision, Manner, Step, Symptom};

/// Somebody at work.
pub trait Desk: Send + Sync {
    /// The signs of a symptom, as far as this person can see; none where there are none.
    fn sees(&self, symptom: Symptom) -> impl Future<Output = Vec<String>> + Send;

    /// Takes a step because of something.
    ///
    /// # Errors
    /// What refused, in words.
    fn takes(
        &self,
        step: &Step,
        manner: Manner,
        because: &str,
    ) -> impl Future<Output = Result<(), String>> + Send;
}

/// Where steps are taken.
#[derive(Clone)]
pub struct Ledger {
    /// The world, to start people in.
    pub world: World,
    /// The machine at which they sit.
    pub machine: String,
    /// The clock of the story.
    pub calendar: Calendar,
    /// What became of the steps whose time came.
    pub decided: Decided,
}

impl Ledger {
    fn now(&self) -> f64 {
        self.calendar.offset_of(self.world.wall())
    }

    /// Has somebody take a step, if the settings and what is to be seen call for it. Returns when it
    /// is done.
    pub async fn take<D: Desk>(self, due: Due, desk: impl FnOnce(Env, &str) -> D + Send + 'static) {
        let (step, decision, manner) = (due.step.clone(), due.decision, due.manner);
        let at = self.now();
        if step.symptom.is_none() && decision == Decision::Never {
            self.decided.note(due.told(at, Vec::new(), false));
            return;
        }
        let number = Arc::new(Mutex::new(None));
        let (decided, noted, actor) = (self.decided.clone(), number.clone(), step.actor.clone());
        let worker = self.world.start(&self.machine, &actor, move |env| async move {
            let desk = desk(env, &step.actor);
            let seen = match step.symptom {
                Some(symptom) => desk.sees(symptom).await,
                None => Vec::new(),
            };
            let taken = match decision {
                Decision::Always => true,
                Decision::IfSeen => !seen.is_empty(),
                Decision::Never => false,
            };
            let note = decided.note(due.told(at, seen.clone(), taken));
            *noted.lock().expect("no panic while locked") = Some(note);
            if !taken {
                leave(&step, &seen);
                return Ok(());
            }
            let because = if seen.is_empty() { vec![step.doc.clone()] } else { seen };
            desk.takes(&step, manner, &because.join("; ")).await
        });
        if let Exit::Returned(Err(why)) = worker.exited().await {
            tracing::info!(kind = "step.failed", "{actor} did not succeed: {why}");
        }
        if let Some(number) = number.lock().expect("no panic while locked").take() {
            self.decided.ended(number, self.now());
        }
    }
}

/// Says that a step is not taken: for want of a reason, or although there is one.
fn leave(step: &Step, seen: &[String]) {
    let (action, symptom) = (step.action.name(), step.symptom.map_or("", Symptom::name));
    let what = action.replace('-', " ");
    if seen.is_empty() {
        let because = format!("no sign of {symptom}");
        tracing::info!(kind = "step.skipped", action, because, "sees no reason to {what}");
    } else {
        let because = seen.join("; ");
        tracing::info!(kind = "step.withheld", action, because, "does not {what}, with reason to");
    }
}

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
