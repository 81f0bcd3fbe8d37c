//! A scenario with one step of its responders done otherwise.
//!
//! The variants come from templates: for each step that people take, each of the four ways in which an
//! action can be unsafe, as far as the action knows it. Variants that come to the same run as another, or
//! as the step itself, are one.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use toml::Value;

use super::mutate::{steps_of, with_step};
use crate::scenario::{Action, Kind, Source, Step};
use crate::{Scenario, Settings};

/// How an action is unsafe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unsafe {
    /// It is not done.
    NotDone,
    /// It is done to the wrong thing.
    WrongTarget,
    /// It is done too early, too late or in the wrong order.
    WrongTime,
    /// It is stopped too soon or dragged out.
    WrongLength,
}

impl Unsafe {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Unsafe::NotDone => "not done",
            Unsafe::WrongTarget => "wrong target",
            Unsafe::WrongTime => "wrong time or order",
            Unsafe::WrongLength => "too short or too long",
        }
    }
}

/// A step done otherwise.
#[derive(Clone, Debug)]
pub struct Variant {
    /// The factor of the step.
    pub factor: String,
    /// How it is unsafe.
    pub unsafely: Unsafe,
    /// What is done, in words.
    pub what: String,
    /// The settings of the run.
    pub settings: Settings,
    /// The scenario and its text, where it is another one.
    pub changed: Option<(Source, Arc<Scenario>)>,
}

/// How much earlier and later steps are tried, in seconds.
const SHIFTS: [(f64, &str); 2] = [(-600.0, "ten minutes earlier"), (1800.0, "half an hour later")];

/// Every variant of every step that people take in the main act.
pub fn variants(source: &Source, scenario: &Arc<Scenario>, base: &Settings) -> Vec<Variant> {
    let main = scenario.main_act();
    let is_human = |name: &str| {
        scenario.factors.iter().any(|factor| factor.name == name && factor.kind == Kind::Human)
    };
    let mut steps: Vec<(&str, &Step)> = Vec::new();
    for step in &main.steps {
        let Some(factor) = step.factor.as_deref().filter(|factor| is_human(factor)) else {
            continue;
        };
        if steps.iter().all(|(known, _)| *known != factor) {
            steps.push((factor, step));
        }
    }
    let mut found = Vec::new();
    for (n, (factor, step)) in steps.iter().enumerate() {
        let mut add = |unsafely: Unsafe, what: &str, given: &[String]| {
            let mut settings = base.clone();
            if given.iter().all(|given| settings.set(scenario, given).is_ok()) {
                let (factor, what) = ((*factor).to_owned(), what.to_owned());
                found.push(Variant { factor, unsafely, what, settings, changed: None });
            }
        };
        add(Unsafe::NotDone, "not done", &[format!("{factor}=off")]);
        let at = |step: &Step| {
            scenario.calendar.offset_of(main.starts) + scenario.at(main, step, base).as_secs_f64()
        };
        let forced =
            |factor: &str, at: f64| format!("{factor}=forced@{}", scenario.calendar.time(at));
        for (shift, what) in SHIFTS {
            add(Unsafe::WrongTime, what, &[forced(factor, at(step) + shift)]);
        }
        if let Some((other, next)) = steps.get(n + 1) {
            let what = format!("in the place of {other}");
            let swapped = [forced(factor, at(next)), forced(other, at(step))];
            add(Unsafe::WrongTime, &what, &swapped);
        }
        if matches!(step.action, Action::RestartMesh { .. }) {
            let canary = [format!("{factor}=canary")];
            add(Unsafe::WrongLength, "stopped after one, where that one does badly", &canary);
        }
        for (unsafely, what, keys) in changes(scenario, step) {
            let numbers = steps_of(source, factor);
            let changed = numbers.first().and_then(|number| with_step(source, *number, &keys).ok());
            if let Some((source, scenario)) = changed {
                found.push(Variant {
                    factor: (*factor).to_owned(),
                    unsafely,
                    what,
                    settings: base.clone(),
                    changed: Some((source, Arc::new(scenario))),
                });
            }
        }
    }
    found
}

type Keys = Vec<(&'static str, Option<Value>)>;

/// What of a step only the scenario's text can say.
fn changes(scenario: &Scenario, step: &Step) -> Vec<(Unsafe, String, Keys)> {
    let text = |text: &str| Some(Value::String(text.to_owned()));
    match &step.action {
        Action::Rollback { service }
        | Action::Deploy { service, .. }
        | Action::Scale { service, .. } => {
            let other = scenario.services.iter().find(|other| other.name != *service);
            let told = other.map(|other| {
                let what = format!("of {} in place of {service}", other.name);
                (Unsafe::WrongTarget, what, vec![("service", text(&other.name))])
            });
            told.into_iter().collect()
        }
        Action::RestartMesh { within } => {
            let length = |seconds: u64| text(&format!("{seconds}s"));
            let (fast, slow) = (within.as_secs() / 12, within.as_secs() * 3 / 2);
            vec![
                (
                    Unsafe::WrongTarget,
                    "the apiservers in place of the mesh".to_owned(),
                    vec![("do", text("restart-apiservers")), ("within", None)],
                ),
                (
                    Unsafe::WrongLength,
                    format!("all within {} min", fast / 60),
                    vec![("within", length(fast))],
                ),
                (
                    Unsafe::WrongLength,
                    format!("over {} min", slow / 60),
                    vec![("within", length(slow))],
                ),
            ]
        }
        Action::RestartApiservers => vec![(
            Unsafe::WrongTarget,
            "the mesh in place of the apiservers".to_owned(),
            vec![("do", text("restart-mesh")), ("within", text("5m"))],
        )],
        _ => Vec::new(),
    }
}
