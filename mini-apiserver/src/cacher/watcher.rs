//! One client's view of the changes.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use tokio::sync::mpsc;

use super::Shared;
use super::window::{Change, What};
use crate::Version;
use crate::objects::Object;
use crate::registry::selector::Selector;

/// What the dispatcher knows of a watcher.
pub(super) struct Registered {
    pub(super) sender: mpsc::Sender<Arc<Change>>,
    /// Changes up to this revision are not for it.
    pub(super) from: i64,
    /// Where the cache has an index for the watcher: what it looks up.
    pub(super) index: Option<Selector>,
}

impl Registered {
    pub(super) fn wants(&self, change: &Change) -> bool {
        let Some(index) = &self.index else { return change.revision > self.from };
        let was = change.previous.as_deref().is_some_and(|previous| index.matches(previous));
        change.revision > self.from && (was || index.matches(&change.object))
    }
}

/// An event of a watch.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// What happened, as the client sees it.
    pub what: What,
    /// The object.
    pub object: Arc<Object>,
}

/// A running watch. Dropping it ends it.
pub struct Watcher {
    initial: VecDeque<Arc<Change>>,
    live: mpsc::Receiver<Arc<Change>>,
    prefix: String,
    selector: Selector,
    version: Version,
    shared: Weak<Shared>,
    id: u64,
}

impl Watcher {
    pub(super) fn new(
        initial: Vec<Arc<Change>>,
        live: mpsc::Receiver<Arc<Change>>,
        prefix: String,
        selector: Selector,
        version: Version,
        shared: Weak<Shared>,
        id: u64,
    ) -> Self {
        Watcher { initial: initial.into(), live, prefix, selector, version, shared, id }
    }

    /// The next event; `None` where the cache has closed the watch.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            let change = match self.initial.pop_front() {
                Some(change) => change,
                None => self.live.recv().await?,
            };
            if change.key.starts_with(&self.prefix)
                && let Some(event) = seen(&change, &self.selector, self.version)
            {
                return Some(event);
            }
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.forget(self.id);
        }
    }
}

/// What a client that selects by `selector` sees of a change: an object that begins to match is
/// added, one that stops to match is deleted.
///
/// A deletion carries the object as it was before. Up to 1.9 that includes its old
/// resourceVersion, which goes back in time (`event.PrevObject` in the cacher.go of that time);
/// that 1.10 sends the revision of the deletion is inferred from later sources.
fn seen(change: &Change, selector: &Selector, version: Version) -> Option<Event> {
    let is = change.what != What::Deleted && selector.matches(&change.object);
    let was = change.previous.as_ref().filter(|previous| selector.matches(previous));
    match (is, was) {
        (true, None) => Some(Event { what: What::Added, object: change.object.clone() }),
        (true, Some(_)) => Some(Event { what: What::Modified, object: change.object.clone() }),
        (false, Some(previous)) => {
            let object = match version {
                Version::V1_10 => Arc::new(Object::clone(previous).at_revision(change.revision)),
                _ => previous.clone(),
            };
            Some(Event { what: What::Deleted, object })
        }
        (false, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::objects::Kind;

    fn pod(node: &str, revision: i64) -> Arc<Object> {
        let document =
            json!({"metadata": {"name": "p", "namespace": "default"}, "spec": {"nodeName": node}});
        Arc::new(Object::read(Kind::Pod, document).unwrap().at_revision(revision))
    }

    fn change(what: What, object: Arc<Object>, previous: Option<Arc<Object>>) -> Change {
        Change { what, key: object.key(), object, previous, revision: 9 }
    }

    #[test]
    fn a_selecting_client_sees_objects_come_and_go() {
        let selector = Selector::parse(Kind::Pod, "", "spec.nodeName=n1").unwrap();
        for (change, expected) in [
            (change(What::Added, pod("n1", 9), None), Some(What::Added)),
            (change(What::Added, pod("", 9), None), None),
            (change(What::Modified, pod("n1", 9), Some(pod("", 8))), Some(What::Added)),
            (change(What::Modified, pod("n1", 9), Some(pod("n1", 8))), Some(What::Modified)),
            (change(What::Modified, pod("n2", 9), Some(pod("n1", 8))), Some(What::Deleted)),
            (change(What::Deleted, pod("n1", 9), Some(pod("n1", 8))), Some(What::Deleted)),
            (change(What::Deleted, pod("n2", 9), Some(pod("n2", 8))), None),
        ] {
            let event = seen(&change, &selector, Version::V1_7);
            assert_eq!(event.map(|event| event.what), expected, "{change:?}");
        }
    }

    #[test]
    fn a_deletion_carries_the_version_before_it_until_1_10() {
        let change = change(What::Deleted, pod("n1", 9), Some(pod("n1", 8)));
        let revision =
            |version| seen(&change, &Selector::default(), version).unwrap().object.revision();
        assert_eq!((revision(Version::V1_7), revision(Version::V1_10)), (8, 9));
    }
}
