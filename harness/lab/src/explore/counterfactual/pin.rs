//! People held to what they did.
//!
//! Taking a condition away changes what people see, and so what they do. To tell the two apart, the
//! steps that were taken are taken again at their time whatever is seen, and those that were not are
//! left out (Halpern and Pearl's contingency at actual values). What the condition then still does is
//! its direct effect; what it did with people free to act is the total one; the difference went through
//! their hands.
//!
//! A level speaks of all steps of its factor at once. So there is no pin, and none is made up, where
//! some of them were taken and others were not (`forced` would take all, `off` none), where one that was
//! taken has another beside it whose time did not come, where a canary was restarted first (`forced`
//! restarts everything), where some were later with their steps than with others, and where somebody acts
//! on what they see with no factor to hold them by.

use super::super::runs::Row;
use crate::scenario::{Action, Kind, Step};
use crate::{Scenario, Settings};

/// What was done of the steps of a factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// The time of none of them came.
    Open,
    /// None was taken.
    Nothing,
    /// Some were taken and others were not, or their time did not come.
    Part,
    /// Every one was taken.
    All,
}

/// What was done of the steps of `factor` in the run of `row`.
pub(super) fn done(scenario: &Scenario, row: &Row, factor: &str) -> Done {
    let steps = scenario.acts.iter().flat_map(|act| &act.steps);
    let governed = steps.filter(|step| step.factor.as_deref() == Some(factor)).count();
    let decided = row.steps.iter().filter(|step| step.factor.as_deref() == Some(factor));
    let taken = decided.clone().filter(|step| step.taken).count();
    match (decided.count(), taken) {
        (0, _) => Done::Open,
        (_, 0) => Done::Nothing,
        (_, taken) if taken < governed => Done::Part,
        _ => Done::All,
    }
}

/// `settings` with every human factor, `but` one, held to what was done in the run of `row`. None where
/// the scenario's levels cannot say what was done.
pub fn pinned(
    scenario: &Scenario,
    row: &Row,
    settings: &Settings,
    but: Option<&str>,
) -> Option<Settings> {
    if scenario.acts.iter().flat_map(|act| &act.steps).any(is_held_by_nothing) {
        return None;
    }
    let (mut held, played) = (settings.clone(), &row.key.settings);
    let human = scenario.factors.iter().filter(|factor| factor.kind == Kind::Human);
    for factor in human.filter(|factor| Some(factor.name.as_str()) != but) {
        let level = match done(scenario, row, &factor.name) {
            // Whose time did not come is free.
            Done::Open => continue,
            Done::Nothing => "off".to_owned(),
            Done::Part => return None,
            Done::All if played.level(&factor.name) == "canary" => return None,
            Done::All => match (late(row, &factor.name)?, played.moved(&factor.name)) {
                (Some(at), _) => format!("forced@{}", scenario.calendar.time(at)),
                (None, Some(time)) => format!("forced@{time}"),
                (None, None) => "forced".to_owned(),
            },
        };
        held.set(scenario, &format!("{}={level}", factor.name)).ok()?;
    }
    Some(held)
}

/// When the first step of a factor was decided, where that was not at its time: seconds from the
/// scenario's zero. None at all where the steps were not equally late, for a level moves them together.
fn late(row: &Row, factor: &str) -> Option<Option<f64>> {
    let mut steps = row.steps.iter().filter(|step| step.factor.as_deref() == Some(factor));
    let first = steps.next()?;
    let equally = steps.all(|step| step.waited == first.waited);
    equally.then(|| (first.waited > 0.0).then(|| first.decided()))
}

