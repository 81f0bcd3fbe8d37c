//! A scenario with one step of its responders done otherwise.
//!
//! The variants come from templates: for each step that people take, each of the four ways in which an
//! action can be unsafe, as far as the action knows it. Leaving it out and its time are settings and the
//! same for every action; the other two are the action's own ([`super::ways`]). Variants that come to the
//! same text and settings are one here; those that come to the same run as another, or as the step
//! itself, are one when they have been played ([`mod@super::unsafely`]).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::mutate::{step_of, steps_of, with_step, without_step};
use super::ways::{Way, ways};
use crate::scenario::{Act, Action, End, Kind, Source, Step};
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

impl Variant {
    /// Whether it comes to the same text and settings as another.
    fn is_the_same(&self, other: &Variant) -> bool {
        let text = |one: &Variant| one.changed.as_ref().map(|(_, scenario)| scenario.hash);
        text(self) == text(other) && self.settings == other.settings
    }
}

/// How much earlier and later steps are tried, in seconds. Where the act has not begun by then, or is
/// over, half of the time that there is.
const EARLIER: f64 = 600.0;
const LATER: f64 = 1800.0;

/// Every variant of every step that people take, act by act.
pub fn variants(source: &Source, scenario: &Arc<Scenario>, base: &Settings) -> Vec<Variant> {
    let mut found: Vec<Variant> = Vec::new();
    for act in &scenario.acts {
        let responders = responders(scenario, act);
        for (n, responder) in responders.iter().enumerate() {
            let templates = Templates { source, scenario, base, act, responder };
            let all = templates.not_done().into_iter().chain(templates.at_other_times());
            let all = all.chain(responders.get(n + 1).and_then(|next| templates.in_place_of(next)));
            for variant in all.chain(templates.canary()).chain(templates.otherwise()) {
                if !found.iter().any(|known| known.is_the_same(&variant)) {
                    found.push(variant);
                }
            }
        }
    }
    found
}

/// The steps of an act that people take, by the factor that decides whether.
struct Responder<'s> {
    factor: &'s str,
    steps: Vec<&'s Step>,
}

/// Who takes steps in an act, in the order of their first ones.
fn responders<'s>(scenario: &'s Scenario, act: &'s Act) -> Vec<Responder<'s>> {
    let human = |name: &&str| {
        scenario.factors.iter().any(|factor| factor.name == *name && factor.kind == Kind::Human)
    };
    let mut found: Vec<Responder> = Vec::new();
    for step in &act.steps {
        let Some(factor) = step.factor.as_deref().filter(human) else { continue };
        match found.iter_mut().find(|known| known.factor == factor) {
            Some(known) => known.steps.push(step),
            None => found.push(Responder { factor, steps: vec![step] }),
        }
    }
    found
}

/// What the variants of a responder's steps in an act are made of.
struct Templates<'t> {
    source: &'t Source,
    scenario: &'t Arc<Scenario>,
    base: &'t Settings,
    act: &'t Act,
    responder: &'t Responder<'t>,
}

