//! Both searches, as written for those who come later.

use serde::{Deserialize, Serialize};

use super::super::counterfactual::flip;
use super::super::runs::{Runs, Tally};
use super::factors::Axes;
use super::family::{Family, Plan, family, mediators};
use crate::outcome::Severity;

/// The lattice of a scenario.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Lattice {
    /// The scenario's name.
    pub scenario: String,
    /// A hash of its text.
    pub text: String,
    /// A hash of the program that played the runs.
    pub build: String,
    /// The severity.
    pub target: Severity,
    /// What chance decides, where seeds were chosen by it.
    pub lottery: Option<String>,
    /// The searches: as people react, and with steps taken in any case.
    pub families: Vec<Family>,
    /// What was not asked because the scenario forbids it, each with what is forbidden.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// What it took.
    pub tally: Tally,
}

/// Searches the lattice: as people react, and then with what mattered of that taken in any case.
///
/// Where people react, seeds are those with which chance does its part: without that nobody has anything
/// to react to. Where the step is taken in any case, the first seeds are as good as any. What the scenario
/// forbids in any case is not searched.
///
/// # Errors
/// As [`Runs::answer`].
pub fn lattice(runs: &Runs, plan: &Plan) -> Result<Lattice, String> {
    let scenario = runs.scenario().clone();
    let named = plan.factors.as_deref();
    let axes = Axes::of(&scenario, plan.settings.clone(), named, &[]);
    let conditioned = scenario.lottery.is_some();
    let mut families = vec![family(runs, plan, "as people react", &axes, conditioned)?];
    let found = mediators(&scenario, &axes, &families[0].answer);
    let forced = plan.force.clone().unwrap_or(found);
    if !forced.is_empty() {
        let mut settings = plan.settings.clone();
        for factor in &forced {
            settings = flip::with(&scenario, &settings, factor, "forced");
        }
        let axes = Axes::of(&scenario, settings, named, &forced);
        let name = format!("{} in any case", forced.join(", "));
        match axes.forbidden(&scenario) {
            Some(constraint) => runs.leave_out(&name, constraint),
            None => families.push(family(runs, plan, &name, &axes, false)?),
        }
    }
    Ok(Lattice {
        scenario: scenario.name.clone(),
        text: scenario.text(),
        build: runs.build(),
        target: plan.target,
        lottery: scenario.lottery.as_ref().map(|lottery| lottery.doc.clone()),
        families,
        left_out: runs.left_out(),
        tally: runs.tally(),
    })
}
