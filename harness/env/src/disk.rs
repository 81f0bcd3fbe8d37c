//! A disk: bytes written are in the page cache, bytes synced are durable.
//!
//! The calls are few on purpose: what a write-ahead log, a snapshot file and a configuration file
//! need. `write_at` may return before anything is durable; [`File::sync`] returns when the file's
//! bytes and length are. A new, renamed or removed *name* is durable after [`Disk::sync_dir`].

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

/// How to open a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// For reading and writing; it must exist.
    Existing,
    /// For reading and writing; made if it is not there, kept as it is otherwise.
    OrCreate,
    /// For reading and writing; made if it is not there, emptied otherwise.
    Truncate,
}

/// A machine's disk.
#[async_trait]
pub trait Disk: Send + Sync + 'static {
    /// Opens a file.
    ///
    /// # Errors
    /// `NotFound`, `StorageFull`, …: as `open(2)`.
    async fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>>;

    /// Makes a directory and those above it; it may exist.
    ///
    /// # Errors
    /// As `mkdir(2)`.
    async fn create_dir_all(&self, path: &Path) -> io::Result<()>;

    /// The names in a directory, sorted.
    ///
    /// # Errors
    /// `NotFound`, …
    async fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>>;

    /// Renames a file, replacing `to`.
    ///
    /// # Errors
    /// As `rename(2)`.
    async fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// As `unlink(2)`.
    async fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// As `fsync(2)`.
    async fn sync_dir(&self, path: &Path) -> io::Result<()>;
}

/// An open file.
#[expect(clippy::len_without_is_empty, reason = "asking is a call to the disk")]
#[async_trait]
pub trait File: Send + Sync + 'static {
    /// Reads up to `len` bytes at `offset`; fewer only at the end of the file.
    ///
    /// # Errors
    /// As `pread(2)`.
    async fn read_at(&self, offset: u64, len: usize) -> io::Result<Vec<u8>>;

    /// Writes all of `bytes` at `offset`.
    ///
    /// # Errors
    /// `StorageFull`, …: as `pwrite(2)`. Some of the bytes may have been written.
    async fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Sets the length.
    ///
    /// # Errors
    /// As `ftruncate(2)`.
    async fn set_len(&self, len: u64) -> io::Result<()>;

    /// The length in bytes.
    ///
    /// # Errors
    /// As `fstat(2)`.
    async fn len(&self) -> io::Result<u64>;

    /// Returns when everything written so far is durable.
    ///
    /// # Errors
    /// As `fdatasync(2)`. After one, what of the file is durable is unknown.
    async fn sync(&self) -> io::Result<()>;

    /// Makes the file at least this long, with zeros, so that what is written there later changes no
    /// length and is durable sooner. `false` where the disk gains nothing by it: nothing was done.
    ///
    /// # Errors
    /// As `ftruncate(2)`.
    async fn reserve(&self, _len: u64) -> io::Result<bool> {
        Ok(false)
    }

    /// [`File::write_at`] and [`File::sync`], in one call where a call costs something of its own.
    ///
    /// # Errors
    /// As those.
    async fn write_synced(&self, offset: u64, bytes: Vec<u8>) -> io::Result<()> {
        self.write_at(offset, &bytes).await?;
        self.sync().await
    }
}
