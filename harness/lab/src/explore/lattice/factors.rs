//! The factors of a lattice, and the settings of its cells.

use serde::{Deserialize, Serialize};

use super::super::counterfactual::flip;
use super::super::cuts::{Literals, Set};
use super::condition::Condition;
use crate::scenario::{Constraint, Kind};
use crate::{Scenario, Settings};

/// A factor of a lattice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Axis {
    /// Its name.
    pub name: String,
    /// What sort of condition it is.
    pub kind: Kind,
    /// The level of cells that it is in.
    pub present: String,
    /// The level of cells that it is not in.
    pub absent: String,
}

/// The factors of a lattice, numbered from 0, and what all its cells have in common.
#[derive(Clone, Debug)]
pub struct Axes {
    /// The factors.
    pub axes: Vec<Axis>,
    /// The settings of everything else.
    pub background: Settings,
}

impl Axes {
    /// The factors of a scenario that have two levels at least: all of them, or those that are named.
    /// Those in `fixed` stay as `background` has them.
    pub fn of(
        scenario: &Scenario,
        background: Settings,
        named: Option<&[String]>,
        fixed: &[String],
    ) -> Self {
        let wanted =
            |name: &String| named.is_none_or(|named| named.contains(name)) && !fixed.contains(name);
        let axis = |factor: &crate::scenario::Factor| {
            let (present, absent) = (background.level(&factor.name), flip::absent_level(factor)?);
            // A factor that is away in the settings is asked about all the same.
            let mut others = factor.levels.iter().filter(|level| *level != absent);
            let present = if present == absent { others.next()? } else { present };
            Some(Axis {
                name: factor.name.clone(),
                kind: factor.kind,
                present: present.to_owned(),
                absent: absent.to_owned(),
            })
        };
        let factors = scenario.factors.iter().filter(|factor| wanted(&factor.name));
        Axes { axes: factors.filter_map(axis).collect(), background }
    }

    /// What nobody does unless they are told to: remedies, as far as the scenario says.
    pub fn remedies(&self, scenario: &Scenario) -> Set {
        let is_remedy = |axis: &Axis| {
            let factor = scenario.factors.iter().find(|factor| factor.name == axis.name);
            axis.kind == Kind::Human && factor.is_some_and(|f| f.default_level() == axis.absent)
        };
        let numbers = self.axes.iter().enumerate().filter(|(_, axis)| is_remedy(axis));
        numbers.map(|(n, _)| n).collect()
    }

    /// The constraint that no cell keeps, if there is one.
    pub fn forbidden<'s>(&self, scenario: &'s Scenario) -> Option<&'s Constraint> {
        let is_axis = |factor: &String| self.axes.iter().any(|axis| axis.name == *factor);
        scenario.constraints.iter().find(|constraint| {
            !constraint.forbid.keys().any(is_axis) && constraint.forbids(&self.background)
        })
    }

    /// The settings of a cell.
    pub fn settings(&self, scenario: &Scenario, cell: Set) -> Settings {
        let mut settings = self.background.clone();
        for (n, axis) in self.axes.iter().enumerate() {
            let level = if cell.contains(n) { &axis.present } else { &axis.absent };
            // Whatever time a level of the background has, it keeps.
            if settings.level(&axis.name) != level {
                settings = flip::with(scenario, &settings, &axis.name, level);
            }
        }
        settings
    }

    /// Literals by the names of their factors: what has to be there first.
    pub fn told(&self, literals: Literals) -> Vec<Condition> {
        let named = |set: Set, present| -> Vec<Condition> {
            let factors = set.iter().map(|n| self.axes[n].name.clone());
            factors.map(|factor| Condition { factor, present }).collect()
        };
        [named(literals.present(), true), named(literals.absent(), false)].concat()
    }

    /// The human factors among `literals` that can be taken in any case.
    pub fn mediators(&self, scenario: &Scenario, literals: Literals) -> Vec<String> {
        let axes = literals.present().iter().map(|n| &self.axes[n]);
        let can_be_forced = |name: &str| {
            let factor = scenario.factors.iter().find(|factor| factor.name == name);
            factor.is_some_and(|factor| {
                factor.kind == Kind::Human && factor.levels.iter().any(|level| level == "forced")
            })
        };
        let reacts = |axis: &&Axis| axis.present != "forced" && can_be_forced(&axis.name);
        axes.filter(reacts).map(|axis| axis.name.clone()).collect()
    }
}
