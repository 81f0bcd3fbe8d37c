//! A directory of the operating system as the disk.

use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use crate::disk::{Disk, File, Open};

pub(super) struct Directory {
    root: PathBuf,
}

impl Directory {
    pub(super) fn new(root: PathBuf) -> Self {
        Directory { root }
    }
}

#[async_trait]
impl Disk for Directory {
    async fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        let file = tokio::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(how != Open::Existing)
            .truncate(how == Open::Truncate)
            .open(self.root.join(path))
            .await?;
        let file = Arc::new(file.into_std().await);
        Ok(Arc::new(OpenFile { file, quick: Arc::default() }))
    }

    async fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        tokio::fs::create_dir_all(self.root.join(path)).await
    }

    async fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        let mut names = Vec::new();
        let mut dir = tokio::fs::read_dir(self.root.join(path)).await?;
        while let Some(entry) = dir.next_entry().await? {
            names.push(PathBuf::from(entry.file_name()));
        }
        names.sort();
        Ok(names)
    }

    async fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        tokio::fs::rename(self.root.join(from), self.root.join(to)).await
    }

    async fn remove(&self, path: &Path) -> io::Result<()> {
        tokio::fs::remove_file(self.root.join(path)).await
    }

    async fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let dir = tokio::fs::File::open(self.root.join(path)).await?;
        dir.sync_all().await
    }
}

/// A small write to a disk that was quick the last time is made where it is asked for: handing it to
/// another thread and back costs more than such a disk takes.
const SMALL_BYTES: usize = 8 << 10;
const QUICK: Duration = Duration::from_millis(1);

struct OpenFile {
    file: Arc<std::fs::File>,
    /// Whether the last synced write was.
    quick: Arc<AtomicBool>,
}

/// Writes, syncs, and notes whether that was quick.
fn write_synced(
    file: &std::fs::File,
    quick: &AtomicBool,
    offset: u64,
    bytes: &[u8],
) -> io::Result<()> {
    #[expect(clippy::disallowed_methods, reason = "a real disk takes real time")]
    let begun = std::time::Instant::now();
    file.write_all_at(bytes, offset)?;
    file.sync_data()?;
    quick.store(begun.elapsed() < QUICK, Ordering::Relaxed);
    Ok(())
}

impl OpenFile {
    /// Runs a blocking call off the runtime's thread.
    async fn call<T: Send + 'static>(
        &self,
        f: impl FnOnce(&std::fs::File) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let file = self.file.clone();
        #[expect(clippy::disallowed_methods, reason = "a real disk blocks")]
        let handle = tokio::task::spawn_blocking(move || f(&file));
        handle.await.map_err(io::Error::other)?
    }
}

#[async_trait]
impl File for OpenFile {
    async fn read_at(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        self.call(move |file| {
            let mut bytes = vec![0; len];
            let mut filled = 0;
            while filled < len {
                match file.read_at(&mut bytes[filled..], offset + filled as u64) {
                    Ok(0) => break,
                    Ok(n) => filled += n,
                    Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                    Err(e) => return Err(e),
                }
            }
            bytes.truncate(filled);
            Ok(bytes)
        })
        .await
    }

    async fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let bytes = bytes.to_vec();
        self.call(move |file| file.write_all_at(&bytes, offset)).await
    }

    async fn set_len(&self, len: u64) -> io::Result<()> {
        self.call(move |file| file.set_len(len)).await
    }

    async fn len(&self) -> io::Result<u64> {
        self.call(|file| Ok(file.metadata()?.len())).await
    }

    async fn sync(&self) -> io::Result<()> {
        self.call(|file| file.sync_data()).await
    }

    async fn reserve(&self, len: u64) -> io::Result<bool> {
        self.call(move |file| file.set_len(len.max(file.metadata()?.len()))).await?;
        Ok(true)
    }

    async fn write_synced(&self, offset: u64, bytes: Vec<u8>) -> io::Result<()> {
        if bytes.len() <= SMALL_BYTES && self.quick.load(Ordering::Relaxed) {
            return write_synced(&self.file, &self.quick, offset, &bytes);
        }
        let quick = self.quick.clone();
        self.call(move |file| write_synced(file, &quick, offset, &bytes)).await
    }
}
