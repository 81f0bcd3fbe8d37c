//! Appending to the log.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anatomy_proto::raftpb::{Entry, HardState};
use harness_env::disk::Open;
use harness_env::{Disk, File};

use super::record::{Identity, Marker, Record};
use super::segment::{Contents, Name};
use super::{Error, at};

/// A file is closed and the next begun above this size. etcd's files are 64 MB.
pub const SEGMENT_BYTES: u64 = 16 << 20;

/// Room is made in a file for this many bytes at a time.
const ROOM_BYTES: u64 = 1 << 20;

/// The write-ahead log, open for appending.
pub struct Wal {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    identity: Identity,
    names: Vec<Name>,
    file: Arc<dyn File>,
    length: u64,
    /// Up to where there is room in the file: zeros that nothing was written over yet.
    room: u64,
    /// What goes into the file with the next write.
    pending: Vec<u8>,
    chain: u32,
    /// The last entry's index.
    last: u64,
    /// The last hard state, repeated at the head of each file.
    state: HardState,
    segment_bytes: u64,
}

impl Wal {
    /// Begins an empty log in `dir`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub async fn create(
        disk: Arc<dyn Disk>,
        dir: &Path,
        identity: Identity,
        segment_bytes: u64,
    ) -> Result<Wal, Error> {
        disk.create_dir_all(dir).await.map_err(at(dir))?;
        let name = Name { number: 0, first: 0 };
        let path = dir.join(name.file());
        let file = disk.open(&path, Open::Truncate).await.map_err(at(&path))?;
        let mut wal = Wal {
            disk,
            dir: dir.into(),
            identity,
            names: vec![name],
            file,
            length: 0,
            room: 0,
            pending: Vec::new(),
            chain: 0,
            last: 0,
            state: HardState::default(),
            segment_bytes,
        };
        wal.append(&[Record::Identity(wal.identity.clone())], true).await?;
        wal.disk.sync_dir(dir).await.map_err(at(dir))?;
        Ok(wal)
    }

    /// Goes on behind what was read from `dir`, cutting a torn tail off.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub async fn resume(
        disk: Arc<dyn Disk>,
        dir: &Path,
        contents: &Contents,
        identity: Identity,
        segment_bytes: u64,
    ) -> Result<Wal, Error> {
        let name = contents.names.last().expect("a log has a file");
        let path = dir.join(name.file());
        let file = disk.open(&path, Open::Existing).await.map_err(at(&path))?;
        if contents.torn {
            file.set_len(contents.length).await.map_err(at(&path))?;
            file.sync().await.map_err(at(&path))?;
        }
        let mut wal = Wal {
            disk,
            dir: dir.into(),
            identity,
            names: contents.names.clone(),
            file,
            length: contents.length,
            room: 0,
            pending: Vec::new(),
            chain: contents.chain,
            last: 0,
            state: HardState::default(),
            segment_bytes,
        };
        contents.records.iter().for_each(|record| wal.note(record));
        Ok(wal)
    }

    /// Writes what Raft wants to be durable. Durable on return if `sync`; otherwise entries are written,
    /// and a hard state alone waits for the next write.
    ///
    /// # Errors
    /// [`Error::Io`]; the log cannot be used after one.
    pub async fn save(
        &mut self,
        state: Option<&HardState>,
        entries: &[Entry],
        sync: bool,
    ) -> Result<(), Error> {
        let mut records: Vec<Record> = entries.iter().cloned().map(Record::Entry).collect();
        records.extend(state.copied().map(Record::State));
        if records.is_empty() {
            return Ok(());
        }
        self.append(&records, sync).await?;
        if self.length >= self.segment_bytes { self.cut().await } else { Ok(()) }
    }

    /// Notes that a snapshot file was completed. Durable on return.
    ///
    /// # Errors
    /// [`Error::Io`]; the log cannot be used after one.
    pub async fn mark_snapshot(&mut self, marker: Marker) -> Result<(), Error> {
        self.append(&[Record::Snapshot(marker)], true).await
    }

    /// Removes files that hold only entries before `index`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub async fn release(&mut self, index: u64) -> Result<(), Error> {
        while self.names.len() > 1 && self.names[1].first <= index {
            let path = self.dir.join(self.names[0].file());
            self.disk.remove(&path).await.map_err(at(&path))?;
            self.names.remove(0);
        }
        Ok(())
    }

    /// A hard state that need not be durable waits in memory, as in etcd (pkg/ioutil/pagewriter.go): it
    /// is a commit index, and what was committed shows again when there is a leader.
    async fn append(&mut self, records: &[Record], sync: bool) -> Result<(), Error> {
        for record in records {
            self.chain = record.encode(self.chain, &mut self.pending);
            self.note(record);
        }
        if !sync && records.iter().all(|record| matches!(record, Record::State(_))) {
            return Ok(());
        }
        let bytes = std::mem::take(&mut self.pending);
        let offset = self.length;
        self.length += bytes.len() as u64;
        self.write(offset, bytes, sync)
            .await
            .map_err(|e| at(self.dir.join(self.names[self.names.len() - 1].file()))(e))
    }

    async fn write(&mut self, offset: u64, bytes: Vec<u8>, sync: bool) -> io::Result<()> {
        if self.length > self.room && self.file.reserve(self.length + ROOM_BYTES).await? {
            self.room = self.length + ROOM_BYTES;
        }
        match sync {
            true => self.file.write_synced(offset, bytes).await,
            false => self.file.write_at(offset, &bytes).await,
        }
    }

    fn note(&mut self, record: &Record) {
        match record {
            Record::Entry(entry) => self.last = entry.index,
            Record::State(state) => self.state = *state,
            Record::Snapshot(marker) => self.last = self.last.max(marker.index),
            Record::Identity(_) => {}
        }
    }

    /// Begins the next file. It is written under another name first: a file with the right name
    /// has its head.
    async fn cut(&mut self) -> Result<(), Error> {
        let path = self.dir.join(self.names[self.names.len() - 1].file());
        if self.room > self.length {
            self.file.set_len(self.length).await.map_err(at(&path))?;
        }
        self.file.sync().await.map_err(at(path))?;
        let number = self.names[self.names.len() - 1].number + 1;
        let name = Name { number, first: self.last + 1 };
        let (path, temporary) = (self.dir.join(name.file()), self.dir.join("next.tmp"));
        self.file = self.disk.open(&temporary, Open::Truncate).await.map_err(at(&temporary))?;
        (self.length, self.room, self.chain) = (0, 0, number as u32);
        let head = [Record::Identity(self.identity.clone()), Record::State(self.state)];
        self.append(&head, true).await?;
        self.disk.rename(&temporary, &path).await.map_err(at(&path))?;
        self.file = self.disk.open(&path, Open::Existing).await.map_err(at(&path))?;
        self.disk.sync_dir(&self.dir).await.map_err(at(&self.dir))?;
        self.names.push(name);
        Ok(())
    }
}
