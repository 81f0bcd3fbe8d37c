//! Snapshot files: `{term}-{index}.snap`, a checksum and the snapshot.
//!
//! A file is written under another name, synced, and renamed: a file with the right name is whole.

use std::path::{Path, PathBuf};

use anatomy_proto::raftpb::Snapshot;
use harness_env::Disk;
use harness_env::disk::Open;
use prost::Message;

use super::record::Marker;
use super::{Error, at};

/// How many files are kept (etcd's `--max-snapshots`).
const KEEP: usize = 5;

fn file_name(marker: &Marker) -> String {
    format!("{:016x}-{:016x}.snap", marker.term, marker.index)
}

fn parse(path: &Path) -> Option<Marker> {
    let (term, index) = path.to_str()?.strip_suffix(".snap")?.split_once('-')?;
    let hex = |text: &str| u64::from_str_radix(text, 16).ok();
    Some(Marker { term: hex(term)?, index: hex(index)? })
}

/// The marker of a snapshot.
pub fn marker(snapshot: &Snapshot) -> Marker {
    let metadata = snapshot.metadata.as_ref();
    metadata.map_or_else(Marker::default, |m| Marker { index: m.index, term: m.term })
}

/// Writes a snapshot and removes old ones. Durable on return.
///
/// # Errors
/// [`Error::Io`].
pub async fn save(disk: &dyn Disk, dir: &Path, snapshot: &Snapshot) -> Result<(), Error> {
    let body = snapshot.encode_to_vec();
    let mut bytes = crc32fast::hash(&body).to_le_bytes().to_vec();
    bytes.extend_from_slice(&body);
    let (path, temporary) = (dir.join(file_name(&marker(snapshot))), dir.join("next.tmp"));
    let file = disk.open(&temporary, Open::Truncate).await.map_err(at(&temporary))?;
    file.write_at(0, &bytes).await.map_err(at(&temporary))?;
    file.sync().await.map_err(at(&temporary))?;
    disk.rename(&temporary, &path).await.map_err(at(&path))?;
    disk.sync_dir(dir).await.map_err(at(dir))?;
    let mut old = list(disk, dir).await?;
    old.truncate(old.len().saturating_sub(KEEP));
    for marker in old {
        let path = dir.join(file_name(&marker));
        disk.remove(&path).await.map_err(at(path))?;
    }
    Ok(())
}

/// The snapshots in `dir`, oldest first.
///
/// # Errors
/// [`Error::Io`].
pub async fn list(disk: &dyn Disk, dir: &Path) -> Result<Vec<Marker>, Error> {
    let names = disk.list(dir).await.map_err(at(dir))?;
    let mut markers: Vec<Marker> =
        names.iter().filter_map(|path| parse(Path::new(path.file_name()?))).collect();
    markers.sort_by_key(|marker| (marker.index, marker.term));
    Ok(markers)
}

/// Reads a snapshot.
///
/// # Errors
/// [`Error::Io`], and [`Error::Damaged`] where the checksum does not match.
pub async fn load(disk: &dyn Disk, dir: &Path, marker: &Marker) -> Result<Snapshot, Error> {
    let path: PathBuf = dir.join(file_name(marker));
    let file = disk.open(&path, Open::Existing).await.map_err(at(&path))?;
    let length = file.len().await.map_err(at(&path))?;
    let bytes = file.read_at(0, length as usize).await.map_err(at(&path))?;
    let decoded = bytes
        .split_first_chunk::<4>()
        .filter(|(crc, body)| crc32fast::hash(body).to_le_bytes() == **crc)
        .and_then(|(_, body)| Snapshot::decode(body).ok());
    let what = "the snapshot's checksum does not match".to_owned();
    decoded.ok_or(Error::Damaged { path, offset: 0, what })
}
