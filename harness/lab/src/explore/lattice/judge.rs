//! Judging a cell by runs over seeds.
//!
//! The sequential test stops as soon as it knows, so with [`QUICK`] what always or never happens takes two
//! runs. That is few, and right for cells that are almost certain once their accident has been seen to. It
//! says little of those between: of a cell that leads to it with one seed in five it says "safe" 19
//! times of 20, and where it is every other seed, one or the other as a coin falls. [`Sprt::default`] finds a
//! cell that leads to it with one seed in five, for nine times the runs. Seeds that no search has seen
//! confirm what is reported.

use std::collections::BTreeMap;

use super::super::cuts::{Effort, Membership, Set, Stopped};
use super::super::runs::{Ask, Question, Row, Runs, Seeds, lottery};
use super::super::stats::{Finding, Sprt, Verdict};
use super::factors::Axes;
use crate::outcome::Severity;

/// A share of a tenth of the seeds or less is safe, of nine tenths or more fails; 12 runs tell at most.
pub const QUICK: Sprt = Sprt { p0: 0.1, p1: 0.9, alpha: 0.05, beta: 0.05, cap: 12 };
/// The first of the seeds that no search has seen, counted among those that may be used.
const FRESH: usize = 48;

/// How many seeds of the cell with everything in it are looked at first in every other one.
const LIKELY: usize = 2;

/// Judges the cells of a lattice.
pub struct Judge<'r, 'm> {
    runs: &'r Runs<'m>,
    axes: &'r Axes,
    target: Severity,
    test: Sprt,
    /// Whether seeds are those with which chance does its part.
    conditioned: bool,
    seeds: BTreeMap<Set, Seeds>,
    outcomes: BTreeMap<Set, Vec<bool>>,
    /// What went wrong, where the search was stopped by it.
    pub trouble: Option<String>,
}

impl<'r, 'm> Judge<'r, 'm> {
    /// Judges by `test` whether cells reach `target`.
    pub fn new(
        runs: &'r Runs<'m>,
        axes: &'r Axes,
        target: Severity,
        test: Sprt,
        conditioned: bool,
    ) -> Self {
        let (seeds, outcomes) = (BTreeMap::new(), BTreeMap::new());
        Judge { runs, axes, target, test, conditioned, seeds, outcomes, trouble: None }
    }

    /// The first `count` seeds of a cell; of one that the scenario forbids there are none.
    pub fn seeds(&mut self, cell: Set, count: usize) -> Result<Seeds, String> {
        if self.is_forbidden(cell) {
            return Ok(Seeds::any(0));
        }
        if let Some(known) = self.seeds.get(&cell).filter(|known| known.seeds.len() >= count) {
            let seeds = known.seeds.iter().take(count).copied().collect();
            return Ok(Seeds { seeds, ..known.clone() });
        }
        let found = if self.conditioned {
            // Most cells have the prehistory of the one with everything in it, or draw anew.
            let all = Set::below(self.axes.axes.len());
            let likely = match cell == all {
                true => Vec::new(),
                false => self.seeds(all, LIKELY)?.seeds,
            };
            let settings = self.axes.settings(self.runs.scenario(), cell);
            lottery::seeds(self.runs, &settings, count, &likely)?
        } else {
            Seeds::any(count)
        };
        self.seeds.insert(cell, found.clone());
        Ok(found)
    }

    /// Runs of a cell, one for each seed.
    pub fn play(
        &self,
        what: &str,
        cell: Set,
        seeds: &[u64],
    ) -> Result<Vec<std::sync::Arc<Row>>, String> {
        let asks: Vec<Ask> = seeds.iter().map(|seed| self.ask(cell, *seed)).collect();
        self.runs.answer(what, &asks)
    }

    fn ask(&self, cell: Set, seed: u64) -> Ask {
        let settings = self.axes.settings(self.runs.scenario(), cell);
        Ask::new(settings, seed, Question::Reaches(self.target))
    }

    /// Whether the scenario forbids a cell: nothing can be said of it.
    fn is_forbidden(&self, cell: Set) -> bool {
        let scenario = self.runs.scenario();
        scenario.forbidden(&self.axes.settings(scenario, cell)).is_some()
    }

