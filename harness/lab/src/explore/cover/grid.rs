//! Factors, their levels, and combinations that cannot be.

use serde::Serialize;

/// The level of every factor.
pub type Row = Vec<usize>;

/// Levels of some factors: (factor, level), by ascending factor.
pub type Tuple = Vec<(usize, usize)>;

/// What there is to combine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Grid {
    /// How many levels each factor has.
    pub levels: Vec<usize>,
    /// Combinations of levels that must not be in any row.
    pub forbidden: Vec<Tuple>,
}

impl Grid {
    /// Factors with so many levels each, and nothing forbidden. Panics where a factor has no level.
    pub fn new(levels: Vec<usize>) -> Self {
        assert!(!levels.contains(&0), "a factor has at least one level");
        Grid { levels, forbidden: Vec::new() }
    }

    /// With one more combination that cannot be. Panics where there is no such factor or level.
    pub fn forbid(mut self, combination: impl IntoIterator<Item = (usize, usize)>) -> Self {
        let mut tuple: Tuple = combination.into_iter().collect();
        tuple.sort_unstable();
        for (factor, level) in &tuple {
            assert!(*level < self.levels[*factor], "factor {factor} has no level {level}");
        }
        self.forbidden.push(tuple);
        self
    }

    /// Whether `row` is a row of this grid with nothing forbidden in it.
    pub fn allows(&self, row: &[usize]) -> bool {
        let fits = row.len() == self.levels.len()
            && row.iter().zip(&self.levels).all(|(level, levels)| level < levels);
        fits && !self.forbidden.iter().any(|tuple| tuple.iter().all(|(f, level)| row[*f] == *level))
    }

    /// Whether the levels chosen so far can be completed to a row.
    pub fn is_feasible(&self, chosen: &mut [Option<usize>]) -> bool {
        let holds = |tuple: &Tuple| tuple.iter().all(|(f, level)| chosen[*f] == Some(*level));
        if self.forbidden.iter().any(holds) {
            return false;
        }
        // Only a combination that could still come about asks for a decision.
        let threat = self
            .forbidden
            .iter()
            .find(|tuple| tuple.iter().all(|(f, level)| chosen[*f].is_none_or(|at| at == *level)));
        let Some(factor) = threat.and_then(|t| t.iter().find(|(f, _)| chosen[*f].is_none())) else {
            return true;
        };
        let (factor, levels) = (factor.0, self.levels[factor.0]);
        let found = (0..levels).any(|level| {
            chosen[factor] = Some(level);
            self.is_feasible(chosen)
        });
        chosen[factor] = None;
        found
    }

    /// Whether any row can hold `tuple`.
    pub fn can_hold(&self, tuple: &[(usize, usize)]) -> bool {
        let mut chosen = vec![None; self.levels.len()];
        for (factor, level) in tuple {
            chosen[*factor] = Some(*level);
        }
        self.is_feasible(&mut chosen)
    }
}

/// Every choice of `t` factors out of `n`, each ascending.
pub fn choices(n: usize, t: usize) -> Vec<Vec<usize>> {
    if t == 0 {
        return vec![Vec::new()];
    }
    let up_to = |last: usize| {
        let shorter = choices(last, t - 1).into_iter();
        shorter.map(move |choice| [choice, vec![last]].concat())
    };
    (t - 1..n).flat_map(up_to).collect()
}

/// Every combination of the levels of `factors`.
pub fn combinations(grid: &Grid, factors: &[usize]) -> Vec<Tuple> {
    factors.iter().fold(vec![Vec::new()], |tuples, factor| {
        let with = |tuple: &Tuple| {
            let tuple = tuple.clone();
            (0..grid.levels[*factor]).map(move |level| [&tuple[..], &[(*factor, level)]].concat())
        };
        tuples.iter().flat_map(with).collect()
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn choices_and_combinations_are_complete() {
        assert_eq!(choices(4, 2), [[0, 1], [0, 2], [1, 2], [0, 3], [1, 3], [2, 3]]);
        assert_eq!((choices(10, 3).len(), choices(2, 3).len()), (120, 0));
        let grid = Grid::new(vec![2, 3]);
        assert_eq!(combinations(&grid, &[0, 1]).len(), 6);
        assert_eq!(combinations(&grid, &[1])[2], [(1, 2)]);
    }

    fn constrained() -> impl Strategy<Value = Grid> {
        let tuple = prop::collection::btree_map(0..4usize, 0..2usize, 1..4);
        prop::collection::vec(tuple, 0..6).prop_map(|forbidden| {
            forbidden.into_iter().fold(Grid::new(vec![2, 2, 3, 2]), Grid::forbid)
        })
    }

    proptest! {
        /// Against looking at all 24 rows.
        #[test]
        fn a_tuple_is_feasible_if_some_allowed_row_holds_it(grid in constrained()) {
            let rows: Vec<Row> = combinations(&grid, &[0, 1, 2, 3])
                .iter()
                .map(|tuple| tuple.iter().map(|(_, level)| *level).collect())
                .filter(|row: &Row| grid.allows(row))
                .collect();
            for factors in (0..=4).flat_map(|t| choices(4, t)) {
                for tuple in combinations(&grid, &factors) {
                    let holds = |row: &Row| tuple.iter().all(|(f, level)| row[*f] == *level);
                    prop_assert_eq!(grid.can_hold(&tuple), rows.iter().any(holds), "{:?}", tuple);
                }
            }
        }
    }
}
