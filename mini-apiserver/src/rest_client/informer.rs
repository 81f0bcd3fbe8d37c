//! A reflector with a store and a handler of changes.
//!
//! Controllers decide from what they have seen, not by asking: an informer keeps the last known
//! state of every object of a collection and tells its handler what changed. The handler only puts
//! keys in queues. Everything a controller does can thus be late, never torn.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness_env::{Env, Tasks};
use serde_json::Value;
use tokio::sync::watch;

use super::reflector::{Delta, Reflector};
use super::{Client, view};

/// What is known of a collection, by key. Clones are the same store.
#[derive(Clone, Default)]
pub struct Store {
    objects: Arc<Mutex<BTreeMap<String, Arc<Value>>>>,
}

impl Store {
    /// The object of that key.
    pub fn get(&self, key: &str) -> Option<Arc<Value>> {
        self.objects.lock().expect("no panic with the lock").get(key).cloned()
    }

    /// All objects, in the order of their keys.
    pub fn all(&self) -> Vec<Arc<Value>> {
        self.objects.lock().expect("no panic with the lock").values().cloned().collect()
    }

    /// The objects of one namespace, in the order of their keys.
    pub fn namespace(&self, namespace: &str) -> Vec<Arc<Value>> {
        let from = format!("{namespace}/");
        let objects = self.objects.lock().expect("no panic with the lock");
        let rest = objects.range(from.clone()..);
        rest.take_while(|(key, _)| key.starts_with(&from))
            .map(|(_, object)| object.clone())
            .collect()
    }

    /// Takes in what a reflector learned, and tells what changed by it.
    pub fn apply(&self, delta: Delta) -> Vec<Change> {
        let mut objects = self.objects.lock().expect("no panic with the lock");
        match delta {
            Delta::Upsert(new) => vec![upsert(&mut objects, new)],
            Delta::Delete(last) => {
                let old = objects.remove(&view::key(&last));
                old.map(|_| Change::Deleted(Arc::new(last))).into_iter().collect()
            }
            Delta::Replace(all) => {
                let mut before = std::mem::take(&mut *objects);
                let mut changes = Vec::with_capacity(all.len());
                for new in all {
                    let key = view::key(&new);
                    if let Some(old) = before.remove(&key) {
                        objects.insert(key, old);
                    }
                    changes.push(upsert(&mut objects, new));
                }
                changes.extend(before.into_values().map(Change::Deleted));
                changes
            }
        }
    }
}

fn upsert(objects: &mut BTreeMap<String, Arc<Value>>, new: Value) -> Change {
    let new = Arc::new(new);
    match objects.insert(view::key(&new), new.clone()) {
        Some(old) => Change::Updated(old, new),
        None => Change::Added(new),
    }
}

/// What happened to an object, as far as the store can tell.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// It was not known before.
    Added(Arc<Value>),
    /// It was known; before and after. The two are the same object at a resync.
    Updated(Arc<Value>, Arc<Value>),
    /// It is gone; its last known state.
    Deleted(Arc<Value>),
}

impl Change {
    /// The latest state of the object.
    pub fn object(&self) -> &Arc<Value> {
        match self {
            Change::Added(object) | Change::Updated(_, object) | Change::Deleted(object) => object,
        }
    }
}

/// How often a handler is told of everything again: at random in the range.
pub type Resync = std::ops::Range<Duration>;

/// The default of `--min-resync-period` of the controller-manager: 12 to 24 hours.
pub const DEFAULT_RESYNC: Resync = Duration::from_secs(12 * 3600)..Duration::from_secs(24 * 3600);

type Handler = Box<dyn FnMut(&Change) + Send>;

/// Follows a collection as long as its tasks run. Clones are the same informer: the controllers of
/// one process share one for each collection, as client-go's `SharedInformerFactory` has it.
#[derive(Clone)]
pub struct Informer {
    /// What is known.
    pub store: Store,
    /// The lock is held while a change is taken in, so that nobody misses one or sees one twice.
    handlers: Arc<Mutex<Vec<Handler>>>,
    synced: watch::Receiver<bool>,
    env: Env,
    /// What tells the informer's random streams from others'.
    name: String,
}

