//! Going on with a sweep's file.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use serde::de::DeserializeOwned;

use super::line::{Key, Line};

/// What a file already holds.
#[derive(Debug)]
pub struct Kept {
    /// The runs of the same scenario, build and settings.
    pub lines: Vec<Line>,
    /// How many lines are of others.
    pub others: usize,
    /// The file, to be written at its end.
    pub file: File,
}

/// Why a sweep cannot go on with a file.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    /// The file cannot be opened, read or cut.
    #[error("--out {path}: {error}")]
    Io {
        /// The file.
        path: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// A line of something else: the file is probably somebody's.
    #[error("--out {path}, line {line}: this is not a line of {what} ({error}); name another file")]
    Foreign {
        /// The file.
        path: String,
        /// The line, counted from 1.
        line: usize,
        /// What the lines should be of: `a sweep`.
        what: &'static str,
        /// What is wrong with it.
        error: serde_json::Error,
    },
}

/// The lines of a file, and the file, to be written at its end.
pub(crate) struct Lines<T> {
    pub all: Vec<T>,
    pub file: File,
}

/// Opens a file with one line of JSON each, or makes it, and reads what is there. A last line without
/// its end is what a program that was killed leaves behind: it is cut off. `what` the lines are of is
/// told where they are not.
///
/// # Errors
/// See [`ResumeError`].
pub(crate) fn lines<T: DeserializeOwned>(
    path: &Path,
    what: &'static str,
) -> Result<Lines<T>, ResumeError> {
    let shown = path.display().to_string();
    let io = |error| ResumeError::Io { path: shown.clone(), error };
    let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
    let mut file = options.map_err(io)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(io)?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let mut all = Vec::new();
    for (n, text) in bytes[..whole].split(|byte| *byte == b'\n').enumerate() {
        if text.trim_ascii().is_empty() {
            continue;
        }
        all.push(serde_json::from_slice(text).map_err(|error| ResumeError::Foreign {
            path: shown.clone(),
            line: n + 1,
            what,
            error,
        })?);
    }
    // Only what begins like a line is one that was cut short; anything else is somebody's file.
    if whole < bytes.len() {
        if bytes[whole] != b'{' {
            let error = serde::de::Error::custom("it does not end");
            let line = bytes[..whole].iter().filter(|byte| **byte == b'\n').count() + 1;
            return Err(ResumeError::Foreign { path: shown, line, what, error });
        }
        file.set_len(whole as u64).map_err(io)?;
    }
    file.seek(SeekFrom::End(0)).map_err(io)?;
    Ok(Lines { all, file })
}

/// Opens a sweep's file, or makes it, and reads what is there.
///
/// # Errors
/// See [`ResumeError`].
pub fn open(path: &Path, key: &Key) -> Result<Kept, ResumeError> {
    let Lines { all, file } = lines::<Line>(path, "a sweep")?;
    let count = all.len();
    let lines: Vec<Line> = all.into_iter().filter(|line| line.key == *key).collect();
    Ok(Kept { others: count - lines.len(), lines, file })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::outcome::sample;

    fn path(name: &str) -> std::path::PathBuf {
        std::env::temp_dir().join(format!("anatomy-resume-{}-{name}", std::process::id()))
    }

    #[test]
    fn a_killed_sweep_goes_on_after_its_last_whole_line() {
        let path = path("killed");
        let request = sample::request();
        let key = Key::of(&request, "build");
        let line = Line::of(key.clone(), &sample::outcome(&request));
        let text = serde_json::to_string(&line).expect("JSON");
        let other = text.replace("\"build\":\"build\"", "\"build\":\"another\"");
        std::fs::write(&path, format!("{text}\n{other}\n{}", &text[..40])).expect("a file");
        let mut kept = open(&path, &key).expect("a sweep");
        assert_eq!((kept.lines.len(), kept.others), (1, 1));
        assert_eq!(kept.lines[0].key, key);
        writeln!(kept.file, "{text}").expect("room");
        drop(kept);
        assert_eq!(open(&path, &key).expect("a sweep").lines.len(), 2);
        std::fs::remove_file(&path).expect("the file");
    }

    #[test]
    fn somebody_else_s_file_is_not_touched() {
        let path = path("other");
        for text in ["hello\n", "hello", "{}\n"] {
            std::fs::write(&path, text).expect("a file");
            let error = open(&path, &Key::of(&sample::request(), "build")).expect_err(text);
            assert!(error.to_string().contains("line 1: this is not a line of a sweep"), "{error}");
            assert_eq!(std::fs::read_to_string(&path).expect("the file"), text);
        }
        std::fs::remove_file(&path).expect("the file");
    }
}
