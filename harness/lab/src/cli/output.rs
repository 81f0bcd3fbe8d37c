//! Where text goes. Styles are dropped where nobody would see them (no terminal, `NO_COLOR`), and a
//! reader who has gone (`anatomy list | head`) is no reason to fail.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A result.
pub fn say(text: &str) {
    let _ = anstream::stdout().write_all(text.as_bytes());
}

/// A message.
pub fn complain(text: &str) {
    let _ = anstream::stderr().write_all(text.as_bytes());
}

/// Bytes to a file, or to standard output where it is called `-`.
pub fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if path.as_os_str() == "-" {
        say(&String::from_utf8_lossy(bytes));
        return Ok(());
    }
    std::fs::write(path, bytes)
}

/// A bar for `len` things to do, on a terminal only.
pub fn bar(len: usize, what: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(len as u64);
    let template = "{msg} {wide_bar} {pos}/{len} · {per_sec} · {eta} to go";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_message(what.to_owned());
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}

/// A sign of life for one thing to do, on a terminal only.
pub fn spinner(what: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let spinner = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
        spinner.set_style(style);
    }
    spinner.set_message(what.to_owned());
    spinner.enable_steady_tick(Duration::from_millis(200));
    spinner
}
