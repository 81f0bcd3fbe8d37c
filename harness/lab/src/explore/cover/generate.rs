//! Rows that cover every tuple: greedy, one row at a time.
//!
//! After AETG (Cohen, Dalal, Fredman and Patton, IEEE Transactions on Software Engineering 23,
//! 1997): several candidates for the next row, each built factor by factor in an order of its own,
//! each factor at the level that covers most of what is left; the best candidate becomes the row.
//! The orders come from a stream keyed by row and candidate, so the same grid always gets the same
//! rows.

use harness_env::rng::{Rng, derive, derive_n};

use super::grid::{Grid, Row, choices, combinations};

/// Candidates for each row: as many as AETG tried.
const CANDIDATES: u64 = 50;

/// Rows that hold every tuple of `strength` factors that any row can hold, those of `seeds` first.
/// Panics where a seed is no row of the grid.
pub fn generate(grid: &Grid, strength: usize, seeds: &[Row]) -> Vec<Row> {
    assert!(seeds.iter().all(|row| grid.allows(row)), "a row to begin with must be possible");
    let mut left = Left::new(grid, strength);
    let mut rows = Vec::new();
    for row in seeds {
        left.cover(row);
        rows.push(row.clone());
    }
    while left.count > 0 {
        let candidate =
            |n| left.candidate(derive_n(derive_n(derive(0, "cover"), rows.len() as u64), n));
        let candidates = (0..CANDIDATES).map(candidate);
        let best = candidates.rev().max_by_key(|row| left.gain(row)).expect("there are candidates");
        left.cover(&best);
        rows.push(best);
    }
    rows
}

/// What is not covered yet.
struct Left<'g> {
    grid: &'g Grid,
    /// Every choice of factors, and whether each combination of their levels is to be covered.
    choices: Vec<(Vec<usize>, Vec<bool>)>,
    /// The choices that each factor is in.
    of_factor: Vec<Vec<usize>>,
    count: usize,
}

impl<'g> Left<'g> {
    fn new(grid: &'g Grid, strength: usize) -> Self {
        let wanted = |factors: Vec<usize>| {
            let tuples = combinations(grid, &factors);
            let feasible = |tuple| grid.forbidden.is_empty() || grid.can_hold(tuple);
            let wanted: Vec<bool> = tuples.iter().map(|tuple| feasible(tuple)).collect();
            (factors, wanted)
        };
        let choices: Vec<_> =
            choices(grid.levels.len(), strength).into_iter().map(wanted).collect();
        let mut of_factor = vec![Vec::new(); grid.levels.len()];
        for (n, (factors, _)) in choices.iter().enumerate() {
            factors.iter().for_each(|factor| of_factor[*factor].push(n));
        }
        let count = choices.iter().map(|(_, wanted)| count(wanted)).sum();
        Left { grid, choices, of_factor, count }
    }

    /// The number of a combination among those of its factors, as [`combinations`] lists them;
    /// nothing while a level is missing.
    fn number(&self, factors: &[usize], level: impl Fn(usize) -> Option<usize>) -> Option<usize> {
        factors
            .iter()
            .try_fold(0, |n, factor| Some(n * self.grid.levels[*factor] + level(*factor)?))
    }

    fn cover(&mut self, row: &Row) {
        for n in 0..self.choices.len() {
            let number = self.number(&self.choices[n].0, |factor| Some(row[factor]));
            let wanted = &mut self.choices[n].1[number.expect("a row has every level")];
            self.count -= usize::from(std::mem::take(wanted));
        }
    }

    fn gain(&self, row: &Row) -> usize {
        let newly = |(factors, wanted): &&(Vec<usize>, Vec<bool>)| {
            self.number(factors, |factor| Some(row[factor])).is_some_and(|n| wanted[n])
        };
        self.choices.iter().filter(newly).count()
    }

