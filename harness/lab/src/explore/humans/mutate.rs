//! The text of a scenario with one step changed.
//!
//! A changed scenario is written out as a file, so that what is told of it can be played again by
//! anybody. Comments are lost on the way.

use toml::{Table, Value};

use crate::Scenario;
use crate::scenario::Source;

/// The steps of an act that a factor governs, by number in the scenario's text.
pub fn steps_of(source: &Source, act: &str, factor: &str) -> Vec<usize> {
    let steps = steps(source);
    let is =
        |step: &Value, key: &str, value: &str| step.get(key).and_then(Value::as_str) == Some(value);
    let governed = |step: &Value| is(step, "act", act) && is(step, "factor", factor);
    (0..steps.len()).filter(|n| governed(&steps[*n])).collect()
}

/// What the text says of the step with this number.
pub fn step_of(source: &Source, step: usize) -> Option<Table> {
    steps(source).get(step)?.as_table().cloned()
}

fn steps(source: &Source) -> Vec<Value> {
    let text = source.text.parse::<Table>().unwrap_or_default();
    text.get("step").and_then(Value::as_array).cloned().unwrap_or_default()
}

/// The scenario with keys of one step set, or taken out where there is no value.
///
/// # Errors
/// Why there is no such scenario: usually because it would say something wrong.
pub fn with_step(
    source: &Source,
    step: usize,
    keys: &[(&str, Option<Value>)],
) -> Result<(Source, Scenario), String> {
    changed(source, |steps| {
        let step = steps.get_mut(step)?.as_table_mut()?;
        for (key, value) in keys {
            match value {
                Some(value) => step.insert((*key).to_owned(), value.clone()),
                None => step.remove(*key),
            };
        }
        Some(())
    })
}

/// The scenario without one step.
///
/// # Errors
/// Why there is no such scenario, as [`with_step`].
pub fn without_step(source: &Source, step: usize) -> Result<(Source, Scenario), String> {
    changed(source, |steps| (step < steps.len()).then(|| _ = steps.remove(step)))
}

/// The scenario with its steps changed by `change`, which says `None` where there is no such step.
fn changed(
    source: &Source,
    change: impl FnOnce(&mut Vec<Value>) -> Option<()>,
) -> Result<(Source, Scenario), String> {
    let mut text: Table = source.text.parse().map_err(|error| format!("{error}"))?;
    text.get_mut("step").and_then(Value::as_array_mut).and_then(change).ok_or("no such step")?;
    drop_canary(&mut text);
    let text = toml::to_string(&text).map_err(|error| error.to_string())?;
    let changed = Source { text, ..source.clone() };
    let scenario = changed.parse().map_err(|error| error.to_string())?;
    Ok((changed, scenario))
}

/// Only restarts of the mesh know canaries: where a step is something else now, its factor has no such
/// level any more, and reacts where it had no other.
fn drop_canary(text: &mut Table) {
    let other = |step: &Value| {
        let does = step.get("do").and_then(Value::as_str) != Some("restart-mesh");
        step.get("factor").and_then(Value::as_str).filter(|_| does).map(str::to_owned)
    };
    let steps = text.get("step").and_then(Value::as_array).into_iter().flatten();
    let others: Vec<String> = steps.filter_map(other).collect();
    let factors = text.get_mut("factor").and_then(Value::as_array_mut);
    for factor in factors.into_iter().flatten() {
        let name = factor.get("name").and_then(Value::as_str);
        let governed = name.is_some_and(|name| others.iter().any(|other| other == name));
        let levels = factor.get_mut("levels").and_then(Value::as_array_mut).filter(|_| governed);
        if let Some(levels) = levels {
            levels.retain(|level| level.as_str() != Some("canary"));
            if levels.is_empty() {
                levels.push(Value::String("reactive".to_owned()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario;

    #[test]
    fn a_step_is_changed_and_everything_else_stays() {
        let source = scenario::source("monzo-2017").expect("the built-in text");
        let before = source.parse().expect("it is right");
        let steps = steps_of(&source, "outage", "ledger-rollback");
        assert_eq!(steps.len(), 1);
        assert!(steps_of(&source, "morning", "ledger-rollback").is_empty());
        let written = step_of(&source, steps[0]).expect("the step");
        assert_eq!(written.get("service").and_then(Value::as_str), Some("ledger"));
        let keys = [("service", Some(Value::String("edge".to_owned())))];
        let (changed, after) = with_step(&source, steps[0], &keys).expect("a right scenario");
        assert_eq!((after.name.as_str(), &after.factors), ("monzo-2017", &before.factors));
        assert_eq!(after.acts[..3], before.acts[..3]);
        let differs = after.acts[3].steps.iter().zip(&before.acts[3].steps);
        assert_eq!(differs.filter(|(after, before)| after != before).count(), 1);
        assert!(changed.text.len() > 1000 && after.hash != before.hash);
    }

    #[test]
    fn one_of_several_steps_is_left_out_and_the_others_stay() {
        let source = scenario::source("zone-loss-9").expect("the built-in text");
        let before = source.parse().expect("it is right");
        let steps = steps_of(&source, "loss", "remove-silent");
        assert_eq!(steps.len(), 2);
        let (changed, after) = without_step(&source, steps[1]).expect("a right scenario");
        assert_eq!(steps_of(&changed, "loss", "remove-silent"), steps[..1]);
        assert_eq!(after.acts[0].steps.len(), before.acts[0].steps.len() - 1);
        assert_eq!(after.factors, before.factors);
    }

    #[test]
    fn who_knew_only_a_canary_reacts_where_there_is_none_any_more() {
        let mut source = scenario::source("monzo-2017").expect("the built-in text");
        let levels = r#"levels = ["reactive", "off", "forced", "canary"]"#;
        source.text = source.text.replacen(levels, r#"levels = ["canary"]"#, 1);
        let step = steps_of(&source, "outage", "mesh-restart")[0];
        let apiservers = Some(Value::String("restart-apiservers".to_owned()));
        let (_, after) = with_step(&source, step, &[("do", apiservers), ("within", None)])
            .expect("a right scenario");
        let factor = after.factors.iter().find(|factor| factor.name == "mesh-restart");
        assert_eq!(factor.expect("the factor").levels, ["reactive"]);
    }

    #[test]
    fn what_would_be_wrong_is_said() {
        let source = scenario::source("monzo-2017").expect("the built-in text");
        let keys = [("do", Some(Value::String("restart-mesh".to_owned())))];
        let error = with_step(&source, 0, &keys).expect_err("it takes no version");
        assert!(error.contains("restart-mesh"), "{error}");
        assert!(with_step(&source, 99, &keys).is_err() && without_step(&source, 99).is_err());
    }
}