impl Informer {
    /// Follows `path` on `tasks`.
    pub fn start(env: &Env, tasks: &Tasks, client: &Client, path: &str) -> Informer {
        let (synced, receiver) = watch::channel(false);
        let name = format!("{} {path}", client.name());
        let informer = Informer {
            store: Store::default(),
            handlers: Arc::default(),
            synced: receiver,
            env: env.clone(),
            name,
        };
        let rng = env.rng(&format!("reflector {}", informer.name));
        let reflector = Reflector::new(client.clone(), path, rng);
        let (store, handlers) = (informer.store.clone(), informer.handlers.clone());
        tasks.spawn(async move {
            let on = |delta| {
                let full = matches!(delta, Delta::Replace(_));
                let mut handlers = handlers.lock().expect("no panic with the lock");
                for change in store.apply(delta) {
                    handlers.iter_mut().for_each(|handler| handler(&change));
                }
                if full {
                    synced.send_replace(true);
                }
            };
            match reflector.run(on).await {}
        });
        informer
    }

    /// Tells `handler` of everything that is known, as added, and from then on of each change, after
    /// the store has it.
    pub fn subscribe(&self, handler: impl FnMut(&Change) + Send + 'static) {
        let mut handler: Handler = Box::new(handler);
        let mut handlers = self.handlers.lock().expect("no panic with the lock");
        self.store.all().into_iter().for_each(|object| handler(&Change::Added(object)));
        handlers.push(handler);
    }

    /// As [`Informer::subscribe`]; the handler is also told of everything again now and then, on a
    /// task of `tasks`.
    pub fn subscribe_and_resync(
        &self,
        tasks: &Tasks,
        resync: Resync,
        handler: impl FnMut(&Change) + Send + 'static,
    ) {
        let handler = Arc::new(Mutex::new(handler));
        let shared = handler.clone();
        self.subscribe(move |change| (shared.lock().expect("no panic with the lock"))(change));
        let period = self.env.rng(&format!("resync {}", self.name)).duration(resync);
        let store = self.store.clone();
        tasks.spawn(async move {
            loop {
                tokio::time::sleep(period).await;
                let mut handler = handler.lock().expect("no panic with the lock");
                for object in store.all() {
                    handler(&Change::Updated(object.clone(), object));
                }
            }
        });
    }

    /// Returns when the first list is in.
    pub async fn synced(&self) {
        // The sender lives in the reflector's task, which ends only with the one that waits here.
        let _ = self.synced.clone().wait_for(|synced| *synced).await;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn object(name: &str, version: u64) -> Value {
        json!({"metadata": {"namespace": "n", "name": name, "resourceVersion": version.to_string()}})
    }

    #[test]
    fn a_list_tells_what_was_missed() {
        let store = Store::default();
        store.apply(Delta::Replace(vec![object("a", 1), object("b", 2)]));
        let changes = store.apply(Delta::Replace(vec![object("b", 3), object("c", 4)]));
        let [updated, added, deleted] = &changes[..] else { panic!("{changes:?}") };
        assert_eq!(updated, &Change::Updated(object("b", 2).into(), object("b", 3).into()));
        assert_eq!(added, &Change::Added(object("c", 4).into()));
        assert_eq!(deleted, &Change::Deleted(object("a", 1).into()));
    }

    #[test]
    fn a_namespace_does_not_hold_the_objects_of_another() {
        let store = Store::default();
        let of = |namespace: &str| json!({"metadata": {"namespace": namespace, "name": "x"}});
        for namespace in ["a", "a-b", "b"] {
            store.apply(Delta::Upsert(of(namespace)));
        }
        assert_eq!(store.namespace("a"), [Arc::new(of("a"))]);
    }

    proptest! {
        #[test]
        fn whoever_follows_the_changes_knows_what_the_store_knows(
            steps in prop::collection::vec(
                prop_oneof![
                    (0..4u8, any::<bool>()).prop_map(|(name, gone)| (vec![name], Some(gone))),
                    prop::collection::btree_set(0..4u8, 0..4)
                        .prop_map(|names| (names.into_iter().collect(), None)),
                ],
                0..30,
            ),
        ) {
            let (store, mut followed) = (Store::default(), BTreeMap::new());
            for (at, (names, single)) in steps.into_iter().enumerate() {
                let mut objects = names.iter().map(|name| object(&name.to_string(), at as u64));
                let delta = match single {
                    Some(true) => Delta::Delete(objects.next().expect("one")),
                    Some(false) => Delta::Upsert(objects.next().expect("one")),
                    None => Delta::Replace(objects.collect()),
                };
                for change in store.apply(delta) {
                    let key = view::key(change.object());
                    match change {
                        Change::Added(new) => prop_assert!(followed.insert(key, new).is_none()),
                        Change::Updated(old, new) => {
                            prop_assert_eq!(followed.insert(key, new), Some(old));
                        }
                        Change::Deleted(_) => prop_assert!(followed.remove(&key).is_some()),
                    }
                }
                let known: Vec<_> = followed.values().cloned().collect();
                prop_assert_eq!(known, store.all());
            }
        }
    }
}
