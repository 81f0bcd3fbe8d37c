//! A file of JSON lines that survives a power loss.
//!
//! The database's books and the advices of stand-in both need the same thing: what was acknowledged
//! is on the disk. Each line begins with the CRC-32 of its text, so that a torn end is known as such
//! and cut off at the next start. Only acknowledged lines count, and those are synced, so a torn
//! line never stands before a good one.

use std::io;
use std::path::Path;
use std::sync::Arc;

use harness_env::Env;
use harness_env::disk::{File, Open};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// An open journal.
pub struct Journal {
    file: Arc<dyn File>,
    /// Where the next line goes: after the last one that is durable.
    end: u64,
}

impl Journal {
    /// Opens the journal `name` in the program's directory, made if it is not there, and reads what
    /// it holds.
    ///
    /// # Errors
    /// The disk fails, or a whole line is not of the type that is expected.
    pub async fn open<T: DeserializeOwned>(env: &Env, name: &str) -> io::Result<(Self, Vec<T>)> {
        let (disk, here) = (env.disk(), Path::new(""));
        disk.create_dir_all(here).await?;
        let file = disk.open(Path::new(name), Open::OrCreate).await?;
        disk.sync_dir(here).await?;
        let length = file.len().await?;
        let bytes = file.read_at(0, length as usize).await?;
        let mut end = 0;
        let mut entries = Vec::new();
        while let Some((line, rest)) = first_line(&bytes[end..]) {
            let entry = serde_json::from_slice(line);
            let wrong =
                |e| io::Error::new(io::ErrorKind::InvalidData, format!("{name}@{end}: {e}"));
            entries.push(entry.map_err(wrong)?);
            end = bytes.len() - rest.len();
        }
        if end < bytes.len() {
            file.set_len(end as u64).await?;
            file.sync().await?;
        }
        Ok((Journal { file, end: end as u64 }, entries))
    }

    /// Appends an entry; returns when it is durable.
    ///
    /// # Errors
    /// The disk fails. The next entry takes the place of this one.
    pub async fn append<T: Serialize + Sync>(&mut self, entry: &T) -> io::Result<()> {
        let text = serde_json::to_string(entry).map_err(io::Error::other)?;
        let line = format!("{:08x} {text}\n", crc32fast::hash(text.as_bytes()));
        self.file.write_at(self.end, line.as_bytes()).await?;
        self.file.sync().await?;
        self.end += line.len() as u64;
        Ok(())
    }

    /// Forgets every entry.
    ///
    /// # Errors
    /// The disk fails.
    pub async fn clear(&mut self) -> io::Result<()> {
        self.file.set_len(0).await?;
        self.end = 0;
        self.file.sync().await
    }
}

/// The text of the first line and what follows it; none where the line is not whole.
fn first_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let newline = bytes.iter().position(|byte| *byte == b'\n')?;
    let (line, rest) = (&bytes[..newline], &bytes[newline + 1..]);
    let (sum, text) = (line.get(..8)?, line.get(9..)?);
    let sum = u32::from_str_radix(std::str::from_utf8(sum).ok()?, 16).ok()?;
    (crc32fast::hash(text) == sum).then_some((text, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_only_if_it_is_whole() {
        let text = b"{\"a\":1}";
        let mut line = format!("{:08x} ", crc32fast::hash(text)).into_bytes();
        line.extend(text);
        line.push(b'\n');
        line.extend(b"next");
        assert_eq!(first_line(&line), Some((&text[..], &b"next"[..])));
        assert_eq!(first_line(&line[..line.len() - 5]), None, "without its end");
        for torn in 0..line.len() - 5 {
            let mut bytes = line.clone();
            bytes[torn] ^= 0x10;
            assert_eq!(first_line(&bytes).filter(|(read, _)| read != text), None);
        }
        assert_eq!(first_line(b""), None);
        assert_eq!(first_line(b"\n"), None);
        assert_eq!(first_line("é\n".as_bytes()), None);
    }
}
