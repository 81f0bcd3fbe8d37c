//! Which settings a run stands for: those that made no difference to it.
//!
//! A setting that differs makes no difference where the run never came to ask for it, or where the
//! answer would have led to the same deed. Both can be said for certain of the factors that govern
//! steps, because the world asks for their level at one moment only, when the step's time has come and
//! whoever takes it has looked: a step whose time had not come when the run ended, a `reactive` one
//! that saw nothing beside `off`, a `forced` one that saw what a `reactive` one would have acted on.
//! Of some factors the world knows that nothing came to depend on them ([`Row::idle`]). Everything else
//! (versions, numbers) is asked for from the beginning, and must be equal.

use super::row::Row;
use crate::scenario::{Act, Decision, Manner, Step, vocabulary};
use crate::{Scenario, Settings};

/// Whether the run of `row` would have been the same with `settings`, event by event.
pub fn stands_for(scenario: &Scenario, row: &Row, settings: &Settings) -> bool {
    let played = &row.key.settings;
    if played.iter().count() != settings.iter().count() {
        return false;
    }
    let mut pairs = played.iter().zip(settings.iter());
    pairs.all(|((name, was), (other, is))| {
        let idle = || row.idle.iter().any(|one| one == name);
        name == other && (was == is || idle() || makes_no_difference(scenario, row, settings, name))
    })
}

/// Whether a run with one of two settings may turn out to stand for the other as well.
pub fn may_be_the_same(scenario: &Scenario, one: &Settings, other: &Settings) -> bool {
    let governs = |name: &str| {
        let mut steps = scenario.acts.iter().flat_map(|act| &act.steps);
        steps.any(|step| step.factor.as_deref() == Some(name))
    };
    let mut pairs = one.iter().zip(other.iter());
    pairs.all(|((name, one), (_, other))| {
        one == other || vocabulary::may_be_idle(name) || governs(name)
    })
}

/// The factors of which the run would have been the same at another of their levels.
pub fn without_influence<'a>(scenario: &'a Scenario, row: &Row) -> Vec<&'a str> {
    let idle = |factor: &&crate::scenario::Factor| {
        factor.levels.iter().any(|level| {
            let mut settings = row.key.settings.clone();
            settings.level(&factor.name) != level
                && settings.set(scenario, &format!("{}={level}", factor.name)).is_ok()
                && stands_for(scenario, row, &settings)
        })
    };
    scenario.factors.iter().filter(idle).map(|factor| factor.name.as_str()).collect()
}

/// Whether every step that `factor` governs comes to the same with `settings`.
fn makes_no_difference(scenario: &Scenario, row: &Row, settings: &Settings, factor: &str) -> bool {
    let mut governs = false;
    let same = scenario.acts.iter().all(|act| {
        act.steps.iter().enumerate().all(|(index, step)| {
            if step.factor.as_deref() != Some(factor) {
                return true;
            }
            governs = true;
            comes_to_the_same(scenario, row, settings, (act, index, step))
        })
    });
    governs && same
}

fn comes_to_the_same(
    scenario: &Scenario,
    row: &Row,
    settings: &Settings,
    (act, index, step): (&Act, usize, &Step),
) -> bool {
    let played = &row.key.settings;
    let (was, is) = (scenario.at(act, step, played), scenario.at(act, step, settings));
    let decided = row.steps.iter().find(|one| one.act == act.name && one.index == index);
    let Some(decided) = decided else {
        // Its time had not come, or whoever takes it was still looking, which everybody does.
        let due = scenario.calendar.offset_of(act.starts.after(is));
        return was == is || due > row.ended();
    };
    // Who takes it in any case does so at its time; others may be late.
    let prompt = |settings| step.decision(settings) == Decision::Always;
    let late = decided.waited > 0.0 || settings.number("reaction") > 0.0;
    let same_time = was == is && (prompt(played) == prompt(settings) || !late);
    same_time && deed(step, played, &decided.seen) == deed(step, settings, &decided.seen)
}

/// What is done about a step, given what is seen.
fn deed(step: &Step, settings: &Settings, seen: &[String]) -> Option<Manner> {
    step.decision(settings).takes(seen).then(|| step.manner(settings))
}
