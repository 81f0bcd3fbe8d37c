//! What a member finds when it starts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anatomy_proto::raftpb::{Entry, HardState};
use harness_env::Disk;

use super::record::{Identity, Marker, Record};
use super::snap::{self, Draft, Saved};
use super::wal::{SEGMENT_BYTES, Wal};
use super::{Error, at, segment};
use crate::defects::Defects;

/// So many snapshot files make a state at most: a start has to read them all.
const LONGEST_CHAIN: usize = 100;

/// A member's durable state, open for writing.
pub struct Storage {
    /// The log.
    pub wal: Wal,
    disk: Arc<dyn Disk>,
    snaps: PathBuf,
    /// The snapshot files that make the newest state, each but the first added to the one before.
    chain: Vec<Marker>,
}

/// A snapshot file that is durable and that the log does not know of yet.
#[derive(Debug)]
pub struct Written {
    /// Its place in the log.
    pub marker: Marker,
    adds: bool,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Opened {
    /// Whose it is.
    pub identity: Identity,
    /// The newest snapshot.
    pub snapshot: Option<Saved>,
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
        Ok(Storage { wal, disk, snaps, chain: Vec::new() })
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
        let mut storage = Storage { wal, disk, snaps, chain: Vec::new() };
        let snapshot = storage.load_newest(&contents.records).await?;
        let start = snapshot.as_ref().map_or(0, |saved| saved.metadata.index);
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

    /// The snapshot file that the next can add to, unless it has to be a whole one.
    pub fn base(&self) -> Option<Marker> {
        self.chain.last().filter(|_| self.chain.len() < LONGEST_CHAIN).cloned()
    }

    /// Writes a snapshot file, for [`Storage::adopt`], and removes files that an earlier one made
    /// superfluous. The log can go on meanwhile, but one file is written at a time.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write_snapshot(
        &self,
        draft: Draft,
    ) -> impl Future<Output = Result<Written, Error>> + Send + use<> {
        let (disk, snaps, chain) = (self.disk.clone(), self.snaps.clone(), self.chain.clone());
        async move {
            snap::retain(&*disk, &snaps, &chain).await?;
            let written = Written { marker: draft.marker.clone(), adds: draft.adds };
            snap::save(&*disk, &snaps, draft).await?;
            Ok(written)
        }
    }

    /// Begins with this snapshot from now on. Durable on return.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub async fn adopt(&mut self, written: Written) -> Result<(), Error> {
        self.wal.mark_snapshot(written.marker.clone()).await?;
        if !written.adds {
            self.chain.clear();
        }
        self.chain.push(written.marker);
        Ok(())
    }

    /// Finds the newest snapshot that the log knows of. A file without a marker is of a crash between
    /// the two writes, and the log still has what it covers.
    async fn load_newest(&mut self, records: &[Record]) -> Result<Option<Saved>, Error> {
        let is_marked = |marker: &Marker| {
            records.iter().any(|record| matches!(record, Record::Snapshot(m) if m == marker))
        };
        let files = snap::list(&*self.disk, &self.snaps).await?;
        let Some(newest) = files.iter().rfind(|marker| is_marked(marker)) else { return Ok(None) };
        let (saved, chain) = snap::load(&*self.disk, &self.snaps, newest).await?;
        self.chain = chain;
        Ok(Some(saved))
    }
}
