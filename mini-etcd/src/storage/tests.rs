//! The log against crashes and damage.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use anatomy_proto::raftpb::{ConfState, Entry, HardState, SnapshotMetadata};
use async_trait::async_trait;
use bytes::Bytes;
use harness_env::disk::Open;
use harness_env::{Disk, File};
use proptest::prelude::*;

use super::record::{Identity, Marker, Record};
use super::snap::{self, Draft, Head, Saved};
use super::wal::Wal;
use super::{Error, Opened, Storage, open::wal_dir, segment};
use crate::defects::Defects;

/// A disk in memory that forgets nothing, and whether it makes room in files.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<BTreeMap<PathBuf, Vec<u8>>>>, bool);

struct MemoryFile(Memory, PathBuf);

impl Memory {
    fn with<T>(&self, path: &Path, f: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        f(self.0.lock().unwrap().get_mut(path).unwrap())
    }
}

#[async_trait]
impl Disk for Memory {
    async fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        let mut files = self.0.lock().unwrap();
        match how {
            Open::Existing if !files.contains_key(path) => {
                return Err(io::ErrorKind::NotFound.into());
            }
            Open::Truncate => drop(files.insert(path.into(), Vec::new())),
            _ => drop(files.entry(path.into()).or_default()),
        }
        Ok(Arc::new(MemoryFile(self.clone(), path.into())))
    }
    async fn create_dir_all(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }
    async fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        let files = self.0.lock().unwrap();
        let inside = files.keys().filter(|file| file.parent() == Some(path));
        Ok(inside.map(|file| file.file_name().unwrap().into()).collect())
    }
    async fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut files = self.0.lock().unwrap();
        let bytes = files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        files.insert(to.into(), bytes);
        Ok(())
    }
    async fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.lock().unwrap().remove(path).map(drop).ok_or(io::ErrorKind::NotFound.into())
    }
    async fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }
}

#[async_trait]
impl File for MemoryFile {
    async fn read_at(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        Ok(self.0.with(&self.1, |b| b[offset as usize..].iter().copied().take(len).collect()))
    }
    async fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.with(&self.1, |file| {
            file.resize(file.len().max(offset as usize + bytes.len()), 0);
            file[offset as usize..][..bytes.len()].copy_from_slice(bytes);
        });
        Ok(())
    }
    async fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.with(&self.1, |file| file.resize(len as usize, 0));
        Ok(())
    }
    async fn len(&self) -> io::Result<u64> {
        Ok(self.0.with(&self.1, |file| file.len() as u64))
    }
    async fn sync(&self) -> io::Result<()> {
        Ok(())
    }
    async fn reserve(&self, len: u64) -> io::Result<bool> {
        if self.0.1 {
            self.0.with(&self.1, |file| file.resize(file.len().max(len as usize), 0));
        }
        Ok(self.0.1)
    }
}

const DATA: &str = "data";

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn identity() -> Identity {
    Identity { member: 7, cluster: 9 }
}

fn entry(index: u64, term: u64, size: usize) -> Entry {
    Entry { index, term, data: Bytes::from(vec![index as u8 | 1; size]), ..Entry::default() }
}

fn metadata(index: u64) -> SnapshotMetadata {
    let conf_state = Some(ConfState { nodes: vec![7], learners: vec![] });
    SnapshotMetadata { index, term: 1, conf_state }
}

fn snapshot(index: u64, data: &str, base: Option<Marker>) -> Draft {
    let mut draft = Draft::new(&Head { metadata: metadata(index), base });
    draft.append(|bytes| bytes.extend_from_slice(data.as_bytes()));
    draft
}

async fn save(storage: &mut Storage, draft: Draft) {
    let written = storage.write_snapshot(draft).await.unwrap();
    storage.adopt(written).await.unwrap();
}

/// The data of the newest state, in parts.
async fn parts(disk: &Memory) -> Vec<Bytes> {
    reopen(disk).await.unwrap().snapshot.unwrap().parts
}

async fn reopen(disk: &Memory) -> Result<Opened, Error> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    Ok(Storage::open(disk, Path::new(DATA), Defects::default()).await?.expect("there is a log").1)
}

async fn created(disk: &Memory) -> Storage {
    Storage::create(Arc::new(disk.clone()), Path::new(DATA), identity()).await.unwrap()
}