/// Whether a step is taken on what is seen, and no level can say otherwise. A report changes nothing.
fn is_held_by_nothing(step: &Step) -> bool {
    step.factor.is_none() && step.symptom.is_some() && step.action != Action::Report
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::Request;
    use crate::outcome::{StepOutcome, sample};
    use crate::scenario::{self, Source};
    use crate::sweep::Key;

    /// The run of a scenario in which of the steps of `factor` those with these numbers were taken, of
    /// all others none; steps for which `taken` has nothing were not due.
    fn played(source: &Source, set: &[&str], factor: &str, taken: &[bool]) -> (Scenario, Row) {
        let scenario = Arc::new(source.parse().expect("a right scenario"));
        let mut settings = scenario.defaults();
        set.iter().for_each(|given| settings.set(&scenario, given).expect("a setting"));
        let request = Request::new(scenario.clone(), settings, 1);
        let (mut outcome, mut taken) = (sample::outcome(&request), taken.iter());
        outcome.steps.clear();
        for act in &scenario.acts {
            for (index, step) in act.steps.iter().enumerate().filter(|(_, s)| s.symptom.is_some()) {
                let asked = step.factor.as_deref() == Some(factor);
                let Some(taken) = (if asked { taken.next().copied() } else { Some(false) }) else {
                    continue;
                };
                let (act, factor) = (act.name.clone(), step.factor.clone());
                outcome.steps.push(StepOutcome { act, index, factor, taken, ..Default::default() });
            }
        }
        let row = Row::of(&scenario, Key::of(&request, "build"), &outcome, None);
        (Arc::unwrap_or_clone(scenario), row)
    }

    /// The levels of the two human factors of zone-loss-9, each of which governs two steps, when people
    /// are held to what was done of the first.
    fn held(set: &[&str], taken: &[bool]) -> Option<(String, String)> {
        let source = scenario::source("zone-loss-9").expect("the built-in text");
        let (scenario, row) = played(&source, set, "remove-silent", taken);
        let held = pinned(&scenario, &row, &row.key.settings, None)?;
        let level = |factor: &str| {
            let at = held.moved(factor).map_or(String::new(), |time| format!("@{time}"));
            format!("{}{at}", held.level(factor))
        };
        Some((level("remove-silent"), level("replace-silent")))
    }

    fn levels(remove: &str, replace: &str) -> Option<(String, String)> {
        Some((remove.to_owned(), replace.to_owned()))
    }

    #[test]
    fn what_was_taken_is_taken_again_at_its_time_and_what_was_not_is_left_out() {
        let reactive = ["remove-silent=reactive", "replace-silent=reactive"];
        assert_eq!(held(&reactive, &[true, true]), levels("forced", "off"));
        assert_eq!(held(&reactive, &[false, false]), levels("off", "off"));
        assert_eq!(
            held(&["remove-silent=reactive@+65s"], &[true, true]),
            levels("forced@+65s", "off")
        );
    }

    #[test]
    fn who_was_late_is_held_to_when_it_was_and_only_if_no_step_was_later_than_another() {
        let source = scenario::source("monzo-2017").expect("the built-in text");
        let (scenario, mut row) = played(&source, &[], "mesh-restart", &[true]);
        let mesh = |row: &mut Row, due, waited| {
            let step = row.steps.iter_mut().find(|s| s.factor.as_deref() == Some("mesh-restart"));
            let step = step.expect("it was taken");
            (step.due, step.waited) = (due, waited);
        };
        let pin = |row: &Row| pinned(&scenario, row, &row.key.settings, None);
        mesh(&mut row, 960.0, 90.0);
        assert_eq!(pin(&row).expect("a pin").moved("mesh-restart"), Some("14:27:30"));
        let again = StepOutcome { waited: 0.0, ..row.steps.last().expect("a step").clone() };
        let again = StepOutcome { factor: Some("mesh-restart".to_owned()), taken: true, ..again };
        row.steps.push(again);
        assert_eq!(pin(&row), None);
    }

    #[test]
    fn who_took_only_some_of_their_steps_cannot_be_held_to_that() {
        let reactive = ["remove-silent=reactive"];
        assert_eq!(held(&reactive, &[true, false]), None);
        assert_eq!(held(&reactive, &[false, true]), None);
    }

    #[test]
    fn whose_time_did_not_come_is_free_unless_something_else_was_done() {
        let reactive = ["remove-silent=reactive"];
        assert_eq!(held(&reactive, &[]), levels("reactive", "off"));
        assert_eq!(held(&reactive, &[true]), None);
        assert_eq!(held(&reactive, &[false]), levels("off", "off"));
    }

    #[test]
    fn the_factor_that_is_asked_about_stays_as_it_is_set() {
        let source = scenario::source("zone-loss-9").expect("the built-in text");
        let (scenario, row) = played(&source, &[], "remove-silent", &[true, false]);
        let mut settings = row.key.settings.clone();
        settings.set(&scenario, "remove-silent=forced").expect("a level");
        assert_eq!(pinned(&scenario, &row, &settings, Some("remove-silent")), Some(settings));
    }

    #[test]
    fn a_canary_is_not_held_to_a_restart_of_everything() {
        let source = scenario::source("monzo-2017").expect("the built-in text");
        let canary = ["mesh-restart=canary"];
        let (scenario, row) = played(&source, &canary, "mesh-restart", &[true]);
        assert_eq!(pinned(&scenario, &row, &row.key.settings, None), None);
        let (scenario, row) = played(&source, &canary, "mesh-restart", &[false]);
        let held = pinned(&scenario, &row, &row.key.settings, None).expect("nobody did anything");
        assert_eq!(held.level("mesh-restart"), "off");
    }

    #[test]
    fn who_acts_on_what_they_see_without_a_factor_is_not_taken_for_held() {
        let mut source = scenario::source("zone-loss-9").expect("the built-in text");
        let governed = "symptom = \"members-silent\"\nfactor = \"remove-silent\"\n";
        source.text = source.text.replacen(governed, "symptom = \"members-silent\"\n", 1);
        let (scenario, row) = played(&source, &[], "remove-silent", &[false]);
        let free = scenario.acts[0].steps.iter().filter(|step| is_held_by_nothing(step));
        assert_eq!(free.count(), 1);
        assert_eq!(pinned(&scenario, &row, &row.key.settings, None), None);
    }
}
