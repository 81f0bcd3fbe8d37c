//! Widths, wrapping, numbers and styles.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

/// The styles of a page, by what they mean.
pub struct Paint;

impl Paint {
    /// A heading.
    pub const HEAD: Style = Style::new().bold();
    /// What stands in the background.
    pub const DIM: Style = Style::new().dimmed();
    /// Something good.
    pub const GOOD: Style = AnsiColor::Green.on_default();
    /// Something to look at.
    pub const WARN: Style = AnsiColor::Yellow.on_default();
    /// Something bad.
    pub const BAD: Style = AnsiColor::Red.on_default();
    /// Who does something.
    pub const WHO: Style = AnsiColor::Cyan.on_default();
}

/// `text` in `style`.
pub fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Adds a heading with a rule behind it, as wide as the page.
pub fn heading(page: &mut String, text: &str) {
    let rule = "─".repeat(super::WIDTH.saturating_sub(text.chars().count() + 4));
    let text = paint(Paint::HEAD, text);
    let rule = paint(Paint::DIM, &rule);
    let _ = writeln!(page, "{} {text} {rule}", paint(Paint::DIM, "──"));
}

/// Breaks `text` into lines of at most `width` columns, between words.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Adds `text` wrapped to the page: the first line behind `first`, the others indented by `indent`
/// columns. `first` is as wide as `indent`, styles not counted.
pub fn paragraph(page: &mut String, first: &str, indent: usize, text: &str) {
    let lines = wrap(text, super::WIDTH.saturating_sub(indent).max(20));
    for (n, line) in lines.iter().enumerate() {
        let _ = match n {
            0 => writeln!(page, "{first}{line}"),
            _ => writeln!(page, "{:indent$}{line}", ""),
        };
    }
}

/// Adds a command, broken between words as a shell allows.
pub fn command(page: &mut String, indent: usize, text: &str) {
    let lines = wrap(text, super::WIDTH - indent - 4);
    for (n, line) in lines.iter().enumerate() {
        let (more, end) = (if n > 0 { 2 } else { 0 }, if n + 1 < lines.len() { " \\" } else { "" });
        let _ = writeln!(page, "{:1$}{line}{end}", "", indent + more);
    }
}

/// A whole number with commas: `5,700`.
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A p-value: `p = 0.012`, or `p < 0.001`, for nobody can tell smaller ones from a few dozen runs.
pub fn p_value(p: f64) -> String {
    match p < 0.001 {
        true => "p < 0.001".to_owned(),
        false => format!("p = {p:.3}"),
    }
}

/// A length of time as people say it: `12 d 20 h`, `1 h 21 min`, `31 s`.
pub fn duration(seconds: f64) -> String {
    let whole = seconds.round().max(0.0) as u64;
    let (days, hours) = (whole / 86_400, whole / 3600 % 24);
    let (minutes, seconds) = (whole / 60 % 60, whole % 60);
    match (days, hours, minutes, seconds) {
        (0, 0, 0, s) => format!("{s} s"),
        (0, 0, m, 0) => format!("{m} min"),
        (0, 0, m, s) => format!("{m} min {s} s"),
        (0, h, 0, _) => format!("{h} h"),
        (0, h, m, _) => format!("{h} h {m} min"),
        (d, 0, _, _) => format!("{d} d"),
        (d, h, _, _) => format!("{d} d {h} h"),
    }
}
