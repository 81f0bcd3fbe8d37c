//! What is wrong with how a log is read.

use std::path::Path;

use anatomy_proto::raftpb::Entry;
use harness_env::real::Machine;
use mini_etcd::defects::{Defect, Defects};
use mini_etcd::storage::record::Identity;
use mini_etcd::storage::{Error, Storage};

const SIZE: usize = 2000;

fn entry(index: u64) -> Entry {
    Entry { index, term: 1, data: vec![7; SIZE].into(), ..Entry::default() }
}

/// A directory that goes away.
struct Dir(std::path::PathBuf);

impl Drop for Dir {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// The only file of a log.
fn log_file(root: &Path) -> std::path::PathBuf {
    let mut files = std::fs::read_dir(root.join("data/member/wal")).unwrap();
    files.next().unwrap().unwrap().path()
}

/// Writes two entries, of which a power loss tears the second; then one more, after a restart. What
/// is read in the end.
async fn read(test: &str, defects: Defects) -> Result<Vec<Entry>, Error> {
    let name = format!("mini-etcd-torn-{test}-{}", std::process::id());
    let dir = Dir(std::env::temp_dir().join(name));
    std::fs::create_dir_all(&dir.0).unwrap();
    let disk = Machine::new("etcd", &dir.0).env().disk();
    let data = Path::new("data");
    let mut storage = Storage::create(disk.clone(), data, Identity::default()).await?;
    storage.wal.save(None, &[entry(1)], true).await?;
    storage.wal.save(None, &[entry(2)], false).await?;
    drop(storage);
    let (path, lost) = (log_file(&dir.0), SIZE / 2 + 1);
    let mut bytes = std::fs::read(&path).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    bytes[end - lost..end].fill(0);
    std::fs::write(&path, bytes).unwrap();
    let (mut storage, opened) = Storage::open(disk.clone(), data, defects).await?.unwrap();
    let next = opened.entries.len() as u64 + 1;
    storage.wal.save(None, &[entry(next)], true).await?;
    drop(storage);
    Ok(Storage::open(disk, data, defects).await?.unwrap().1.entries)
}

#[tokio::test]
async fn a_torn_record_is_read_with_zeros_for_what_is_missing() {
    let right = read("right", Defects::default()).await.unwrap();
    assert_eq!(right, [entry(1), entry(2)], "the torn one was cut off, and its number is free");
    let wrong = read("wrong", Defect::TornTailAccepted.into()).await.unwrap();
    assert_eq!((&wrong[0], &wrong[2]), (&entry(1), &entry(3)));
    assert_eq!(wrong[1].data[..SIZE / 2], entry(2).data[..SIZE / 2]);
    assert_eq!(wrong[1].data[SIZE / 2..], [0; SIZE / 2]);
}
