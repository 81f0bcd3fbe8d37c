//! The objects of one resource and the last changes of them, in memory.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::objects::Object;
use crate::status::Status;

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// It is new.
    Added,
    /// It is another.
    Modified,
    /// It is gone.
    Deleted,
}

/// One change of one object.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// What happened.
    pub what: What,
    /// The object's key.
    pub key: String,
    /// The object after it; before it where it was deleted.
    pub object: Arc<Object>,
    /// The object before it, as the cache had it.
    pub previous: Option<Arc<Object>>,
    /// etcd's revision of it.
    pub revision: i64,
}

/// All objects, and as many of the last changes as fit.
#[derive(Debug)]
pub struct Window {
    objects: BTreeMap<String, Arc<Object>>,
    changes: VecDeque<Arc<Change>>,
    capacity: usize,
    revision: i64,
}

impl Window {
    /// An empty window that keeps `capacity` changes.
    pub fn new(capacity: usize) -> Self {
        Window { objects: BTreeMap::new(), changes: VecDeque::new(), capacity, revision: 0 }
    }

    /// The revision of the last change, or of the list that the window began with.
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// Begins anew with all objects as of `revision`; the changes are forgotten.
    pub fn replace(&mut self, objects: Vec<Arc<Object>>, revision: i64) {
        self.objects = objects.into_iter().map(|object| (object.key(), object)).collect();
        self.changes.clear();
        self.revision = revision;
    }

    /// Takes in a change.
    pub fn apply(&mut self, what: What, object: Object, revision: i64) -> Arc<Change> {
        let (key, object) = (object.key(), Arc::new(object));
        let previous = match what {
            What::Added | What::Modified => self.objects.insert(key.clone(), object.clone()),
            What::Deleted => self.objects.remove(&key),
        };
        let change = Arc::new(Change { what, key, object, previous, revision });
        if self.changes.len() == self.capacity {
            self.changes.pop_front();
        }
        self.changes.push_back(change.clone());
        self.revision = revision;
        change
    }

    /// One object.
    pub fn get(&self, key: &str) -> Option<Arc<Object>> {
        self.objects.get(key).cloned()
    }

    /// The objects under `prefix`, by key.
    pub fn list(&self, prefix: &str) -> Vec<Arc<Object>> {
        let from = self.objects.range(prefix.to_string()..);
        from.take_while(|(key, _)| key.starts_with(prefix))
            .map(|(_, object)| object.clone())
            .collect()
    }

    /// All objects as if they had just been added.
    pub fn everything(&self) -> Vec<Arc<Change>> {
        let added = |(key, object): (&String, &Arc<Object>)| {
            Arc::new(Change {
                what: What::Added,
                key: key.clone(),
                object: object.clone(),
                previous: None,
                revision: object.revision(),
            })
        };
        self.objects.iter().map(added).collect()
    }

    /// The changes after `revision`.
    ///
    /// The window does not remember the revision it began with once it has changes. So a client
    /// that comes with a version from before the first of them is too old, although it may have
    /// missed nothing: after a restart of the server that is most of them.
    ///
    /// # Errors
    /// 410 where some of them are, or may be, forgotten.
    pub fn since(&self, revision: i64) -> Result<Vec<Arc<Change>>, Status> {
        let oldest = self.changes.front().map_or(self.revision, |change| change.revision);
        if revision < oldest - 1 {
            return Err(Status::too_old(revision, oldest - 1));
        }
        let newer = self.changes.iter().filter(|change| change.revision > revision);
        Ok(newer.cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::objects::Kind;

    fn object(name: &str, revision: i64) -> Object {
        let document = json!({"metadata": {"name": name, "namespace": "default"}});
        Object::read(Kind::Endpoints, document).unwrap().at_revision(revision)
    }

    #[test]
    fn a_version_out_of_the_window_is_too_old() {
        let mut window = Window::new(2);
        window.replace(vec![Arc::new(object("a", 5))], 10);
        assert!(window.since(8).is_err());
        assert!(window.since(9).unwrap().is_empty());
        for revision in 11..14 {
            window.apply(What::Modified, object("a", revision), revision);
        }
        assert_eq!(window.since(10).unwrap_err().message, "too old resource version: 10 (11)");
        let revisions = |since| -> Vec<i64> {
            window.since(since).unwrap().iter().map(|change| change.revision).collect()
        };
        assert_eq!(revisions(11), [12, 13]);
        assert_eq!(revisions(13), Vec::<i64>::new());
    }

    proptest! {
        /// Whoever knows the state at some revision and sees the changes since has the state now,
        /// or is told that it is too old.
        #[test]
        fn the_changes_since_a_state_lead_to_the_state_now(
            steps in prop::collection::vec((0..4u8, any::<bool>()), 1..40), begin in 0..40usize
        ) {
            let mut window = Window::new(1000);
            window.replace(vec![], 1);
            let mut states = vec![(1, window.objects.clone())];
            for (revision, (name, put)) in (2..).zip(steps) {
                let object = object(&format!("n{name}"), revision);
                let known = window.get(&object.key()).is_some();
                match (put, known) {
                    (true, true) => window.apply(What::Modified, object, revision),
                    (true, false) => window.apply(What::Added, object, revision),
                    (false, true) => window.apply(What::Deleted, object, revision),
                    (false, false) => continue,
                };
                states.push((revision, window.objects.clone()));
            }
            let (revision, mut state) = states.swap_remove(begin % states.len());
            let Ok(changes) = window.since(revision) else {
                prop_assert!(revision < window.changes[0].revision - 1);
                return Ok(());
            };
            for change in changes {
                match change.what {
                    What::Deleted => state.remove(&change.key),
                    _ => state.insert(change.key.clone(), change.object.clone()),
                };
            }
            prop_assert_eq!(state, window.objects);
        }
    }
}
