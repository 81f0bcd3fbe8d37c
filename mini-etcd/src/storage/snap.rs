//! Snapshot files: `{term}-{index}.snap`, a checksum and a state, or what was added to one.
//!
//! A store keeps its history until it is compacted, and a snapshot is due each few thousand entries:
//! whole states alone would write all of it again each time. So a file may name another as its base
//! and hold only what came since, as etcd's database file takes in only what changed.
//!
//! ```text
//! | CRC of the rest u32 | head length u32 | head: place, members, base | state |
//! ```
//! A file is written under another name, synced, and renamed: a file with the right name is complete.

use std::path::{Path, PathBuf};

use anatomy_proto::raftpb::SnapshotMetadata;
use bytes::{Buf, Bytes};
use harness_env::Disk;
use harness_env::disk::Open;
use prost::Message;

use super::record::Marker;
use super::{Error, at};

/// A file's name while it is written.
const TEMPORARY: &str = "next.tmp";
/// A file is written in pieces, so that the member copies one of them at a time.
const PIECE_BYTES: usize = 256 << 10;

/// What a file says of its state.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Head {
    /// The last entry in it, and the members.
    #[prost(message, required, tag = "1")]
    pub metadata: SnapshotMetadata,
    /// The file that this one adds to.
    #[prost(message, optional, tag = "2")]
    pub base: Option<Marker>,
}

/// A file in the making, in memory.
#[derive(Debug)]
pub struct Draft {
    /// Its place in the log.
    pub marker: Marker,
    /// Whether it adds to another file.
    pub adds: bool,
    bytes: Vec<u8>,
    crc: crc32fast::Hasher,
}

impl Draft {
    /// Begins one, without a state.
    pub fn new(head: &Head) -> Self {
        let marker = Marker { index: head.metadata.index, term: head.metadata.term };
        let (crc, bytes) = (crc32fast::Hasher::new(), vec![0; 4]);
        let mut draft = Draft { marker, adds: head.base.is_some(), bytes, crc };
        draft.append(|bytes| {
            bytes.extend_from_slice(&(head.encoded_len() as u32).to_le_bytes());
            head.encode(bytes).expect("a vector grows");
        });
        draft
    }

    /// Adds what `write` appends.
    pub fn append<T>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        let begin = self.bytes.len();
        let result = write(&mut self.bytes);
        self.crc.update(&self.bytes[begin..]);
        result
    }
}

/// A state as it was saved.
#[derive(Clone, Debug, PartialEq)]
pub struct Saved {
    /// The last entry in it, and the members.
    pub metadata: SnapshotMetadata,
    /// A whole state and what was added to it, in order.
    pub parts: Vec<Bytes>,
}

fn file_name(marker: &Marker) -> String {
    format!("{:016x}-{:016x}.snap", marker.term, marker.index)
}

fn parse(path: &Path) -> Option<Marker> {
    let (term, index) = path.to_str()?.strip_suffix(".snap")?.split_once('-')?;
    let hex = |text: &str| u64::from_str_radix(text, 16).ok().filter(|_| text.len() == 16);
    Some(Marker { term: hex(term)?, index: hex(index)? })
}

/// Writes a file. Durable on return.
///
/// # Errors
/// [`Error::Io`].
pub async fn save(disk: &dyn Disk, dir: &Path, draft: Draft) -> Result<(), Error> {
    let Draft { marker, mut bytes, crc, .. } = draft;
    bytes[..4].copy_from_slice(&crc.finalize().to_le_bytes());
    let (path, temporary) = (dir.join(file_name(&marker)), dir.join(TEMPORARY));
    let file = disk.open(&temporary, Open::Truncate).await.map_err(at(&temporary))?;
    for (i, piece) in bytes.chunks(PIECE_BYTES).enumerate() {
        file.write_at((i * PIECE_BYTES) as u64, piece).await.map_err(at(&temporary))?;
    }
    file.sync().await.map_err(at(&temporary))?;
    disk.rename(&temporary, &path).await.map_err(at(&path))?;
    disk.sync_dir(dir).await.map_err(at(dir))
}

/// Removes all files but these.
///
/// # Errors
/// [`Error::Io`].
pub async fn retain(disk: &dyn Disk, dir: &Path, keep: &[Marker]) -> Result<(), Error> {
    for marker in list(disk, dir).await?.iter().filter(|marker| !keep.contains(marker)) {
        let path = dir.join(file_name(marker));
        disk.remove(&path).await.map_err(at(path))?;
    }
    Ok(())
}

/// The snapshots in `dir`, oldest first. What a crash or a full disk has left of one goes.
///
/// # Errors
/// [`Error::Io`].
pub async fn list(disk: &dyn Disk, dir: &Path) -> Result<Vec<Marker>, Error> {
    let names = disk.list(dir).await.map_err(at(dir))?;
    if names.iter().any(|name| name.ends_with(TEMPORARY)) {
        let path = dir.join(TEMPORARY);
        disk.remove(&path).await.map_err(at(path))?;
    }
    let mut markers: Vec<Marker> =
        names.iter().filter_map(|path| parse(Path::new(path.file_name()?))).collect();
    markers.sort_by_key(|marker| (marker.index, marker.term));
    Ok(markers)
}

/// Reads a file and those that it adds to. Returns the state and the files' places, oldest first.
///
/// # Errors
/// [`Error::Io`], and [`Error::Damaged`] where a checksum does not match, or a file says of itself or
/// of its base what cannot be.
pub async fn load(
    disk: &dyn Disk,
    dir: &Path,
    marker: &Marker,
) -> Result<(Saved, Vec<Marker>), Error> {
    let (Head { metadata, mut base }, data) = read(disk, dir, marker).await?;
    let (mut parts, mut chain) = (vec![data], vec![marker.clone()]);
    while let Some(marker) = base {
        let (head, data) = read(disk, dir, &marker).await?;
        parts.insert(0, data);
        chain.insert(0, marker);
        base = head.base;
    }
    Ok((Saved { metadata, parts }, chain))
}

async fn read(disk: &dyn Disk, dir: &Path, marker: &Marker) -> Result<(Head, Bytes), Error> {
    let path: PathBuf = dir.join(file_name(marker));
    let file = disk.open(&path, Open::Existing).await.map_err(at(&path))?;
    let length = file.len().await.map_err(at(&path))?;
    let bytes = file.read_at(0, length as usize).await.map_err(at(&path))?;
    let damaged = |what: &str| Error::Damaged { path, offset: 0, what: what.to_owned() };
    let (head, data) = match decode(bytes.into()) {
        Ok(file) => file,
        Err(what) => return Err(damaged(what)),
    };
    let place = Marker { index: head.metadata.index, term: head.metadata.term };
    if place != *marker {
        return Err(damaged("expected a snapshot of the index and term in its name"));
    }
    if head.base.as_ref().is_some_and(|base| base.index >= marker.index) {
        return Err(damaged("expected a base that is older"));
    }
    Ok((head, data))
}

/// A file's head and state.
fn decode(mut bytes: Bytes) -> Result<(Head, Bytes), &'static str> {
    let crc = bytes.try_get_u32_le().map_err(|_| "expected a checksum")?;
    if crc32fast::hash(&bytes) != crc {
        return Err("the snapshot's checksum does not match");
    }
    let length = bytes.try_get_u32_le().map_err(|_| "expected the head's length")? as usize;
    if length > bytes.len() {
        return Err("expected a head as long as is said");
    }
    let head = Head::decode(bytes.split_to(length)).map_err(|_| "expected a head")?;
    Ok((head, bytes))
}
