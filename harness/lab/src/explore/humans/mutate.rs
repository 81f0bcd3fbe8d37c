//! The text of a scenario with one step changed.
//!
//! A changed scenario is written out as a file, so that what is told of it can be played again by
//! anybody. Comments are lost on the way.

use toml::{Table, Value};

use crate::Scenario;
use crate::scenario::Source;

/// The steps of a scenario's text that a factor governs, by number in the file.
pub fn steps_of(source: &Source, factor: &str) -> Vec<usize> {
    let Ok(text) = source.text.parse::<Table>() else { return Vec::new() };
    let steps = text.get("step").and_then(Value::as_array).cloned().unwrap_or_default();
    let governed = |step: &Value| step.get("factor").and_then(Value::as_str) == Some(factor);
    (0..steps.len()).filter(|n| governed(&steps[*n])).collect()
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
    let mut text: Table = source.text.parse().map_err(|error| format!("{error}"))?;
    let steps = text.get_mut("step").and_then(Value::as_array_mut);
    let step = steps.and_then(|steps| steps.get_mut(step)?.as_table_mut()).ok_or("no such step")?;
    for (key, value) in keys {
        match value {
            Some(value) => step.insert((*key).to_owned(), value.clone()),
            None => step.remove(*key),
        };
    }
    drop_canary(&mut text);
    let text = toml::to_string(&text).map_err(|error| error.to_string())?;
    let changed = Source { text, ..source.clone() };
    let scenario = changed.parse().map_err(|error| error.to_string())?;
    Ok((changed, scenario))
}

/// Only restarts of the mesh know canaries: where a step is something else now, its factor has no such
/// level any more.
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
        let steps = steps_of(&source, "ledger-rollback");
        assert_eq!(steps.len(), 1);
        let keys = [("service", Some(Value::String("edge".to_owned())))];
        let (changed, after) = with_step(&source, steps[0], &keys).expect("a right scenario");
        assert_eq!((after.name.as_str(), &after.factors), ("monzo-2017", &before.factors));
        assert_eq!(after.acts[..3], before.acts[..3]);
        let differs = after.acts[3].steps.iter().zip(&before.acts[3].steps);
        assert_eq!(differs.filter(|(after, before)| after != before).count(), 1);
        assert!(changed.text.len() > 1000 && after.hash != before.hash);
    }

    #[test]
    fn what_would_be_wrong_is_said() {
        let source = scenario::source("monzo-2017").expect("the built-in text");
        let keys = [("do", Some(Value::String("restart-mesh".to_owned())))];
        let error = with_step(&source, 0, &keys).expect_err("it takes no version");
        assert!(error.contains("restart-mesh"), "{error}");
        assert!(with_step(&source, 99, &keys).is_err());
    }
}
