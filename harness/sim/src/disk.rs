//! A machine's disk over `turmoil-fs`: writes are in the page cache, `sync` makes them durable, a
//! power loss keeps only what is durable (and torn halves of what was not).

use std::collections::BTreeSet;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use harness_env::disk::{Disk, File, Open};
use turmoil_fs::shim::std::fs;

use crate::fault::FaultId;
use crate::state::with_state;

/// What is wrong with a disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct DiskFaults {
    pub slow: Option<(FaultId, Duration)>,
    pub full: Option<FaultId>,
    pub failing: Option<FaultId>,
}

/// What a call does to the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Call {
    Read,
    Grow,
    Sync,
}

pub(crate) struct SimDisk {
    machine: usize,
    root: PathBuf,
}

impl SimDisk {
    /// The part of the machine's disk that belongs to `process`.
    pub fn new(machine: usize, process: &str) -> Self {
        SimDisk { machine, root: Path::new("/").join(process) }
    }

    fn path(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// The names that renames and removals left which are not durable yet.
    ///
    /// `turmoil-fs` 0.1.0 knows files by their names, and takes a new file with such a name for the
    /// old one. So what left it becomes durable before the name is used again: a disk may do that at
    /// any time.
    fn left<T: Default>(&self, f: impl FnOnce(&mut BTreeSet<PathBuf>) -> T) -> T {
        with_state(|state| f(&mut state.machines[self.machine].left)).unwrap_or_default()
    }

    fn sync(&self, dir: &Path) -> io::Result<()> {
        fs::sync_dir(dir)?;
        self.left(|names| names.retain(|name| name.parent() != Some(dir)));
        Ok(())
    }
}

/// Waits as long as the disk takes, fails as it fails, then runs `f` on its files.
async fn call<T>(machine: usize, what: Call, f: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let verdict = with_state(|state| {
        let faults = state.machines[machine].disk_faults.clone();
        if let Some(fault) = faults.failing {
            state.charge(fault, 1);
            return Err(io::Error::from_raw_os_error(libc::EIO));
        }
        if let Some(fault) = faults.full
            && what == Call::Grow
        {
            state.charge(fault, 1);
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        let mut takes =
            if what == Call::Sync { state.machines[machine].fsync } else { Duration::ZERO };
        if let Some((fault, by)) = faults.slow
            && what != Call::Grow
        {
            state.charge(fault, 1);
            takes += by;
        }
        Ok(takes)
    });
    let takes = verdict.unwrap_or_else(|| Err(io::Error::other("the run is over")))?;
    if !takes.is_zero() {
        tokio::time::sleep(takes).await;
    }
    let disk = with_state(|state| {
        let now = state.now();
        let disk = state.machines[machine].fs.clone();
        disk.set_now(now);
        disk
    });
    let disk = disk.ok_or_else(|| io::Error::other("the run is over"))?;
    let _entered = disk.enter();
    f()
}

#[async_trait]
impl Disk for SimDisk {
    async fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        let path = self.path(path);
        let what = if how == Open::Existing { Call::Read } else { Call::Grow };
        let file = call(self.machine, what, || {
            if how != Open::Existing && self.left(|names| names.contains(&path)) {
                self.sync(path.parent().unwrap_or(&self.root))?;
            }
            fs::OpenOptions::new()
                .read(true)
                .write(true)
                .create(how != Open::Existing)
                .truncate(how == Open::Truncate)
                .open(&path)
        })
        .await?;
        Ok(Arc::new(SimFile { machine: self.machine, file }))
    }

    async fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let path = self.path(path);
        call(self.machine, Call::Grow, || {
            fs::create_dir_all(&path)?;
            // Directories above the asked one are made durable here: programs sync the one they
            // made, as they do on a real machine, where the ones above have long been there.
            for dir in path.ancestors() {
                self.sync(dir)?;
            }
            Ok(())
        })
        .await
    }

    async fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        let path = self.path(path);
        call(self.machine, Call::Read, || {
            let mut names = Vec::new();
            for entry in fs::read_dir(&path)? {
                names.push(PathBuf::from(entry?.file_name()));
            }
            names.sort();
            Ok(names)
        })
        .await
    }

    async fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (self.path(from), self.path(to));
        call(self.machine, Call::Grow, || {
            fs::rename(&from, &to)?;
            self.left(|names| names.insert(from));
            Ok(())
        })
        .await
    }

    async fn remove(&self, path: &Path) -> io::Result<()> {
        let path = self.path(path);
        call(self.machine, Call::Read, || {
            fs::remove_file(&path)?;
            self.left(|names| names.insert(path));
            Ok(())
        })
        .await
    }

    async fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let path = self.path(path);
        call(self.machine, Call::Sync, || self.sync(&path)).await
    }
}

struct SimFile {
    machine: usize,
    file: fs::File,
}

#[async_trait]
impl File for SimFile {
    async fn read_at(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        call(self.machine, Call::Read, || {
            let size = self.file.metadata()?.len();
            let mut bytes = vec![0; len.min(size.saturating_sub(offset) as usize)];
            let n = self.file.read_at(&mut bytes, offset)?;
            bytes.truncate(n);
            Ok(bytes)
        })
        .await
    }

    async fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        call(self.machine, Call::Grow, || self.file.write_all_at(bytes, offset)).await
    }

    async fn set_len(&self, len: u64) -> io::Result<()> {
        call(self.machine, Call::Grow, || self.file.set_len(len)).await
    }

    async fn len(&self) -> io::Result<u64> {
        call(self.machine, Call::Read, || Ok(self.file.metadata()?.len())).await
    }

    async fn sync(&self) -> io::Result<()> {
        call(self.machine, Call::Sync, || self.file.sync_all()).await
    }
}