fn log_file(disk: &Memory) -> PathBuf {
    let files = disk.0.lock().unwrap();
    files.keys().rfind(|path| path.extension().is_some_and(|ext| ext == "wal")).unwrap().clone()
}

#[test]
fn a_directory_without_a_log_is_no_member() {
    block_on(async {
        let disk: Arc<dyn Disk> = Arc::new(Memory::default());
        assert!(Storage::open(disk, Path::new(DATA), Defects::default()).await.unwrap().is_none());
    });
}

#[test]
fn an_entry_replaces_what_was_at_its_index_and_after() {
    block_on(async {
        let disk = Memory::default();
        let mut storage = created(&disk).await;
        let old: Vec<Entry> = (1..=5).map(|i| entry(i, 1, 10)).collect();
        storage.wal.save(None, &old, true).await.unwrap();
        let state = HardState { term: 2, vote: 3, commit: 2 };
        storage.wal.save(Some(&state), &[entry(3, 2, 4)], true).await.unwrap();
        let opened = reopen(&disk).await.unwrap();
        assert_eq!(opened.entries, [old[0].clone(), old[1].clone(), entry(3, 2, 4)]);
        assert_eq!((opened.state, opened.identity), (state, identity()));
    });
}

#[test]
fn entries_before_a_snapshot_are_not_replayed() {
    block_on(async {
        let disk = Memory::default();
        let mut storage = created(&disk).await;
        let entries: Vec<Entry> = (1..=5).map(|i| entry(i, 1, 10)).collect();
        storage.wal.save(None, &entries, true).await.unwrap();
        save(&mut storage, snapshot(3, "state", None)).await;
        let opened = reopen(&disk).await.unwrap();
        let saved = Saved { metadata: metadata(3), parts: vec!["state".into()] };
        assert_eq!(opened.snapshot, Some(saved));
        assert_eq!(opened.entries, entries[3..]);
    });
}

#[test]
fn a_snapshot_without_its_marker_is_not_used() {
    block_on(async {
        let disk = Memory::default();
        let mut storage = created(&disk).await;
        let entries: Vec<Entry> = (1..=5).map(|i| entry(i, 1, 10)).collect();
        storage.wal.save(None, &entries, true).await.unwrap();
        let _not_adopted = storage.write_snapshot(snapshot(3, "state", None)).await.unwrap();
        let opened = reopen(&disk).await.unwrap();
        assert_eq!((opened.snapshot, opened.entries), (None, entries));
    });
}

#[test]
fn what_a_full_disk_leaves_of_a_snapshot_is_removed_and_what_is_not_ours_stays() {
    block_on(async {
        let disk = Memory::default();
        let mut storage = created(&disk).await;
        let dir = Path::new(DATA).join("member").join("snap");
        for name in ["next.tmp", "1-5.snap"] {
            disk.open(&dir.join(name), Open::Truncate).await.unwrap();
        }
        save(&mut storage, snapshot(3, "whole", None)).await;
        disk.open(&dir.join("next.tmp"), Open::Truncate).await.unwrap();
        assert_eq!(parts(&disk).await, ["whole"]);
        let left = disk.list(&dir).await.unwrap();
        assert_eq!(left, ["0000000000000001-0000000000000003.snap", "1-5.snap"].map(PathBuf::from));
    });
}

fn snapshot_files(disk: &Memory) -> Vec<String> {
    let files = disk.0.lock().unwrap();
    let names = files.keys().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned());
    names.filter(|name| name.ends_with(".snap")).collect()
}

#[test]
fn a_state_is_a_whole_one_and_what_was_added_to_it() {
    block_on(async {
        let disk = Memory::default();
        let mut storage = created(&disk).await;
        save(&mut storage, snapshot(3, "whole", None)).await;
        for (index, data) in [(5, "and more"), (8, "and more still")] {
            let file = snapshot(index, data, storage.base());
            save(&mut storage, file).await;
        }
        assert_eq!(parts(&disk).await, ["whole", "and more", "and more still"]);
        // A start goes on where the last one stopped.
        let again: Arc<dyn Disk> = Arc::new(disk.clone());
        let opened = Storage::open(again, Path::new(DATA), Defects::default()).await.unwrap();
        let mut storage = opened.unwrap().0;
        assert_eq!(storage.base(), Some(Marker { index: 8, term: 1 }));
        // Until it is known of, a whole one replaces nothing.
        let written = storage.write_snapshot(snapshot(9, "whole again", None)).await.unwrap();
        assert_eq!(parts(&disk).await.len(), 3);
        storage.adopt(written).await.unwrap();
        assert_eq!(parts(&disk).await, ["whole again"]);
        // What is superfluous goes when the next is written.
        assert_eq!(snapshot_files(&disk).len(), 4);
        let _not_adopted = storage.write_snapshot(snapshot(10, "x", storage.base())).await.unwrap();
        assert_eq!(snapshot_files(&disk), [9, 10].map(|i| format!("{:016x}-{i:016x}.snap", 1)));
    });
}