impl Templates<'_> {
    fn variant(&self, unsafely: Unsafe, what: String, settings: Settings) -> Variant {
        let factor = self.responder.factor.to_owned();
        Variant { factor, unsafely, what, settings, changed: None }
    }

    /// The base with something set; none where the scenario does not have it.
    fn with(&self, base: &Settings, given: &str) -> Option<Settings> {
        let mut settings = base.clone();
        settings.set(self.scenario, given).ok().map(|()| settings)
    }

    /// None of the steps, and each by itself where there are several. A factor without the level `off` is
    /// one that the scenario does not leave out.
    fn not_done(&self) -> Vec<Variant> {
        let off = self.with(self.base, &format!("{}=off", self.responder.factor));
        let off = off.map(|off| self.variant(Unsafe::NotDone, "not done".to_owned(), off));
        let numbers = self.numbers();
        let governed = self.scenario.acts.iter().flat_map(|act| &act.steps);
        let governed = governed.filter(|s| s.factor.as_deref() == Some(self.responder.factor));
        let several = governed.count() > 1;
        let one_less = numbers.iter().enumerate().filter(|_| several).filter_map(|(n, number)| {
            let changed = without_step(self.source, *number).ok()?;
            self.changed(Unsafe::NotDone, format!("not done{}", self.which(n)), changed)
        });
        off.into_iter().chain(one_less).collect()
    }

    /// The steps at other times of the act. Where a factor governs several they keep their distances, and
    /// where it governs some of another act no level moves them.
    fn at_other_times(&self) -> Vec<Variant> {
        let at = self.at();
        let begins = self.scenario.calendar.offset_of(self.act.starts);
        let ends = match self.act.end {
            End::At(end) => self.scenario.calendar.offset_of(end),
            End::Settled { limit, .. } => begins + limit.as_secs_f64(),
        };
        let earlier = Some(at - EARLIER).filter(|to| *to >= begins);
        let later = Some(at + LATER).filter(|to| *to <= ends);
        let shifts = [
            ("earlier", earlier.unwrap_or(f64::midpoint(begins, at))),
            ("later", later.unwrap_or(f64::midpoint(at, ends))),
        ];
        let moved = shifts.into_iter().filter_map(|(how, to)| {
            // Files and settings know whole seconds.
            let to = Some(to.floor()).filter(|to| (to - at).abs() >= 1.0)?;
            let settings = self.moved(self.base, self.responder.factor, to)?;
            let what = format!("{how}, at {}", self.scenario.calendar.time(to));
            Some(self.variant(Unsafe::WrongTime, what, settings))
        });
        moved.collect()
    }

    /// In the place of whoever comes next, where both take their steps at all, and not at one moment.
    fn in_place_of(&self, next: &Responder) -> Option<Variant> {
        let other = Templates { responder: next, ..*self };
        let acts = |factor: &str| self.base.level(factor) != "off";
        let (here, there) = (self.at(), other.at());
        if !acts(self.responder.factor) || !acts(next.factor) || here == there {
            return None;
        }
        let once = self.moved(self.base, self.responder.factor, there)?;
        let settings = self.moved(&once, next.factor, here)?;
        let what = format!("in the place of {}", next.factor);
        Some(self.variant(Unsafe::WrongTime, what, settings))
    }

    /// Stopped after the first, where the action has a first and the scenario the level.
    fn canary(&self) -> Option<Variant> {
        let knows = |step: &&Step| matches!(step.action, Action::RestartMesh { .. });
        self.responder.steps.iter().copied().find(knows)?;
        let settings = self.with(self.base, &format!("{}=canary", self.responder.factor))?;
        let what = "stopped after one, where that one does badly".to_owned();
        Some(self.variant(Unsafe::WrongLength, what, settings))
    }

    /// Each step in the ways that its action has.
    fn otherwise(&self) -> Vec<Variant> {
        let mut found = Vec::new();
        for (n, (step, number)) in self.responder.steps.iter().zip(self.numbers()).enumerate() {
            let Some(written) = step_of(self.source, number) else { continue };
            for Way { unsafely, what, keys, set } in ways(self.scenario, self.base, step, &written)
            {
                let what = format!("{what}{}", self.which(n));
                found.extend(match set {
                    Some(set) => taken(self.scenario, self.base, self.responder.factor)
                        .and_then(|settings| self.with(&settings, &set))
                        .map(|settings| self.variant(unsafely, what, settings)),
                    None => with_step(self.source, number, &keys)
                        .ok()
                        .and_then(|changed| self.changed(unsafely, what, changed)),
                });
            }
        }
        found
    }

    /// A variant of another text.
    fn changed(
        &self,
        unsafely: Unsafe,
        what: String,
        (source, scenario): (Source, Scenario),
    ) -> Option<Variant> {
        let settings = taken(&scenario, self.base, self.responder.factor)?;
        let changed = Some((source, Arc::new(scenario)));
        Some(Variant { changed, ..self.variant(unsafely, what, settings) })
    }

    /// The numbers of the steps in the text.
    fn numbers(&self) -> Vec<usize> {
        steps_of(self.source, &self.act.name, self.responder.factor)
    }

    /// Which of several steps is meant.
    fn which(&self, n: usize) -> String {
        match self.responder.steps.len() {
            1 => String::new(),
            count => format!(" (step {} of {count})", n + 1),
        }
    }

    /// When the first step is due, in seconds from the scenario's zero.
    fn at(&self) -> f64 {
        let at = self.scenario.at(self.act, self.responder.steps[0], self.base);
        self.scenario.calendar.offset_of(self.act.starts.after(at))
    }

    /// The settings with the steps of a factor taken from `at` on, whatever is seen where the scenario has
    /// a level for that.
    fn moved(&self, base: &Settings, factor: &str, at: f64) -> Option<Settings> {
        let time = self.scenario.calendar.time(at);
        let at_level = |level: &str| self.with(base, &format!("{factor}={level}@{time}"));
        ["forced", "reactive"].into_iter().find_map(at_level)
    }
}

/// The settings with the steps of a factor taken: as they are where that is so, or else as soon as people
/// see reason to, or in any case. None where the scenario has no such level.
fn taken(scenario: &Scenario, base: &Settings, factor: &str) -> Option<Settings> {
    let known = scenario.factors.iter().find(|known| known.name == factor)?;
    let level = base.level(factor);
    if level != "off" && known.levels.iter().any(|known| known == level) {
        return Some(base.clone());
    }
    let time = base.moved(factor).map_or(String::new(), |time| format!("@{time}"));
    ["reactive", "forced"].into_iter().find_map(|level| {
        let mut settings = base.clone();
        settings.set(scenario, &format!("{factor}={level}{time}")).ok().map(|()| settings)
    })
}
