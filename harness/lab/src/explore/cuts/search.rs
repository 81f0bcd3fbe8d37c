//! The whole search: look at the corners, enumerate, look for factors that protect, begin again.
//!
//! Beginning again is cheap, for what was judged stays judged. A factor that was seen to protect is
//! turned over; one that was seen to do both is fixed at each of its levels in turn. Each factor
//! changes so at most twice, so the search ends.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::answer::Answer;
use super::implicants::merge;
use super::literal::{Literals, MAX_FACTORS, absorb};
use super::marco::{Boundary, enumerate};
use super::membership::{Membership, Memo, Stopped};
use super::set::Set;
use super::view::{Judge, View};
use super::witness::{self, Witness};
use crate::explore::stats::Verdict;

/// How hard to look for factors that protect though nobody said so.
///
/// A search that assumes that more is worse never looks where it expects to know the answer, so it
/// does not find out on its own that it was wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scrutiny {
    /// Everything on; if that does not fail, each one left out, and each two. Finds one or two
    /// factors that avert every failure.
    #[default]
    Corners,
    /// Also each cut set with each other factor. Finds what averts a cut set that was found: none is
    /// said to hold whatever else does without having been seen to.
    Cuts,
    /// Also each maximal safe set with each of its factors left out. Finds what averts a cut set that
    /// was not.
    Neighbours,
    /// Every cell. Finds everything. For 12 factors at the most, or runs that cost nothing.
    Every,
}

impl Scrutiny {
    /// All of them, the least first.
    pub const ALL: [Scrutiny; 4] =
        [Scrutiny::Corners, Scrutiny::Cuts, Scrutiny::Neighbours, Scrutiny::Every];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Scrutiny::Corners => "corners",
            Scrutiny::Cuts => "cuts",
            Scrutiny::Neighbours => "neighbours",
            Scrutiny::Every => "every",
        }
    }
}

/// What to search with.
#[derive(Clone, Debug)]
pub struct Options {
    /// How often a cell may be judged.
    pub budget: usize,
    /// Factors that are known to protect.
    pub protective: Set,
    /// How hard to look for others.
    pub scrutiny: Scrutiny,
    /// Cells to judge first: rows of a covering array, or what was run anyway.
    pub probes: Vec<Set>,
    /// Whether to judge every cut set once more on fresh seeds, with and without each of its
    /// literals.
    pub confirm: bool,
}

impl Default for Options {
    fn default() -> Self {
        let (protective, scrutiny) = (Set::EMPTY, Scrutiny::default());
        Options { budget: 2000, protective, scrutiny, probes: Vec::new(), confirm: true }
    }
}

/// Finds the cut sets and safe sets of the scenario that `membership` judges, over `factors`
/// factors.
pub fn search(factors: usize, membership: &mut dyn Membership, options: &Options) -> Answer {
    assert!(factors <= MAX_FACTORS, "{factors} factors are more than {MAX_FACTORS}");
    let mut search = Search {
        options,
        all: Set::below(factors),
        memo: Memo::new(membership, options.budget),
        turned: options.protective,
        turned_once: Set::EMPTY,
        both_ways: Set::EMPTY,
        witnesses: Vec::new(),
        unclear: BTreeSet::new(),
        boundaries: BTreeMap::new(),
    };
    let ended = search.run();
    if ended.is_err() {
        search.fall_back();
    }
    search.conclude(ended)
}

/// How many factors are left out at the corners.
const LEFT_OUT_MAX: usize = 2;

/// A search under way.
pub(super) struct Search<'o, 'm> {
    pub(super) options: &'o Options,
    /// All factors.
    pub(super) all: Set,
    pub(super) memo: Memo<'m>,
    /// Those whose absence does the harm.
    pub(super) turned: Set,
    /// Those that were turned over on the way, or turned back.
    turned_once: Set,
    /// Those that do harm in some company and protect in other.
    pub(super) both_ways: Set,
    pub(super) witnesses: Vec<Witness>,
    /// Pairs between which the cells cannot be told.
    pub(super) unclear: BTreeSet<Witness>,
    /// What is known of each view, by the factors fixed in it.
    pub(super) boundaries: BTreeMap<Set, Boundary>,
}

