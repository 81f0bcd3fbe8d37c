//! Markdown: lists, tables and commands, with what would begin markup escaped.

use std::fmt::Write as _;

/// A heading.
pub fn heading(page: &mut String, title: &str) {
    let _ = writeln!(page, "## {title}\n");
}

/// A list under a heading; nothing where there is nothing to list.
pub fn section(page: &mut String, title: &str, items: impl IntoIterator<Item = String>) {
    let items: Vec<String> = items.into_iter().collect();
    if !items.is_empty() {
        heading(page, title);
        list(page, items);
    }
}

/// A list.
pub fn list(page: &mut String, items: impl IntoIterator<Item = String>) {
    for item in items {
        let _ = writeln!(page, "- {}", line(&item));
    }
    page.push('\n');
}

/// A table; nothing where it has no rows.
pub fn table(page: &mut String, heads: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
    let mut rows = rows.into_iter().peekable();
    if rows.peek().is_none() {
        return;
    }
    let _ = writeln!(page, "| {} |\n|{}", heads.join(" | "), "---|".repeat(heads.len()));
    for row in rows {
        let cells: Vec<String> = row.iter().map(|text| cell(text)).collect();
        let _ = writeln!(page, "| {} |", cells.join(" | "));
    }
    page.push('\n');
}

/// Commands, each with what it plays.
pub fn commands(page: &mut String, commands: impl IntoIterator<Item = (String, String)>) {
    let mut any = false;
    for (what, command) in commands.into_iter().filter(|(_, command)| !command.is_empty()) {
        let _ = writeln!(page, "- {}: `{command}`", line(&what));
        any = true;
    }
    if any {
        page.push('\n');
    }
}

/// Text in a line: what would begin markup is escaped.
pub fn line(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '\n' | '\r' => escaped.push(' '),
            '\\' | '`' | '*' | '_' | '<' | '>' | '[' | ']' => escaped.extend(['\\', c]),
            _ => escaped.push(c),
        }
    }
    escaped
}

/// Text in a cell of a table.
fn cell(text: &str) -> String {
    line(text).replace('|', "\\|")
}
