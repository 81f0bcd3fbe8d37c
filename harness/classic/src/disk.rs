//! A disk in memory: what is in the page cache, and what of it is durable.
//!
//! turmoil's own file system is an unstable feature of it, so this is a plain one. A crash keeps what
//! was synced and nothing else: no torn writes, no lost syncs, no errors. For those there is
//! `harness-sim`. Directories are durable at once.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use harness_env::disk::{Disk, File, Open};

/// What a sync takes, as on a machine of harness-sim where nothing else is said.
const FSYNC: Duration = Duration::from_millis(1);

/// A machine's disk; it outlives the machine's programs.
#[derive(Default)]
pub(crate) struct Store(Mutex<Tree>);

#[derive(Default)]
struct Tree {
    next: u64,
    directories: BTreeSet<PathBuf>,
    /// Names as programs see them.
    names: BTreeMap<PathBuf, u64>,
    /// Names as a crash leaves them.
    durable_names: BTreeMap<PathBuf, u64>,
    files: BTreeMap<u64, Content>,
}

#[derive(Default)]
struct Content {
    cached: Vec<u8>,
    durable: Vec<u8>,
    dirty: Vec<Range<usize>>,
}

impl Content {
    fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if self.cached.len() < end {
            self.set_len(end);
        }
        self.cached[offset..end].copy_from_slice(bytes);
        self.dirty.push(offset..end);
    }

    fn set_len(&mut self, len: usize) {
        let was = self.cached.len();
        self.cached.resize(len, 0);
        if len > was {
            self.dirty.push(was..len);
        }
        // What was cut off and is written again later is not what was durable there.
        self.dirty.retain_mut(|range| {
            range.end = range.end.min(len);
            range.start < range.end
        });
    }

    fn sync(&mut self) {
        self.durable.resize(self.cached.len(), 0);
        for range in self.dirty.drain(..) {
            self.durable[range.clone()].copy_from_slice(&self.cached[range]);
        }
    }
}

impl Store {
    fn tree(&self) -> MutexGuard<'_, Tree> {
        self.0.lock().expect("no panic while locked")
    }

    /// Forgets what was not synced.
    pub fn crash(&self) {
        let tree = &mut *self.tree();
        tree.names = tree.durable_names.clone();
        let kept: BTreeSet<u64> = tree.names.values().copied().collect();
        tree.files.retain(|id, _| kept.contains(id));
        for file in tree.files.values_mut() {
            file.cached = file.durable.clone();
            file.dirty.clear();
        }
    }
}

pub(crate) struct ClassicDisk(pub Arc<Store>);

fn absolute(path: &Path) -> PathBuf {
    Path::new("/").join(path)
}

fn not_found(path: &Path) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, path.display().to_string())
}

#[async_trait]
impl Disk for ClassicDisk {
    async fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        let path = absolute(path);
        let tree = &mut *self.0.tree();
        let id = match (tree.names.get(&path), how) {
            (Some(id), _) => *id,
            (None, Open::Existing) => return Err(not_found(&path)),
            (None, _) => {
                let parent = path.parent().unwrap_or(Path::new("/"));
                if parent != Path::new("/") && !tree.directories.contains(parent) {
                    return Err(not_found(parent));
                }
                tree.next += 1;
                tree.files.insert(tree.next, Content::default());
                tree.names.insert(path, tree.next);
                tree.next
            }
        };
        if how == Open::Truncate {
            tree.files.get_mut(&id).expect("a name has a file").set_len(0);
        }
        Ok(Arc::new(ClassicFile { store: self.0.clone(), id }))
    }

    async fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let path = absolute(path);
        self.0.tree().directories.extend(path.ancestors().map(Path::to_path_buf));
        Ok(())
    }

    async fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        let path = absolute(path);
        let tree = self.0.tree();
        if !tree.directories.contains(&path) {
            return Err(not_found(&path));
        }
        let below = tree.names.keys().chain(&tree.directories);
        let mut names: Vec<PathBuf> = below
            .filter(|name| name.parent() == Some(&path))
            .filter_map(|name| name.file_name().map(PathBuf::from))
            .collect();
        names.sort();
        Ok(names)
    }

    async fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (absolute(from), absolute(to));
        let mut tree = self.0.tree();
        let id = tree.names.remove(&from).ok_or_else(|| not_found(&from))?;
        tree.names.insert(to, id);
        Ok(())
    }

    async fn remove(&self, path: &Path) -> io::Result<()> {
        let path = absolute(path);
        self.0.tree().names.remove(&path).map(|_| ()).ok_or_else(|| not_found(&path))
    }

    async fn sync_dir(&self, path: &Path) -> io::Result<()> {
        tokio::time::sleep(FSYNC).await;
        let path = absolute(path);
        let tree = &mut *self.0.tree();
        tree.durable_names.retain(|name, _| name.parent() != Some(&path));
        let here = tree.names.iter().filter(|(name, _)| name.parent() == Some(&path));
        tree.durable_names.extend(here.map(|(name, id)| (name.clone(), *id)));
        Ok(())
    }
}

struct ClassicFile {
    store: Arc<Store>,
    id: u64,
}

impl ClassicFile {
    /// A file that was removed lives on for those who have it open, until a crash.
    fn with<T>(&self, f: impl FnOnce(&mut Content) -> T) -> T {
        f(self.store.tree().files.entry(self.id).or_default())
    }
}

#[async_trait]
impl File for ClassicFile {
    async fn read_at(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        Ok(self.with(|file| {
            let start = (offset as usize).min(file.cached.len());
            let end = (start + len).min(file.cached.len());
            file.cached[start..end].to_vec()
        }))
    }

    async fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.with(|file| file.write(offset as usize, bytes));
        Ok(())
    }

    async fn set_len(&self, len: u64) -> io::Result<()> {
        self.with(|file| file.set_len(len as usize));
        Ok(())
    }

    async fn len(&self) -> io::Result<u64> {
        Ok(self.with(|file| file.cached.len() as u64))
    }

    async fn sync(&self) -> io::Result<()> {
        tokio::time::sleep(FSYNC).await;
        self.with(Content::sync);
        Ok(())
    }
}
