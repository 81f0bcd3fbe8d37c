//! What a member finds when it starts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anatomy_proto::raftpb::{Entry, HardState, Snapshot};
use harness_env::Disk;

use super::record::{Identity, Marker, Record};
use super::wal::{SEGMENT_BYTES, Wal};
use super::{Error, at, segment, snap};
use crate::defects::Defects;

/// A member's durable state, open for writing.
pub struct Storage {
    /// The log.
    pub wal: Wal,
    disk: Arc<dyn Disk>,
    snaps: PathBuf,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Opened {
    /// Whose it is.
    pub identity: Identity,
    /// The newest snapshot; empty where there is none.
    pub snapshot: Option<Snapshot>,
    /// Raft's hard state.
    pub state: HardState,
    /// The entries behind the snapshot.
    pub entries: Vec<Entry>,
}

/// Where the log is, below a member's data directory.
pub fn wal_dir(data: &Path) -> PathBuf {
    data.join("member").join("wal")
}

impl Storage {
    /// Begins a new member's state below `data`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub async fn create(
        disk: Arc<dyn Disk>,
        data: &Path,
        identity: Identity,
    ) -> Result<Storage, Error> {
        let snaps = data.join("member").join("snap");
        disk.create_dir_all(&snaps).await.map_err(at(&snaps))?;
        let dir = wal_dir(data);
        let wal = Wal::create(disk.clone(), &dir, identity, SEGMENT_BYTES).await?;
        // The directories' own names have to be durable too.
        for dir in [data.join("member"), data.to_owned()] {
            disk.sync_dir(&dir).await.map_err(at(&dir))?;
        }
        Ok(Storage { wal, disk, snaps })
    }

    /// Opens the state below `data`; `None` where no member has written any.
    ///
    /// A crash may have come before the very first record was durable: that is no member yet.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`].
    pub async fn open(
        disk: Arc<dyn Disk>,
        data: &Path,
        defects: Defects,
    ) -> Result<Option<(Storage, Opened)>, Error> {
        let (dir, snaps) = (wal_dir(data), data.join("member").join("snap"));
        let contents = segment::read_all(&*disk, &dir, defects).await?;
        let Some(Record::Identity(identity)) = contents.records.first().cloned() else {
            return match contents.records.first() {
                None => Ok(None),
                Some(_) => Err(Error::Damaged {
                    path: dir.join(contents.names[0].file()),
                    offset: 0,
                    what: "the log does not begin with whose it is".into(),
                }),
            };
        };
        let wal =
            Wal::resume(disk.clone(), &dir, &contents, identity.clone(), SEGMENT_BYTES).await?;
        let storage = Storage { wal, disk, snaps };
        let snapshot = storage.newest(&contents.records).await?;
        let start = snapshot.as_ref().map_or(0, |s| snap::marker(s).index);
        let mut opened = Opened { identity, snapshot, ..Opened::default() };
        for record in contents.records {
            match record {
                Record::Entry(entry) if entry.index > start => {
                    let keep = (entry.index - start - 1) as usize;
                    if keep > opened.entries.len() {
                        return Err(Error::Damaged {
                            path: dir,
                            offset: 0,
                            what: format!("entries before index {} are missing", entry.index),
                        });
                    }
                    opened.entries.truncate(keep);
                    opened.entries.push(entry);
                }
                Record::State(state) => opened.state = state,
                _ => {}
            }
        }
        // A snapshot from the leader is marked before the hard state that follows it is written.
        opened.state.commit = opened.state.commit.max(start);
        Ok(Some((storage, opened)))
    }

    /// Writes a snapshot file and its marker. Durable on return.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub async fn save_snapshot(&mut self, snapshot: &Snapshot) -> Result<(), Error> {
        snap::save(&*self.disk, &self.snaps, snapshot).await?;
        self.wal.mark_snapshot(snap::marker(snapshot)).await
    }

    /// The newest snapshot that the log knows of. A file without a marker is of a crash between
    /// the two writes, and the log still has what it covers.
    async fn newest(&self, records: &[Record]) -> Result<Option<Snapshot>, Error> {
        let marked = |marker: &Marker| {
            records.iter().any(|record| matches!(record, Record::Snapshot(m) if m == marker))
        };
        let mut newest = snap::list(&*self.disk, &self.snaps).await?;
        newest.retain(marked);
        match newest.last() {
            Some(marker) => Ok(Some(snap::load(&*self.disk, &self.snaps, marker).await?)),
            None => Ok(None),
        }
    }
}
