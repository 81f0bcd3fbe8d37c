//! One search of the lattice, and everything that is told of what it found.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::counterfactual::order::{Swap, order};
use super::super::counterfactual::windows::{Window, windows};
use super::super::cuts::{
    self, Answer, Cut, Held, Literal, Literals, Options, Scrutiny, Set, moebius, search,
};
use super::super::fixes::{self, Limit};
use super::super::runs::{Ask, Question, Row, Runs};
use super::super::stats::{Interval, Sprt, Verdict};
use super::condition::Condition;
use super::factors::{Axes, Axis};
use super::judge::Judge;
use crate::outcome::Severity;
use crate::{Scenario, Settings};

/// What is to be searched.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The settings that cells differ from in their factors alone.
    pub settings: Settings,
    /// The severity that is to be reached or not.
    pub target: Severity,
    /// The factors; none named: all.
    pub factors: Option<Vec<String>>,
    /// Human factors whose steps are taken in any case in the second search; none named: those that
    /// turn out to matter in the first.
    pub force: Option<Vec<String>>,
    /// How a cell is judged.
    pub test: Sprt,
    /// How many cells may be judged in each search.
    pub budget: usize,
    /// How hard to look for factors that protect.
    pub scrutiny: Scrutiny,
    /// How many fresh seeds confirm what is found, at least.
    pub fresh: usize,
    /// What it costs to change a factor; none where nobody can. Of those that are not named: 1.
    pub costs: BTreeMap<String, Option<u64>>,
    /// Whether it is asked when the steps of cut sets could have been taken.
    pub timing: bool,
}

/// A cut set, told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CutSet {
    /// The factors that must be present, and those that must not be (`no …`).
    pub conditions: Vec<Condition>,
    /// How many there are.
    pub order: usize,
    /// What the search has seen of it.
    pub seen: Interval,
    /// What fresh seeds say of it.
    pub fresh: Interval,
    /// What that comes to.
    pub held: Held,
    /// The factors without which nobody has seen it not to happen: it may be smaller.
    pub unproven: Vec<Condition>,
    /// The seeds that it was seen with.
    pub seeds: Vec<u64>,
    /// When it begins, with the first of those seeds: seconds from the scenario's zero.
    pub since: Option<i64>,
    /// The command that plays it.
    pub replay: String,
    /// Its steps in each other's place.
    pub swaps: Vec<Swap>,
    /// When its steps could have been taken.
    pub windows: Vec<Window>,
}

/// A maximal safe set, told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Safe {
    /// What is changed, were everything else at its worst.
    pub without: Vec<Condition>,
    /// What was seen of it; none where it follows from others.
    pub seen: Option<Interval>,
    /// Where chance has to do its part and did not: with how many seeds in a row.
    pub in_vain: Option<u64>,
}

/// A way to break every cut set.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Fix {
    /// What is changed.
    pub changes: Vec<Condition>,
    /// What that costs together.
    pub cost: u64,
    /// What fresh seeds say with everything else at its worst; for the first fixes only.
    pub fresh: Option<Interval>,
    /// What that comes to: confirmed where it does not happen.
    pub held: Option<Held>,
}

/// What an interaction adds beyond its parts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Dividend {
    /// The factors.
    pub factors: Vec<String>,
    /// Möbius's coefficient: 1, or with several cut sets any whole number.
    pub value: i64,
}

/// One search.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Family {
    /// What it is called.
    pub name: String,
    /// What all cells have in common and the scenario's defaults have not.
    pub background: Vec<String>,
    /// Whether seeds were chosen with which chance does its part.
    pub conditioned: bool,
    /// The factors, numbered as in `answer`.
    pub factors: Vec<Axis>,
    /// The cut sets, the shortest first.
    pub cuts: Vec<CutSet>,
    /// The maximal safe sets.
    pub safe: Vec<Safe>,
    /// The fixes, the smallest first.
    pub fixes: Vec<Fix>,
    /// The interactions.
    pub dividends: Vec<Dividend>,
    /// Shapley's value of every factor.
    pub shapley: Vec<f64>,
    /// What the search says, by number.
    pub answer: Answer,
}

/// How many fixes are confirmed.
const CONFIRMED: usize = 3;
/// Larger fixes are nobody's plan.
const LIMIT: Limit = Limit { changes: 4, cost: u64::MAX };