    /// A row that covers at least one tuple that is left, and as many as comes easily.
    fn candidate(&self, key: u64) -> Row {
        let mut rng = Rng::from_key(key);
        let mut chosen = vec![None; self.grid.levels.len()];
        let open: Vec<usize> =
            (0..self.choices.len()).filter(|n| count(&self.choices[*n].1) > 0).collect();
        let (factors, wanted) = &self.choices[*rng.pick(&open).expect("something is left")];
        let tuples = combinations(self.grid, factors);
        let tuples: Vec<_> = tuples.iter().zip(wanted).filter(|(_, wanted)| **wanted).collect();
        let (start, _) = rng.pick(&tuples).expect("something is left of this choice");
        start.iter().for_each(|(factor, level)| chosen[*factor] = Some(*level));

        let mut order: Vec<usize> = (0..chosen.len()).filter(|f| chosen[*f].is_none()).collect();
        rng.shuffle(&mut order);
        for factor in order {
            chosen[factor] = Some(self.level(factor, &mut chosen, &mut rng));
        }
        chosen.into_iter().map(|level| level.expect("every factor was given a level")).collect()
    }

    /// The level of `factor` that covers most together with the levels chosen so far; of equals,
    /// any.
    fn level(&self, factor: usize, chosen: &mut [Option<usize>], rng: &mut Rng) -> usize {
        let mut best: (usize, Vec<usize>) = (0, Vec::new());
        for level in 0..self.grid.levels[factor] {
            chosen[factor] = Some(level);
            if !self.grid.is_feasible(chosen) {
                continue;
            }
            let newly = |n: &&usize| {
                let (factors, wanted) = &self.choices[**n];
                self.number(factors, |factor| chosen[factor]).is_some_and(|number| wanted[number])
            };
            let gain = self.of_factor[factor].iter().filter(newly).count();
            if best.1.is_empty() || gain > best.0 {
                best = (gain, Vec::new());
            }
            if gain == best.0 {
                best.1.push(level);
            }
        }
        *rng.pick(&best.1).expect("what was chosen so far can be completed")
    }
}

