//! Tables that fit a page: columns are as wide as what is in them, and the last one wraps.

use super::text::{Paint, wrap};

/// A table with a heading for each column.
pub struct Table {
    heads: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

/// Columns in front of the table, and between its columns.
const INDENT: usize = 2;
const GAP: usize = 2;
/// The last column is no narrower than this, whatever it costs.
const LAST_MIN: usize = 20;

impl Table {
    /// An empty table with these columns.
    pub fn new(heads: &[&'static str]) -> Self {
        Table { heads: heads.to_vec(), rows: Vec::new() }
    }

    /// Adds a row: a cell for each column, without line breaks or styles.
    ///
    /// # Panics
    /// If there are more or fewer.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells: Vec<String> = cells.into_iter().collect();
        assert_eq!(cells.len(), self.heads.len(), "a cell for each column");
        self.rows.push(cells);
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as text.
    pub fn text(&self) -> String {
        let last = self.heads.len() - 1;
        let widths: Vec<usize> = (0..last)
            .map(|n| {
                let cells = self.rows.iter().map(|row| row[n].chars().count());
                cells.chain([self.heads[n].chars().count()]).max().unwrap_or(0)
            })
            .collect();
        let before: usize = INDENT + widths.iter().map(|width| width + GAP).sum::<usize>();
        let room = super::WIDTH.saturating_sub(before).max(LAST_MIN);
        let (dim, head) = (Paint::DIM, self.heads.iter().map(|head| (*head).to_owned()));
        let mut page = format!("{dim}{}{dim:#}\n", line(&widths, &head.collect::<Vec<_>>()));
        for row in &self.rows {
            let mut wrapped = wrap(&row[last], room).into_iter();
            let mut cells = row.clone();
            cells[last] = wrapped.next().unwrap_or_default();
            page += &format!("{}\n", line(&widths, &cells));
            for more in wrapped {
                page += &format!("{:before$}{more}\n", "");
            }
        }
        page
    }
}

fn line(widths: &[usize], cells: &[String]) -> String {
    let mut line = " ".repeat(INDENT);
    for (width, cell) in widths.iter().zip(cells) {
        line += &format!("{cell:width$}{:GAP$}", "");
    }
    line += cells.last().map_or("", String::as_str);
    line.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;

    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_is_in_them_and_the_last_one_wraps() {
        let mut table = Table::new(&["factor", "to", "what changes"]);
        table.row(["linkerd".to_owned(), "1.0.0".to_owned(), "nothing ".repeat(15)]);
        table.row(["e".to_owned(), "a longer level".to_owned(), "little".to_owned()]);
        let text = strip_str(&table.text()).to_string();
        assert!(text.lines().all(|line| line.chars().count() <= crate::narrate::WIDTH), "{text}");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "  factor   to              what changes");
        assert!(lines[1].starts_with("  linkerd  1.0.0           nothing nothing"));
        assert!(lines[2].starts_with("                           nothing"), "{text}");
        assert_eq!(lines.last(), Some(&"  e        a longer level  little"));
    }
}