/// Searches the lattice of `axes`.
///
/// # Errors
/// As [`Runs::answer`].
pub fn family(
    runs: &Runs,
    plan: &Plan,
    name: &str,
    axes: &Axes,
    conditioned: bool,
) -> Result<Family, String> {
    let scenario = runs.scenario().clone();
    let mut judge = Judge::new(runs, axes, plan.target, plan.test, conditioned);
    let options = Options {
        budget: plan.budget,
        confirm: false,
        protective: axes.remedies(&scenario),
        scrutiny: plan.scrutiny,
        ..Options::default()
    };
    let answer = search(axes.axes.len(), &mut judge, &options);
    if let Some(trouble) = judge.trouble.take() {
        return Err(trouble);
    }
    let cuts =
        answer.cuts.iter().map(|cut| told(runs, plan, axes, &mut judge, answer.protective, cut));
    let cuts: Vec<CutSet> = cuts.collect::<Result<_, _>>()?;
    let literals: Vec<Literals> = answer.cuts.iter().map(|cut| cut.literals).collect();
    let dividends = moebius::dividends(&literals);
    let shapley = moebius::shapley(axes.axes.len(), &dividends);
    let mut safe = Vec::new();
    for one in &answer.safe {
        // Of what follows from another cell no seed was looked at, and none is for this.
        let in_vain = match one.finding {
            Some(_) if conditioned => {
                let seeds = judge.seeds(one.cell, 1)?;
                (!seeds.fell).then_some(seeds.looked_at)
            }
            _ => None,
        };
        let seen = one.finding.map(|finding| finding.share());
        safe.push(Safe { without: axes.told(one.missing), seen, in_vain });
    }
    let factors_of = |set: Set| set.iter().map(|n| axes.axes[n].name.clone()).collect();
    Ok(Family {
        name: name.to_owned(),
        background: overrides(&scenario, &axes.background),
        conditioned,
        factors: axes.axes.clone(),
        cuts,
        safe,
        fixes: confirmed(plan, axes, &mut judge, answer.protective, &literals)?,
        dividends: dividends
            .iter()
            .map(|(set, value)| Dividend { factors: factors_of(*set), value: *value })
            .collect(),
        shapley,
        answer,
    })
}

fn overrides(scenario: &Scenario, settings: &Settings) -> Vec<String> {
    settings.overrides(scenario).map(|(name, to)| format!("{name}={to}")).collect()
}

/// The cell in which just the literals of a cut set do their harm, every other barrier in place.
fn cell(cut: &Cut, barriers: Set) -> Set {
    let literals = cut.literals;
    let alone = literals.present() | (barriers - literals.absent());
    cut.support.first().map_or(alone, |judged| judged.cell)
}

fn told(
    runs: &Runs,
    plan: &Plan,
    axes: &Axes,
    judge: &mut Judge,
    barriers: Set,
    cut: &Cut,
) -> Result<CutSet, String> {
    let cell = cell(cut, barriers);
    let hits = cut.support.iter().map(|judged| judged.finding.hits).sum();
    let seen: u64 = cut.support.iter().map(|judged| judged.finding.runs).sum();
    let seeds = judge.seeds(cell, (seen as usize).max(1))?.seeds;
    let seeds: Vec<u64> = seeds.into_iter().take((seen as usize).max(1)).collect();
    let rows = judge.play("cut sets", cell, &seeds)?;
    let shown = rows.iter().find(|row| row.reaches(plan.target));
    let fresh = judge.confirm(cell, plan.fresh)?;
    let swaps = shown.map_or(Ok(Vec::new()), |row| order(runs, row, plan.target))?;
    let timed = shown.filter(|_| plan.timing);
    let windows = timed.map_or(Ok(Vec::new()), |row| times(runs, plan, row))?;
    Ok(CutSet {
        conditions: axes.told(cut.literals),
        order: cut.order,
        seen: super::super::stats::wilson(hits, seen),
        fresh: fresh.share(),
        held: Held::of(fresh.verdict, Verdict::Fail),
        unproven: axes.told(cut.unproven),
        since: shown.and_then(|row| row.since(plan.target)),
        replay: shown.map_or(String::new(), |row| row.replay.clone()),
        seeds,
        swaps,
        windows,
    })
}

fn times(runs: &Runs, plan: &Plan, row: &Arc<Row>) -> Result<Vec<Window>, String> {
    // What was played may have stopped before the last of its steps was due.
    let whole = Ask::new(row.key.settings.clone(), row.seed, Question::Whole);
    let row = runs.answer("cut sets to the end", &[whole])?.remove(0);
    windows(runs, &row, plan.target)
}

/// The fixes, the first of them confirmed: everything at its worst but for what is changed.
fn confirmed(
    plan: &Plan,
    axes: &Axes,
    judge: &mut Judge,
    barriers: Set,
    cuts: &[Literals],
) -> Result<Vec<Fix>, String> {
    let cost = |literal: Literal| {
        let axis = &axes.axes[literal.factor()];
        plan.costs.get(&axis.name).copied().unwrap_or(Some(1))
    };
    let found = fixes::plan(cuts, cost, LIMIT).fixes;
    let worst = Set::below(axes.axes.len()) - barriers;
    let mut told = Vec::new();
    for (n, fix) in found.iter().enumerate() {
        let fresh = match n < CONFIRMED {
            true => {
                let cell = (worst - fix.changes.present()) | fix.changes.absent();
                Some(judge.confirm(cell, plan.fresh)?)
            }
            false => None,
        };
        told.push(Fix {
            changes: axes.told(fix.changes),
            cost: fix.cost,
            fresh: fresh.map(|found| found.share()),
            held: fresh.map(|found| Held::of(found.verdict, Verdict::Safe)),
        });
    }
    Ok(told)
}

/// The human factors in any cut set that could be taken in any case.
pub fn mediators(scenario: &Scenario, axes: &Axes, answer: &cuts::Answer) -> Vec<String> {
    let mut found: Vec<String> =
        answer.cuts.iter().flat_map(|cut| axes.mediators(scenario, cut.literals)).collect();
    found.sort();
    found.dedup();
    found
}