#[test]
fn a_start_has_to_read_a_hundred_files_at_most() {
    block_on(async {
        let disk = Memory::default();
        let mut storage = created(&disk).await;
        for index in 1..=100 {
            let base = storage.base();
            assert_eq!(base.is_none(), index == 1);
            save(&mut storage, snapshot(index, "x", base)).await;
        }
        assert_eq!(storage.base(), None, "a whole one is due");
    });
}

#[test]
fn a_snapshot_whose_base_cannot_be_is_refused_with_its_place() {
    block_on(async {
        let disk = Memory::default();
        let mut storage = created(&disk).await;
        save(&mut storage, snapshot(3, "whole", None)).await;
        let itself = Some(Marker { index: 5, term: 1 });
        save(&mut storage, snapshot(5, "added", itself)).await;
        let Err(Error::Damaged { path, what, .. }) = reopen(&disk).await else {
            panic!("it opens")
        };
        assert!(path.ends_with("0000000000000001-0000000000000005.snap"), "{path:?}");
        assert_eq!(what, "expected a base that is older");
        // A base that is gone, and a file under another's name.
        save(&mut storage, snapshot(6, "added", Some(Marker { index: 2, term: 1 }))).await;
        let Err(Error::Io { path, .. }) = reopen(&disk).await else { panic!("it opens") };
        assert!(path.ends_with("0000000000000001-0000000000000002.snap"), "{path:?}");
        save(&mut storage, snapshot(7, "whole", None)).await;
        let dir = Path::new(DATA).join("member").join("snap");
        let file = |index: u64| dir.join(format!("{:016x}-{index:016x}.snap", 1));
        disk.rename(&file(7), &file(6)).await.unwrap();
        let six = Marker { index: 6, term: 1 };
        let Err(Error::Damaged { what, .. }) = snap::load(&disk, &dir, &six).await else {
            panic!("it is read")
        };
        assert_eq!(what, "expected a snapshot of the index and term in its name");
    });
}

#[test]
fn files_are_cut_and_released() {
    block_on(async {
        let disk = Memory::default();
        let dir = wal_dir(Path::new(DATA));
        let mut wal = Wal::create(Arc::new(disk.clone()), &dir, identity(), 1000).await.unwrap();
        for i in 1..=40 {
            wal.save(None, &[entry(i, 1, 100)], true).await.unwrap();
        }
        let contents = segment::read_all(&disk, &dir, Defects::default()).await.unwrap();
        assert!(contents.names.len() > 3, "{:?}", contents.names);
        wal.release(20).await.unwrap();
        let left = segment::read_all(&disk, &dir, Defects::default()).await.unwrap();
        assert!(left.names.len() < contents.names.len());
        assert!(left.names[0].first <= 21, "entries from 20 on are still there");
    });
}

#[test]
fn room_is_made_in_the_last_file_alone_and_read_as_nothing() {
    block_on(async {
        let disk = Memory(Arc::default(), true);
        let dir = wal_dir(Path::new(DATA));
        let mut wal = Wal::create(Arc::new(disk.clone()), &dir, identity(), 1000).await.unwrap();
        for i in 1..=20 {
            wal.save(None, &[entry(i, 1, 100)], true).await.unwrap();
        }
        let read = async || segment::read_all(&disk, &dir, Defects::default()).await.unwrap();
        let contents = read().await;
        assert!(contents.names.len() > 1 && contents.torn);
        assert!(disk.with(&log_file(&disk), |file| file.len()) > 1 << 20);
        let disk_too = Arc::new(disk.clone());
        let mut wal = Wal::resume(disk_too, &dir, &contents, identity(), 1000).await.unwrap();
        wal.save(None, &[entry(21, 1, 100)], true).await.unwrap();
        let after = read().await.records;
        assert_eq!(after[..contents.records.len()], contents.records);
        assert_eq!(after[contents.records.len()..], [Record::Entry(entry(21, 1, 100))]);
    });
}

