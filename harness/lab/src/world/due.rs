//! Steps whose time comes: somebody looks for what calls for it, and takes it or leaves it.
//!
//! Apart from what is to be seen and done, which is each world's own ([`Desk`]). What an analysis asks
//! of a run (would it have been the same without this step?) it asks of what is noted here.
//!
//! Who takes a step in any case takes it at its time. Whoever looks first may be late (the number
//! `reaction`), and may look again while there is nothing to see and the act goes on (`look-again`).

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use harness_env::Env;
use harness_sim::{Exit, World};
use tokio::time::sleep;

use crate::Request;
use crate::outcome::StepOutcome;
use crate::scenario::{Act, Calendar, Decision, End, Manner, Step, Symptom};

/// The standard deviation of the logarithm of people's reaction times: two thirds of them are between
/// half and twice the median. That such times are lognormal is what EPRI's HCR/ORE model of control
/// room crews says; how wide they spread here is an assumption.
const SPREAD: f64 = std::f64::consts::LN_2;

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
        let (at, actor) = (self.now(), due.step.actor.clone());
        if due.step.symptom.is_none() && due.decision == Decision::Never {
            self.decided.note(due.told(at, 0.0, Vec::new()));
            return;
        }
        let number = Arc::new(Mutex::new(None));
        let (ledger, noted) = (self.clone(), number.clone());
        let worker = self.world.start(&self.machine, &actor, move |env| async move {
            let desk = desk(env, &due.step.actor);
            let Some(seen) = ledger.look(&due, at, &desk, &noted).await else { return Ok(()) };
            let because = if seen.is_empty() { vec![due.step.doc.clone()] } else { seen };
            desk.takes(&due.step, due.manner, &because.join("; ")).await
        });
        if let Exit::Returned(Err(why)) = worker.exited().await {
            tracing::info!(kind = "step.failed", "{actor} did not succeed: {why}");
        }
        if let Some(number) = number.lock().expect("no panic while locked").take() {
            self.decided.ended(number, self.now());
        }
    }

    /// What somebody has seen who takes a step that was due `at`, or nothing where it is left. What is
    /// decided is noted, and under which number.
    async fn look<D: Desk>(
        &self,
        due: &Due,
        at: f64,
        desk: &D,
        noted: &Mutex<Option<usize>>,
    ) -> Option<Vec<String>> {
        let note = |waited: f64, seen: Vec<String>| {
            let (told, mut noted) =
                (due.told(at, waited, seen), noted.lock().expect("no panic while locked"));
            match *noted {
                Some(number) => self.decided.revise(number, told),
                None => *noted = Some(self.decided.note(told)),
            }
        };
        let mut waited = due.reaction;
        if !waited.is_zero() {
            // Until then there is nothing else to tell.
            note(waited.as_secs_f64(), Vec::new());
            if waited > due.left {
                return None;
            }
            sleep(waited).await;
        }
        let mut said = false;
        loop {
            let seen = match due.step.symptom {
                Some(symptom) => desk.sees(symptom).await,
                None => Vec::new(),
            };
            note(waited.as_secs_f64(), seen.clone());
            if due.decision.takes(&seen) {
                return Some(seen);
            }
            if !said || !seen.is_empty() {
                leave(&due.step, &seen);
                said = true;
            }
            waited = Duration::from_secs_f64(self.now() - at) + due.look_again;
            if !seen.is_empty() || due.look_again.is_zero() || waited > due.left {
                return None;
            }
            sleep(due.look_again).await;
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
    /// How long after that somebody looks.
    reaction: Duration,
    /// How long after they have seen nothing they look again; zero: they do not.
    look_again: Duration,
    /// How long the act goes on after the step's time, at most.
    left: Duration,
}

impl Due {
    /// The step of an act with this number.
    pub fn of(world: World, request: &Request, act: &Act, index: usize) -> Self {
        let (step, settings) = (act.steps[index].clone(), &request.settings);
        let decision = step.decision(settings);
        let at = request.scenario.at(act, &step, settings);
        let seconds = |name: &str| Duration::from_secs_f64(settings.number(name));
        let (mut reaction, mut look_again) = (seconds("reaction"), seconds("look-again"));
        let lasts = match act.end {
            End::At(end) => end.since(act.starts),
            End::Settled { limit, .. } => {
                // It would never settle.
                look_again = Duration::ZERO;
                limit
            }
        };
        let left = lasts.saturating_sub(at);
        if decision == Decision::Always || step.symptom.is_none() {
            (reaction, look_again) = (Duration::ZERO, Duration::ZERO);
        }
        if !reaction.is_zero() {
            let mut rng = world.rng(&format!("reaction to {} of {}", index, act.name));
            reaction = rng.lognormal(reaction, SPREAD);
        }
        let manner = step.manner(settings);
        let act = act.name.clone();
        Due { act, index, step, decision, manner, at, reaction, look_again, left }
    }

    /// What became of it: its time came `at` seconds from the scenario's zero, and so many seconds
    /// later `seen` was seen.
    pub fn told(&self, at: f64, waited: f64, seen: Vec<String>) -> StepOutcome {
        StepOutcome {
            act: self.act.clone(),
            index: self.index,
            due: at,
            waited,
            actor: self.step.actor.clone(),
            action: self.step.action.name().to_owned(),
            factor: self.step.factor.clone(),
            symptom: self.step.symptom.map(|symptom| symptom.name().to_owned()),
            taken: self.decision.takes(&seen),
            seen,
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

    /// Notes that it became something else.
    pub fn revise(&self, number: usize, outcome: StepOutcome) {
        self.lock()[number] = outcome;
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

#[cfg(test)]
mod tests {
    use harness_sim::{Config, MachineSpec, run};

    use super::*;
    use crate::scenario;

    /// Somebody who sees a sign once so much virtual time has passed, and does nothing.
    struct Watcher {
        world: World,
        from: Duration,
    }

    impl Desk for Watcher {
        async fn sees(&self, _: Symptom) -> Vec<String> {
            let seen = self.world.now() >= self.from;
            seen.then(|| "a sign".to_owned()).into_iter().collect()
        }

        async fn takes(&self, _: &Step, _: Manner, _: &str) -> Result<(), String> {
            Ok(())
        }
    }

    /// What becomes of the restart of the mesh where its symptom shows so long after its time.
    fn decided(given: &[&str], seed: u64, shows: Duration) -> StepOutcome {
        let scenario = Arc::new(scenario::find("monzo-2017").expect("it is built in"));
        let mut settings = scenario.defaults();
        given.iter().for_each(|given| settings.set(&scenario, given).expect("a setting"));
        let request = Request::new(scenario.clone(), settings, seed);
        let outcome = Arc::new(Mutex::new(None));
        let told = outcome.clone();
        run(Config::new(seed).machine(MachineSpec::new("office")), move |world| async move {
            let act = scenario.main_act();
            let is_restart = |step: &Step| step.factor.as_deref() == Some("mesh-restart");
            let index = act.steps.iter().position(is_restart).expect("a step of the scenario");
            world.jump_wall(act.starts);
            let due = Due::of(world, &request, act, index);
            sleep(due.at).await;
            let (from, machine) = (world.now() + shows, "office".to_owned());
            let (calendar, decided) = (scenario.calendar, Decided::default());
            let ledger = Ledger { world, machine, calendar, decided: decided.clone() };
            ledger.take(due, move |_, _| Watcher { world, from }).await;
            *told.lock().expect("no panic while locked") = decided.all().pop();
        });
        outcome.lock().expect("no panic while locked").take().expect("its time came")
    }

    #[test]
    fn whoever_looks_first_is_late_and_whoever_is_told_to_is_not() {
        let late = decided(&["reaction=60"], 1, Duration::ZERO);
        assert!(late.taken && late.waited > 5.0 && late.waited != 60.0, "{late:?}");
        let off = late.ended.expect("it is done") - late.due - late.waited;
        assert!(off.abs() < 0.002, "a timer's millisecond: {off}");
        let told = decided(&["reaction=60", "mesh-restart=forced"], 1, Duration::ZERO);
        assert_eq!((told.taken, told.waited, told.due), (true, 0.0, late.due));
        assert_eq!(decided(&[], 1, Duration::ZERO).waited, 0.0);
    }

    #[test]
    fn how_late_hangs_on_the_seed_and_not_on_what_is_done() {
        let waited = |given: &[&str], seed| decided(given, seed, Duration::ZERO).waited;
        let one = waited(&["reaction=60"], 1);
        assert_eq!(one, waited(&["reaction=60", "mesh-restart=off"], 1));
        assert!((one * 2.0 - waited(&["reaction=120"], 1)).abs() < 1e-6);
        assert_ne!(one, waited(&["reaction=60"], 2));
    }

    #[test]
    fn who_saw_nothing_looks_again_until_there_is_something_to_see() {
        let shows = Duration::from_secs(150);
        assert!(!decided(&[], 1, shows).taken);
        let again = decided(&["look-again=60"], 1, shows);
        assert_eq!((again.taken, again.waited), (true, 180.0));
        let withheld = decided(&["look-again=60", "mesh-restart=off"], 1, shows);
        assert_eq!((withheld.taken, withheld.waited, withheld.seen.len()), (false, 180.0, 1));
    }

    #[test]
    fn nobody_looks_when_the_act_is_over() {
        let never = Duration::from_secs(100_000);
        // From 14:26 to 15:35 there are 69 minutes.
        let looked = decided(&["look-again=60"], 1, never);
        assert_eq!((looked.taken, looked.waited), (false, 69.0 * 60.0));
        let late = decided(&["reaction=3600", "mesh-restart=reactive@15:34:59"], 1, Duration::ZERO);
        assert!(!late.taken && late.seen.is_empty(), "{late:?}");
    }
}
