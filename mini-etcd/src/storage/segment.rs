//! The files of the log: `{number}-{first index}.wal`, both 16 hexadecimal digits.

use std::path::{Path, PathBuf};

use harness_env::Disk;
use harness_env::disk::Open;

use super::record::{self, Record, Step};
use super::{Error, at};
use crate::defects::{Defect, Defects};

/// A file of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// Its number, from 0.
    pub number: u64,
    /// The first entry that may be in it.
    pub first: u64,
}

impl Name {
    /// The file's name.
    pub fn file(self) -> String {
        format!("{:016x}-{:016x}.wal", self.number, self.first)
    }

    fn parse(path: &Path) -> Option<Name> {
        let (number, first) = path.to_str()?.strip_suffix(".wal")?.split_once('-')?;
        let hex = |text: &str| u64::from_str_radix(text, 16).ok().filter(|_| text.len() == 16);
        Some(Name { number: hex(number)?, first: hex(first)? })
    }
}

/// What the log's files hold.
#[derive(Debug, Default)]
pub struct Contents {
    /// The records in order.
    pub records: Vec<Record>,
    /// The files in order.
    pub names: Vec<Name>,
    /// The length of the last file's good part in bytes.
    pub length: u64,
    /// The chain after the last record.
    pub chain: u32,
    /// Whether the last file had a torn tail behind that.
    pub torn: bool,
}

/// The files of the log in `dir`, in order; none where there is no directory.
///
/// # Errors
/// [`Error::Io`], and [`Error::Damaged`] where a number is missing.
pub async fn list(disk: &dyn Disk, dir: &Path) -> Result<Vec<Name>, Error> {
    let names = match disk.list(dir).await {
        Ok(names) => names,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(e) => return Err(at(dir)(e)),
    };
    let mut names: Vec<Name> =
        names.iter().filter_map(|path| Name::parse(Path::new(path.file_name()?))).collect();
    names.sort_unstable();
    if let Some(gap) = names.windows(2).find(|pair| pair[0].number + 1 != pair[1].number) {
        let what = format!("file number {:x} is missing", gap[0].number + 1);
        return Err(Error::Damaged { path: dir.into(), offset: 0, what });
    }
    Ok(names)
}

/// Reads all files. A torn tail is legal in the last one alone.
///
/// # Errors
/// [`Error::Io`], and [`Error::Damaged`] with the file and the offset.
pub async fn read_all(disk: &dyn Disk, dir: &Path, defects: Defects) -> Result<Contents, Error> {
    let names = list(disk, dir).await?;
    let mut contents = Contents::default();
    for (i, name) in names.iter().enumerate() {
        let path: PathBuf = dir.join(name.file());
        let file = disk.open(&path, Open::Existing).await.map_err(at(&path))?;
        let length = file.len().await.map_err(at(&path))?;
        let mut bytes = file.read_at(0, length as usize).await.map_err(at(&path))?;
        // The chain starts anew in each file, from the file's number: old files can be removed.
        contents.chain = name.number as u32;
        let mut offset = 0;
        let damaged = |offset: usize, what: String| Error::Damaged {
            path: path.clone(),
            offset: offset as u64,
            what,
        };
        loop {
            let mut step = record::read(&bytes, offset, contents.chain);
            if defects.has(Defect::TornTailAccepted) {
                step = record::patched(&mut bytes, offset, contents.chain).unwrap_or(step);
            }
            match step {
                Step::Record(record, end, chain) => {
                    contents.records.push(record);
                    (offset, contents.chain) = (end, chain);
                }
                Step::End => break,
                Step::Torn if i + 1 == names.len() => {
                    contents.torn = true;
                    break;
                }
                Step::Torn => {
                    return Err(damaged(offset, "the file ends within a record".into()));
                }
                Step::Damaged(what) => return Err(damaged(offset, what)),
            }
        }
        contents.length = offset as u64;
    }
    contents.names = names;
    Ok(contents)
}
