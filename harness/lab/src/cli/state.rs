//! The trails of the last runs on this machine: what lets `replay` say where a run went another way.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::Outcome;
use crate::outcome::trail;
use crate::sweep::Key;

/// How many trails are kept.
const KEPT_MAX: usize = 32;

/// The run that a trail is of.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// The run's digest.
    pub digest: String,
    /// Its seed.
    pub seed: u64,
    /// What was played.
    pub key: Key,
}

/// Where trails are kept: `$ANATOMY_STATE`, else `anatomy` in the user's folder for state.
pub fn folder() -> PathBuf {
    if cfg!(test) {
        return std::env::temp_dir().join(format!("anatomy-test-state-{}", std::process::id()));
    }
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(folder) = set("ANATOMY_STATE") {
        return folder.into();
    }
    let state = set("XDG_STATE_HOME").map(PathBuf::from);
    let home = || PathBuf::from(set("HOME").unwrap_or_else(|| ".".into())).join(".local/state");
    state.unwrap_or_else(home).join("anatomy")
}

/// Keeps a run's trail, and lets go of the oldest.
pub fn keep(folder: &Path, key: &Key, outcome: &Outcome) -> io::Result<()> {
    let (digest, seed, key) = (outcome.digest.clone(), outcome.seed, key.clone());
    let path = folder.join(format!("{digest}.trail"));
    let mut bytes = serde_json::to_vec(&Header { digest, seed, key })?;
    bytes.push(b'\n');
    bytes.extend(trail::to_bytes(&outcome.trail));
    std::fs::create_dir_all(folder)?;
    let unfinished = path.with_extension(format!("{}.tmp", std::process::id()));
    std::fs::write(&unfinished, bytes)?;
    std::fs::rename(&unfinished, &path)?;
    let mut trails = trails(folder)?;
    trails.sort();
    for (_, old) in trails.iter().rev().skip(KEPT_MAX) {
        std::fs::remove_file(old)?;
    }
    Ok(())
}

/// The trail of the run whose digest begins with `digest`, if it is kept and can be read.
pub fn find(folder: &Path, digest: &str) -> Option<(Header, Vec<u16>)> {
    let mut trails = trails(folder).ok()?;
    trails.sort();
    let begins = |path: &Path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(digest))
    };
    let (_, path) = trails.into_iter().rev().find(|(_, path)| begins(path))?;
    let bytes = std::fs::read(path).ok()?;
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let header = serde_json::from_slice(&bytes[..end]).ok()?;
    Some((header, trail::from_bytes(&bytes[end + 1..])))
}

/// The trails that are kept, with the time of each.
fn trails(folder: &Path) -> io::Result<Vec<(std::time::SystemTime, PathBuf)>> {
    let mut trails = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "trail")
            && let Ok(modified) = path.metadata().and_then(|metadata| metadata.modified())
        {
            trails.push((modified, path));
        }
    }
    Ok(trails)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::sample;

    #[test]
    fn the_newest_trails_are_kept_and_found_by_the_beginning_of_their_digest() {
        let folder = std::env::temp_dir().join(format!("anatomy-state-{}", std::process::id()));
        let request = sample::request();
        let key = Key::of(&request, "build");
        let mut outcome = sample::outcome(&request);
        for n in 0..KEPT_MAX + 3 {
            outcome.digest = format!("{:032x}", (n as u128) << 96);
            keep(&folder, &key, &outcome).expect("room");
        }
        assert_eq!(trails(&folder).expect("the folder").len(), KEPT_MAX);
        let (header, trail) = find(&folder, "00000022").expect("the last one");
        assert_eq!((header.seed, header.key, trail), (7, key, vec![1, 2, 3]));
        assert!(find(&folder, "ffffffff").is_none());
        std::fs::remove_dir_all(&folder).expect("the folder");
    }

    #[test]
    fn without_a_folder_nothing_is_found() {
        assert!(find(Path::new("/nonexistent/anatomy"), "00000000").is_none());
    }
}