impl<'m> Search<'_, 'm> {
    fn run(&mut self) -> Result<(), Stopped> {
        let mut probes = self.options.probes.clone();
        if self.options.scrutiny == Scrutiny::Every {
            probes.extend(self.all.subsets());
        }
        for n in 0..probes.len() {
            // A window: the list may be the whole lattice.
            self.memo.ask(probes[n], &probes[n + 1..probes.len().min(n + 65)])?;
        }
        while let Some(witness) = self.pass()? {
            self.turn_over(witness);
        }
        Ok(())
    }

    /// Goes through all views once. Stops early where a factor turns out to protect.
    fn pass(&mut self) -> Result<Option<Witness>, Stopped> {
        self.boundaries.clear();
        for view in self.views() {
            self.corners(view)?;
            if let Some(witness) = self.witness(view)? {
                return Ok(Some(witness));
            }
            let (boundary, ended) = enumerate(&mut self.judge(view));
            let neighbours = neighbours(view, &boundary, self.options.scrutiny);
            self.boundaries.insert(view.fixed, boundary);
            ended?;
            self.judge(view).ask_all(&neighbours)?;
        }
        for cut in self.cuts() {
            for cell in self.cells(cut) {
                self.memo.ask(cell, &[])?;
            }
        }
        for view in self.views() {
            if let Some(witness) = self.witness(view)? {
                return Ok(Some(witness));
            }
        }
        Ok(None)
    }

    /// Everything on. Where that does not fail, either nothing does or something protects: so each
    /// one left out, and each two, until something fails.
    fn corners(&mut self, view: View) -> Result<(), Stopped> {
        let less = |set: Set| set.iter().map(move |element| set.without(element));
        let mut layer = BTreeSet::from([view.free]);
        for _ in 0..=LEFT_OUT_MAX {
            self.judge(view).ask_all(&layer.iter().copied().collect::<Vec<_>>())?;
            if self.memo.verdicts().any(|(_, verdict)| verdict == Verdict::Fail) {
                break;
            }
            layer = layer.into_iter().flat_map(less).collect();
        }
        Ok(())
    }

    fn witness(&mut self, view: View) -> Result<Option<Witness>, Stopped> {
        witness::find(&mut Judge { view, memo: &mut self.memo }, &mut self.unclear)
    }

    fn turn_over(&mut self, witness: Witness) {
        let factor = Set::from_iter(witness.factor);
        if factor.is_subset(self.turned_once) {
            self.both_ways = self.both_ways | factor;
        }
        self.turned_once = self.turned_once | factor;
        self.turned = self.turned ^ factor;
        self.witnesses.push(witness);
    }

    /// What can be said without judging another cell.
    fn fall_back(&mut self) {
        self.memo.close();
        for view in self.views() {
            let (boundary, _) = enumerate(&mut self.judge(view));
            self.boundaries.insert(view.fixed, boundary);
        }
    }

    pub(super) fn views(&self) -> Vec<View> {
        let free = self.all - self.both_ways;
        let turned = self.turned & free;
        self.both_ways.subsets().map(|fixed| View { free, turned, fixed }).collect()
    }

    pub(super) fn judge(&mut self, view: View) -> Judge<'_, 'm> {
        Judge { view, memo: &mut self.memo }
    }

    /// The cut sets of all views together.
    pub(super) fn cuts(&self) -> Vec<Literals> {
        let of = |view: &View| {
            let cuts = self.boundaries.get(&view.fixed).map_or(&[][..], |found| &found.cuts);
            (view.fixed, cuts.iter().map(|cut| view.literals(*cut)).collect())
        };
        absorb(merge(self.both_ways, self.views().iter().map(of).collect()))
    }
}

/// The sets just across the boundary of a view: where the search would not look.
fn neighbours(view: View, boundary: &Boundary, scrutiny: Scrutiny) -> Vec<Set> {
    let less = |set: &Set| {
        let set = *set;
        set.iter().map(move |element| set.without(element))
    };
    let more = |set: &Set| {
        let set = *set;
        (view.free - set).iter().map(move |element| set.with(element))
    };
    let safe = boundary.safe.iter().filter(|_| scrutiny >= Scrutiny::Neighbours);
    let cuts = boundary.cuts.iter().filter(|_| scrutiny >= Scrutiny::Cuts);
    safe.flat_map(less).chain(cuts.flat_map(more)).collect()
}