fn count(wanted: &[bool]) -> usize {
    wanted.iter().filter(|wanted| **wanted).count()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::super::{Tuple, measure, seeds};
    use super::*;

    fn rows(levels: Vec<usize>, strength: usize) -> usize {
        let grid = Grid::new(levels);
        let rows = generate(&grid, strength, &[]);
        assert!(measure(&grid, strength, &rows).is_proven());
        rows.len()
    }

    /// The least size for pairs of two levels is known exactly (Rényi; Katona; Kleitman and
    /// Spencer, 1973): the least n with C(n − 1, ⌈n / 2⌉) at least the number of factors, so 5, 6,
    /// 7, 8 for 4, 10, 15, 35. Greedy rows are at most two thirds more.
    #[test]
    fn pairs_of_two_levels_take_at_most_two_thirds_more_than_the_least_possible() {
        for (factors, least) in [(4, 5), (10, 6), (15, 7), (35, 8)] {
            let rows = rows(vec![2; factors], 2);
            assert!(least <= rows && 3 * rows <= 5 * least, "{factors} factors: {rows}");
        }
    }

    /// For triples of two levels 12 rows are the least for 6 to 11 factors (Colbourn's tables).
    #[test]
    fn triples_of_two_levels_take_at_most_two_thirds_more_than_the_least_possible() {
        let rows = rows(vec![2; 10], 3);
        assert!((12..=20).contains(&rows), "{rows}");
    }

    /// The usual benchmarks (pairwise.org/efficiency.html): 14 generators take 9 to 11, 15 to 23,
    /// 21 to 33 rows.
    #[test]
    fn the_usual_benchmarks_take_as_many_rows_as_with_other_generators() {
        assert!((9..=10).contains(&rows(vec![3; 4], 2)));
        assert!((15..=19).contains(&rows(vec![3; 13], 2)));
        let mixed = [vec![4; 1], vec![3; 39], vec![2; 35]].concat();
        assert!((21..=30).contains(&rows(mixed, 2)));
    }

    /// What a first greedy prototype took for factors with two levels: at most a tenth more.
    #[test]
    fn arrays_are_within_a_tenth_of_the_expected_sizes() {
        for (factors, pairs, triples) in
            [(7, 8, 15), (10, 9, 19), (12, 9, 22), (16, 11, 27), (20, 12, 32)]
        {
            let (two, three) = (rows(vec![2; factors], 2), rows(vec![2; factors], 3));
            assert!(
                two * 10 <= pairs * 11 && three * 10 <= triples * 11,
                "{factors}: {two}, {three}"
            );
        }
    }

    #[test]
    fn the_same_grid_gets_the_same_rows() {
        let grid = Grid::new(vec![2, 3, 4, 2]);
        assert_eq!(generate(&grid, 2, &[]), generate(&grid, 2, &[]));
    }

    #[test]
    fn less_factors_than_the_strength_need_only_what_was_begun_with() {
        let grid = Grid::new(vec![2, 2]);
        assert_eq!(generate(&grid, 3, &[vec![1, 1]]), [[1, 1]]);
    }

    fn grid() -> impl Strategy<Value = Grid> {
        let tuple = prop::collection::btree_map(0..5usize, 0..2usize, 2..4);
        let forbidden = prop::collection::vec(tuple, 0..5);
        (prop::collection::vec(2..4usize, 5..7), forbidden).prop_map(|(levels, forbidden)| {
            forbidden.into_iter().fold(Grid::new(levels), Grid::forbid)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn every_feasible_tuple_is_covered_and_nothing_forbidden(
            grid in grid(), strength in 2..=3usize,
        ) {
            let on: Row = grid.levels.iter().map(|levels| levels - 1).collect();
            let begun = seeds(&grid, &on);
            let rows = generate(&grid, strength, &begun.rows);
            prop_assert_eq!(&rows[..begun.rows.len()], &begun.rows[..]);
            let coverage = measure(&grid, strength, &rows);
            prop_assert!(coverage.is_proven(), "{:?}", coverage);
        }

        /// Against looking at every row that there could be, with nothing of the grid's own judgement.
        #[test]
        fn with_constraints_the_array_shows_what_allowed_rows_show_and_the_rest_is_reported(
            grid in grid(), strength in 2..=3usize,
        ) {
            let factors: Vec<usize> = (0..grid.levels.len()).collect();
            let holds = |row: &Row, tuple: &Tuple| tuple.iter().all(|(f, level)| row[*f] == *level);
            let is_free = |row: &Row| !grid.forbidden.iter().any(|tuple| holds(row, tuple));
            let mut every: Vec<Row> = combinations(&grid, &factors)
                .iter()
                .map(|tuple| tuple.iter().map(|(_, level)| *level).collect())
                .collect();
            every.retain(is_free);
            let shown = |rows: &[Row]| -> BTreeSet<Tuple> {
                let choices = choices(grid.levels.len(), strength);
                let of = |row: &Row| {
                    let tuple = |some: &Vec<usize>| some.iter().map(|f| (*f, row[*f])).collect();
                    choices.iter().map(tuple).collect::<Vec<Tuple>>()
                };
                rows.iter().flat_map(of).collect()
            };

            let on: Row = grid.levels.iter().map(|levels| levels - 1).collect();
            let begun = seeds(&grid, &on);
            prop_assert!(begun.rows.iter().all(is_free), "{:?}", begun);
            prop_assert!(!begun.impossible.iter().any(is_free), "{:?}", begun);
            let rows = generate(&grid, strength, &begun.rows);
            prop_assert!(rows.iter().all(is_free), "{:?}", rows);
            let possible = shown(&every);
            prop_assert_eq!(&shown(&rows), &possible);

            let coverage = measure(&grid, strength, &rows);
            prop_assert_eq!(coverage.covered, possible.len());
            let reported: BTreeSet<Tuple> = coverage.impossible.into_iter().collect();
            let all = choices(grid.levels.len(), strength);
            let all = all.iter().flat_map(|some| combinations(&grid, some));
            let rest: BTreeSet<Tuple> = all.filter(|tuple| !possible.contains(tuple)).collect();
            prop_assert_eq!(reported, rest);
        }
    }
}