#[test]
fn a_commit_index_alone_is_written_with_what_comes_next() {
    block_on(async {
        let disk = Memory::default();
        let mut storage = created(&disk).await;
        let state = |commit| HardState { term: 1, vote: 7, commit };
        storage.wal.save(Some(&state(0)), &[entry(1, 1, 10)], true).await.unwrap();
        storage.wal.save(Some(&state(1)), &[], false).await.unwrap();
        assert_eq!(reopen(&disk).await.unwrap().state, state(0));
        storage.wal.save(None, &[entry(2, 1, 10)], true).await.unwrap();
        let opened = reopen(&disk).await.unwrap();
        assert_eq!((opened.state, opened.entries.len()), (state(1), 2));
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// What was synced before the cut survives whatever prefix of the rest does.
    #[test]
    fn a_crash_loses_nothing_that_was_saved(
        saves in prop::collection::vec((1usize..4, 0usize..700), 1..12),
        lost in 0usize..3000,
        zeroed in any::<bool>(),
    ) {
        block_on(async {
            let disk = Memory::default();
            let mut storage = created(&disk).await;
            let (mut all, mut durable, mut durable_len) = (Vec::new(), 0, 0);
            for (i, (count, size)) in saves.iter().enumerate() {
                let next = all.len() as u64 + 1;
                let batch: Vec<Entry> =
                    (next..next + *count as u64).map(|i| entry(i, 1, *size)).collect();
                storage.wal.save(None, &batch, true).await.unwrap();
                all.extend(batch);
                if i + 1 < saves.len() {
                    durable = all.len();
                    durable_len = disk.with(&log_file(&disk), |file| file.len());
                }
            }
            // The last save is not durable: lose its tail, or find zeros in its place.
            if durable > 0 {
                disk.with(&log_file(&disk), |file| {
                    let kept = durable_len.max(file.len().saturating_sub(lost));
                    if zeroed { file[kept..].fill(0) } else { file.truncate(kept) }
                });
            }
            let entries = reopen(&disk).await.unwrap().entries;
            prop_assert!(entries.len() >= durable);
            prop_assert_eq!(&entries[..], &all[..entries.len()]);
            Ok(())
        })?;
    }

    /// Whatever is in the files, they are read or refused.
    #[test]
    fn random_bytes_in_the_files_are_no_panic(
        log in prop::collection::vec(any::<u8>(), 0..400),
        snap in prop::collection::vec(any::<u8>(), 0..200),
        after in any::<bool>(),
    ) {
        block_on(async {
            let disk = Memory::default();
            let mut storage = created(&disk).await;
            save(&mut storage, snapshot(3, "state", None)).await;
            let path = log_file(&disk);
            disk.with(&path, |file| {
                if !after {
                    file.clear();
                }
                file.extend(&log);
            });
            drop(Storage::open(Arc::new(disk.clone()), Path::new(DATA), Defects::default()).await);
            let file = disk.0.lock().unwrap().keys().find(|p| p.extension().unwrap() == "snap").unwrap().clone();
            disk.with(&file, |bytes| *bytes = snap);
            drop(Storage::open(Arc::new(disk.clone()), Path::new(DATA), Defects::default()).await);
        });
    }

    /// A flipped bit is never read as something else, and is reported where it is.
    #[test]
    fn a_flipped_bit_is_refused_with_its_place(
        sizes in prop::collection::vec(0usize..300, 1..10),
        place in any::<prop::sample::Index>(),
        bit in 0u8..8,
    ) {
        block_on(async {
            let disk = Memory::default();
            let mut storage = created(&disk).await;
            for (i, size) in sizes.iter().enumerate() {
                storage.wal.save(None, &[entry(i as u64 + 1, 1, *size)], true).await.unwrap();
            }
            let path = log_file(&disk);
            let at = disk.with(&path, |file| {
                let at = place.index(file.len());
                file[at] ^= 1 << bit;
                at
            });
            match reopen(&disk).await {
                Err(Error::Damaged { path: found, offset, .. }) => {
                    prop_assert_eq!(found, path);
                    prop_assert!(offset <= at as u64);
                }
                other => prop_assert!(false, "{:?}", other),
            }
            Ok(())
        })?;
    }
}
