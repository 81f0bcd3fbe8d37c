//! A drawn schedule, and the scenario that has it.

use std::time::Duration;

use harness_env::Rng;
use harness_env::rng::derive;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::kinds;
use crate::Scenario;
use crate::scenario::{End, Source};

/// How many troubles are drawn, at least and at most.
const COUNT: std::ops::RangeInclusive<u64> = 4..=12;
/// Trouble begins within this part of the main act; the rest of it shows whether it is got over.
const PART: f64 = 0.6;

/// One trouble.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trouble {
    /// Its kind.
    pub kind: String,
    /// When it begins, in seconds from the beginning of the main act.
    pub at: f64,
    /// Its steps, counted from `at`.
    pub steps: kinds::Steps,
}

/// What happens, in order of time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// The troubles.
    pub troubles: Vec<Trouble>,
}

impl Schedule {
    /// What a seed draws for a scenario.
    pub fn draw(scenario: &Scenario, seed: u64) -> Self {
        let mut rng = Rng::from_key(derive(seed, "hunt"));
        let all = kinds::of(scenario);
        let mut some = all.clone();
        some.retain(|_| rng.chance(0.5));
        if some.is_empty() {
            some.extend(rng.pick(&all));
        }
        let span = length(scenario).mul_f64(PART);
        let count = COUNT.start() + rng.below(COUNT.end() - COUNT.start() + 1);
        let mut troubles = Vec::new();
        for _ in 0..count {
            let Some(kind) = rng.pick(&some).copied() else { break };
            // Whole seconds: what is written is what is played.
            let at = rng.duration(Duration::ZERO..span).as_secs() as f64;
            let steps = kind.draw(&mut rng, scenario);
            troubles.extend(steps.map(|steps| Trouble { kind: kind.name.to_owned(), at, steps }));
        }
        troubles.sort_by(|a, b| a.at.total_cmp(&b.at));
        Schedule { troubles }
    }

    /// Only those of these numbers.
    pub fn only(&self, numbers: impl IntoIterator<Item = usize>) -> Self {
        Schedule { troubles: numbers.into_iter().map(|n| self.troubles[n].clone()).collect() }
    }

    /// The scenario with this on top of what it has, as text that says so.
    ///
    /// # Errors
    /// Why it would be no scenario: a step that makes no sense there.
    pub fn onto(&self, source: &Source, scenario: &Scenario) -> Result<(Source, Scenario), String> {
        let mut text: Table = source.text.parse().map_err(|error| format!("{error}"))?;
        let main = scenario.main_act();
        let mut own = main.steps.iter();
        let written = text.remove("step").and_then(|steps| steps.as_array().cloned());
        let (mut before, mut steps, mut after) = (Vec::new(), Vec::new(), Vec::new());
        for step in tables(written) {
            match step.get("act").and_then(Value::as_str) {
                Some(act) if act == main.name => {
                    let at = own.next().ok_or("a step too many")?.at;
                    steps.push((at.as_secs_f64(), step));
                }
                // Steps of other acts stay as they are, on their side of the main one's.
                _ if steps.is_empty() => before.push(step),
                _ => after.push(step),
            }
        }
        for trouble in &self.troubles {
            for (offset, step) in &trouble.steps {
                let at = trouble.at + offset;
                let mut step = step.clone();
                step.insert("act".to_owned(), Value::String(main.name.clone()));
                step.insert("at".to_owned(), Value::String(format!("+{at}s")));
                step.insert("actor".to_owned(), Value::String("chance".to_owned()));
                step.insert("doc".to_owned(), Value::String(format!("drawn: {}", trouble.kind)));
                steps.push((at, step));
            }
        }
        steps.sort_by(|a, b| a.0.total_cmp(&b.0));
        let steps = steps.into_iter().map(|(_, step)| step);
        let all: Vec<Value> =
            before.into_iter().chain(steps).chain(after).map(Value::Table).collect();
        text.insert("step".to_owned(), Value::Array(all));
        let text = toml::to_string(&text).map_err(|error| error.to_string())?;
        let source = Source { text, ..source.clone() };
        let scenario = source.parse().map_err(|error| error.to_string())?;
        Ok((source, scenario))
    }
}

fn tables(steps: Option<Vec<Value>>) -> impl Iterator<Item = Table> {
    steps.unwrap_or_default().into_iter().filter_map(|step| step.as_table().cloned())
}

/// How long the main act lasts, or may last.
fn length(scenario: &Scenario) -> Duration {
    let main = scenario.main_act();
    match main.end {
        End::At(end) => end.since(main.starts),
        End::Settled { limit, .. } => limit,
    }
}
