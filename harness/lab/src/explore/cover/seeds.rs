//! The rows to begin with.

use serde::Serialize;

use super::grid::{Grid, Row};

/// Rows, those that can be and those that cannot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Seeds {
    /// To begin with.
    pub rows: Vec<Row>,
    /// Not possible because something in them is forbidden: what they would have shown stays
    /// unknown.
    pub impossible: Vec<Row>,
}

/// Every factor at level 0 (its default), every factor at its level in `on`, and that with each
/// factor back at level 0. One cut set alone, however large, shows among them: all rows fail but
/// those that leave one of its factors out.
pub fn seeds(grid: &Grid, on: &[usize]) -> Seeds {
    let default = vec![0; on.len()];
    let one_out = (0..on.len()).map(|factor| {
        let mut row = on.to_vec();
        row[factor] = 0;
        row
    });
    let mut seeds = Seeds::default();
    for row in [default, on.to_vec()].into_iter().chain(one_out) {
        let side = if grid.allows(&row) { &mut seeds.rows } else { &mut seeds.impossible };
        if !side.contains(&row) {
            side.push(row);
        }
    }
    seeds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rows_are_all_off_all_on_and_each_one_out() {
        let seeds = seeds(&Grid::new(vec![2, 3, 2]), &[1, 2, 1]);
        let rows = [[0, 0, 0], [1, 2, 1], [0, 2, 1], [1, 0, 1], [1, 2, 0]];
        assert_eq!((seeds.rows, seeds.impossible), (rows.map(Vec::from).to_vec(), vec![]));
    }

    #[test]
    fn rows_that_cannot_be_are_said_and_not_passed_over() {
        let grid = Grid::new(vec![2, 2]).forbid([(0, 1), (1, 1)]);
        let seeds = seeds(&grid, &[1, 1]);
        assert_eq!(seeds.rows, [[0, 0], [0, 1], [1, 0]]);
        assert_eq!(seeds.impossible, [[1, 1]]);
    }
}
