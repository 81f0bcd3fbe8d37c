//! What a set of rows covers, found by looking for every tuple in every row.

use serde::Serialize;

use super::grid::{Grid, Row, Tuple, choices, combinations};

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// How many factors a tuple has.
    pub strength: usize,
    /// How many tuples are in some row.
    pub covered: usize,
    /// The tuples that could be in a row and are in none.
    pub uncovered: Vec<Tuple>,
    /// The tuples that no row can hold.
    pub impossible: Vec<Tuple>,
    /// The numbers of the rows that are not of this grid or hold something forbidden. They cover
    /// nothing.
    pub invalid: Vec<usize>,
}

impl Coverage {
    /// Whether every tuple that can be is in some row, and every row is sound.
    pub fn is_proven(&self) -> bool {
        self.uncovered.is_empty() && self.invalid.is_empty()
    }
}

/// Which combinations of levels of `strength` factors are in `rows`.
pub fn measure(grid: &Grid, strength: usize, rows: &[Row]) -> Coverage {
    let (mut covered, mut uncovered, mut impossible) = (0, Vec::new(), Vec::new());
    let invalid: Vec<usize> = (0..rows.len()).filter(|n| !grid.allows(&rows[*n])).collect();
    let sound: Vec<&Row> = rows.iter().filter(|row| grid.allows(row)).collect();
    for factors in choices(grid.levels.len(), strength) {
        for tuple in combinations(grid, &factors) {
            let holds = |row: &&Row| tuple.iter().all(|(factor, level)| row[*factor] == *level);
            if sound.iter().any(holds) {
                covered += 1;
            } else if grid.can_hold(&tuple) {
                uncovered.push(tuple);
            } else {
                impossible.push(tuple);
            }
        }
    }
    Coverage { strength, covered, uncovered, impossible, invalid }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The orthogonal array L4.
    const L4: [[usize; 3]; 4] = [[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]];

    #[test]
    fn an_orthogonal_array_covers_every_pair_and_half_of_the_triples() {
        let (grid, rows) = (Grid::new(vec![2; 3]), L4.map(Vec::from));
        let pairs = measure(&grid, 2, &rows);
        assert!(pairs.is_proven() && pairs.covered == 12);
        let triples = measure(&grid, 3, &rows);
        assert_eq!((triples.covered, triples.uncovered.len(), triples.is_proven()), (4, 4, false));
    }

    #[test]
    fn what_is_missing_is_named() {
        let (grid, rows) = (Grid::new(vec![2; 3]), L4[..3].iter().map(|row| row.to_vec()));
        let coverage = measure(&grid, 2, &rows.collect::<Vec<_>>());
        let missing: Vec<Tuple> =
            vec![vec![(0, 1), (1, 1)], vec![(0, 1), (2, 0)], vec![(1, 1), (2, 0)]];
        assert_eq!((coverage.covered, coverage.uncovered), (9, missing));
    }

    #[test]
    fn rows_that_cannot_be_cover_nothing() {
        let grid = Grid::new(vec![2; 3]).forbid([(0, 1), (1, 1)]);
        let rows = [L4.map(Vec::from).to_vec(), vec![vec![0, 0], vec![0, 0, 7]]].concat();
        let coverage = measure(&grid, 2, &rows);
        assert_eq!(coverage.invalid, [3, 4, 5]);
        assert_eq!(coverage.impossible, [[(0, 1), (1, 1)]]);
        assert_eq!(coverage.uncovered.len(), 2);
    }
}
