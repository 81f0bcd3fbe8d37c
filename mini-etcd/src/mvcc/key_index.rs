//! The revisions of one key.
//!
//! A key's life is a list of generations, each from a put after nothing to a deletion. Versions
//! count within a generation. Compaction drops what no reader may ask for any more.

use std::collections::BTreeSet;

use super::Revision;
use crate::defects::{Defect, Defects};

/// The revisions of one key, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyIndex {
    generations: Vec<Generation>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Generation {
    /// The main revision of the first put, which compaction may have dropped from `revisions`.
    created: i64,
    /// How many changes the generation has had, dropped ones included.
    changes: i64,
    revisions: Vec<Revision>,
    deleted: bool,
}

/// What a key was at a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The last change.
    pub modified: Revision,
    /// The main revision of the put that made the key.
    pub created: i64,
    /// The number of puts since, from 1.
    pub version: i64,
}

impl KeyIndex {
    /// Notes a put.
    pub fn put(&mut self, at: Revision) {
        match self.generations.last_mut() {
            Some(last) if !last.deleted => {
                last.changes += 1;
                last.revisions.push(at);
            }
            _ => self.restore(at.main, 1, at),
        }
    }

    /// Notes a put whose generation began before what is kept.
    pub fn restore(&mut self, created: i64, version: i64, at: Revision) {
        let generation =
            Generation { created, changes: version, revisions: vec![at], deleted: false };
        self.generations.push(generation);
    }

    /// Notes a deletion of which nothing before is kept.
    pub fn restore_deleted(&mut self, at: Revision) {
        let generation = Generation { created: 0, changes: 1, revisions: vec![at], deleted: true };
        self.generations.push(generation);
    }

    /// Notes a deletion. The key must exist.
    pub fn delete(&mut self, at: Revision) {
        let last = self.generations.last_mut().expect("a deleted key existed");
        assert!(!last.deleted, "a deleted key existed");
        last.changes += 1;
        last.revisions.push(at);
        last.deleted = true;
    }

    /// Whether the key exists now.
    pub fn exists(&self) -> bool {
        self.generations.last().is_some_and(|last| !last.deleted)
    }

    /// What the key was after the changes of `main`.
    pub fn get(&self, main: i64) -> Option<Found> {
        for generation in self.generations.iter().rev() {
            let upto = generation.revisions.partition_point(|r| r.main <= main);
            if upto == 0 {
                continue;
            }
            if generation.deleted && upto == generation.revisions.len() {
                return None;
            }
            return Some(Found {
                modified: generation.revisions[upto - 1],
                created: generation.created,
                version: generation.changes - (generation.revisions.len() - upto) as i64,
            });
        }
        None
    }

    /// Drops what only readers below `main` could see, and adds what is left of the key's past up
    /// to `main` to `keep`. Returns whether nothing at all is left.
    ///
    /// All changes of `main` itself stay, for a watch that starts there (that a deletion was lost
    /// was etcd-io/etcd#19179).
    pub fn compact(&mut self, main: i64, defects: Defects, keep: &mut BTreeSet<Revision>) -> bool {
        self.generations.retain_mut(|generation| {
            let upto = generation.revisions.partition_point(|r| r.main <= main);
            if upto == 0 {
                return true;
            }
            let gone = generation.deleted && upto == generation.revisions.len();
            let at_main = generation.revisions.partition_point(|r| r.main < main);
            let gone = gone || defects.has(Defect::CompactionDropsLive);
            let first = if gone { at_main } else { at_main.min(upto - 1) };
            generation.revisions.drain(..first);
            keep.extend(generation.revisions.iter().filter(|r| r.main <= main));
            !generation.revisions.is_empty()
        });
        self.generations.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(main: i64) -> Revision {
        Revision { main, sub: 0 }
    }

    #[test]
    fn versions_count_within_a_generation() {
        let mut key = KeyIndex::default();
        key.put(at(2));
        key.put(at(4));
        key.delete(at(5));
        key.put(at(7));
        assert_eq!(key.get(1), None);
        assert_eq!(key.get(3), Some(Found { modified: at(2), created: 2, version: 1 }));
        assert_eq!(key.get(4), Some(Found { modified: at(4), created: 2, version: 2 }));
        assert_eq!(key.get(6), None);
        assert_eq!(key.get(9), Some(Found { modified: at(7), created: 7, version: 1 }));
    }

    #[test]
    fn compaction_keeps_what_is_readable_from_its_revision_on() {
        let mut key = KeyIndex::default();
        key.put(at(2));
        key.put(at(4));
        key.put(at(6));
        let before = [key.get(5), key.get(6)];
        let (mut keep, none) = (BTreeSet::new(), Defects::default());
        assert!(!key.compact(5, none, &mut keep));
        assert_eq!(keep, BTreeSet::from([at(4)]));
        assert_eq!([key.get(5), key.get(6)], before);
    }

    #[test]
    fn compaction_forgets_a_key_deleted_before_it() {
        let mut key = KeyIndex::default();
        key.put(at(2));
        key.delete(at(3));
        let (mut keep, none) = (BTreeSet::new(), Defects::default());
        assert!(!key.clone().compact(3, none, &mut keep), "a watch from 3 still sees the deletion");
        keep.clear();
        assert!(key.compact(4, none, &mut keep));
        assert!(keep.is_empty());
    }
}