    /// The seeds that the test wants to see in any case before it says anything of a cell.
    fn wanted(&mut self, test: &Sprt, cell: Set) -> Result<Vec<u64>, String> {
        let known = self.outcomes.get(&cell).map_or(&[][..], Vec::as_slice);
        if test.judge(known.iter().copied()).is_some() || self.is_forbidden(cell) {
            return Ok(Vec::new());
        }
        let hits = known.iter().filter(|failed| **failed).count() as u64;
        let (have, more) = (known.len(), test.at_least(hits, known.len() as u64) as usize);
        let seeds = self.seeds(cell, have + more)?;
        Ok(seeds.seeds.into_iter().skip(have).take(more).collect())
    }

    fn usual(&mut self, test: &Sprt, cell: Set, next: &[Set]) -> Result<Finding, String> {
        loop {
            let known = self.outcomes.get(&cell).map_or(&[][..], Vec::as_slice);
            if let Some(finding) = test.judge(known.iter().copied()) {
                return Ok(finding);
            }
            let mut batch: Vec<(Set, u64)> =
                self.wanted(test, cell)?.into_iter().map(|seed| (cell, seed)).collect();
            if batch.is_empty() {
                // It cannot be, or there are no more seeds with which chance does its part.
                let hits = known_hits(self.outcomes.get(&cell));
                let runs = self.outcomes.get(&cell).map_or(0, Vec::len) as u64;
                return Ok(Finding { verdict: Verdict::Undetermined, hits, runs });
            }
            // What is listed at length will be asked in any case; a short list is a guess.
            let jobs = self.runs.jobs();
            let room = if next.len() > 2 { 4 * jobs } else { batch.len().next_multiple_of(jobs) };
            for other in next {
                if batch.len() >= room {
                    break;
                }
                batch.extend(self.wanted(test, *other)?.into_iter().map(|seed| (*other, seed)));
            }
            let asks: Vec<Ask> = batch.iter().map(|(cell, seed)| self.ask(*cell, *seed)).collect();
            let rows = self.runs.answer("cells of the lattice", &asks)?;
            for ((cell, _), row) in batch.into_iter().zip(rows) {
                self.outcomes.entry(cell).or_default().push(row.reaches(self.target));
            }
        }
    }

    /// What seeds say that no search has seen.
    pub fn fresh(&mut self, cell: Set, count: usize) -> Result<Finding, String> {
        if self.is_forbidden(cell) {
            return Ok(Finding { verdict: Verdict::Undetermined, hits: 0, runs: 0 });
        }
        // Of seeds that are rare, the next ones behind those that were used are fresh enough.
        let used = self.outcomes.get(&cell).map_or(0, Vec::len);
        let rare = self.seeds(cell, used.max(1))?.fell;
        let from = if rare { used } else { FRESH };
        let seeds = self.seeds(cell, from + count)?.seeds;
        let fresh: Vec<u64> = seeds.into_iter().skip(from).take(count).collect();
        let rows = self.play("fresh seeds", cell, &fresh)?;
        let hits = rows.iter().filter(|row| row.reaches(self.target)).count() as u64;
        let runs = rows.len() as u64;
        let verdict = self.test.verdict(hits, runs).unwrap_or(Verdict::Undetermined);
        Ok(Finding { verdict, hits, runs })
    }

    /// What at least so many seeds say that no search has seen, and more of them until the test knows.
    pub fn confirm(&mut self, cell: Set, least: usize) -> Result<Finding, String> {
        let mut count = least;
        loop {
            let found = self.fresh(cell, count)?;
            let asked = count as u64;
            // Where seeds are rare there may be no more.
            if found.verdict != Verdict::Undetermined
                || asked >= self.test.cap
                || found.runs < asked
            {
                return Ok(found);
            }
            count += 1;
        }
    }
}

fn known_hits(outcomes: Option<&Vec<bool>>) -> u64 {
    outcomes.map_or(0, |known| known.iter().filter(|failed| **failed).count() as u64)
}

impl Membership for Judge<'_, '_> {
    fn test(&mut self, cell: Set, effort: Effort, next: &[Set]) -> Result<Finding, Stopped> {
        let found = match effort {
            Effort::Usual => self.usual(&self.test.clone(), cell, next),
            Effort::Thorough => self.usual(&self.test.stricter(), cell, next),
            Effort::Fresh => self.fresh(cell, 2),
        };
        found.map_err(|trouble| {
            self.trouble.get_or_insert(trouble);
            Stopped::Interrupted
        })
    }
}
