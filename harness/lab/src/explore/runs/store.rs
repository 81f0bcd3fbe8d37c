//! The file of rows, and the trails beside it.
//!
//! Rows are only added, a whole line at a time, so a program that is killed loses at most the run that
//! it was playing. The name of the file says the program and the text of the scenario: a change to
//! either begins a new one. One program at a time writes to it.

use std::fs::{File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::question::Ask;
use super::row::Row;
use crate::Scenario;
use crate::outcome::trail;
use crate::sweep::{Lines, ResumeError, lines};

/// Why there is no store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file is not one of rows, or cannot be read.
    #[error(transparent)]
    Lines(#[from] ResumeError),
    /// The folder cannot be made or written to.
    #[error("--out {path}: {error}")]
    Io {
        /// The folder or file.
        path: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// Another program has it.
    #[error("--out {path}: another analysis is writing there; wait for it, or name another folder")]
    InUse {
        /// The file.
        path: String,
    },
}

/// What was played so far with one program and one scenario.
pub struct Store {
    scenario: Arc<Scenario>,
    build: String,
    folder: PathBuf,
    path: PathBuf,
    file: File,
    rows: Vec<Arc<Row>>,
}

impl Store {
    /// Opens the store of a scenario and the program whose hash is `build` in a folder, or makes both.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn open(folder: &Path, scenario: &Arc<Scenario>, build: &str) -> Result<Self, StoreError> {
        let shown = |path: &Path| path.display().to_string();
        std::fs::create_dir_all(folder)
            .map_err(|error| StoreError::Io { path: shown(folder), error })?;
        let name = format!("{}-{}-{build}.jsonl", scenario.name, scenario.text());
        let path = folder.join(name);
        let Lines { all, file } = lines::<Row>(&path, "stored runs")?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::InUse { path: shown(&path) }),
            Err(TryLockError::Error(error)) => {
                return Err(StoreError::Io { path: shown(&path), error });
            }
        }
        let rows = all.into_iter().map(Arc::new).collect();
        let (scenario, build, folder) = (scenario.clone(), build.to_owned(), folder.to_owned());
        Ok(Store { scenario, build, folder, path, file, rows })
    }

    /// The scenario.
    pub fn scenario(&self) -> &Arc<Scenario> {
        &self.scenario
    }

    /// The hash of the program.
    pub fn build(&self) -> &str {
        &self.build
    }

    /// Everything that was played, in the order in which it ended.
    pub fn rows(&self) -> &[Arc<Row>] {
        &self.rows
    }

    /// The row that answers a question, if one does.
    pub fn find(&self, ask: &Ask) -> Option<Arc<Row>> {
        self.rows.iter().rev().find(|row| ask.is_answered_by(&self.scenario, row)).cloned()
    }

    /// Adds a row.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn add(&mut self, row: Row) -> Result<Arc<Row>, String> {
        let told = |error: String| format!("{}: {error}", self.path.display());
        let mut line = serde_json::to_vec(&row).map_err(|error| told(error.to_string()))?;
        line.push(b'\n');
        self.file.write_all(&line).map_err(|error| told(error.to_string()))?;
        let row = Arc::new(row);
        self.rows.push(row.clone());
        Ok(row)
    }

    fn trail_path(&self, digest: &str) -> PathBuf {
        self.folder.join("trails").join(format!("{digest}.trail"))
    }

    /// The trail of the run with this digest, where it was kept.
    pub fn trail(&self, digest: &str) -> Option<Arc<[u16]>> {
        let bytes = std::fs::read(self.trail_path(digest)).ok()?;
        Some(trail::from_bytes(&bytes).into())
    }

    /// Keeps the trail of the run with this digest.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn keep_trail(&self, digest: &str, steps: &[u16]) -> Result<(), String> {
        let path = self.trail_path(digest);
        let unfinished = path.with_extension("unfinished");
        let written = path
            .parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| std::fs::write(&unfinished, trail::to_bytes(steps)))
            .and_then(|()| std::fs::rename(&unfinished, &path));
        written.map_err(|error| format!("{}: {error}", path.display()))
    }
}
