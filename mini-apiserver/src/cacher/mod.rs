//! The watch cache: one watch of etcd per resource feeds all clients' watches of it.
//!
//! As kubernetes 1.7.8 pkg/storage/cacher.go and watch_cache.go. What a client can observe of its
//! construction:
//!
//! * [`Cacher::watch`] waits until the cache is ready, and nothing bounds the wait: while the first
//!   list of etcd hangs, a client has a connection and no answer.
//! * The cache lives on its own stream to etcd. It keeps answering when every other request of the
//!   resource hangs, and goes silent without a sign when its stream does.
//! * When the cache restarts, it closes every client's watch of the resource.
//! * A client that reads too slowly is cut off.
//!
//! | module | what it is |
//! |---|---|
//! | [`window`] | the objects, and the last changes |
//! | [`reflector`] | keeps the window like etcd |
//! | [`dispatch`] | hands changes to the watchers, each within its patience |
//! | [`watcher`] | one client's view of the changes |

pub mod budget;
pub mod dispatch;
pub mod reflector;
pub mod watcher;
pub mod window;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use harness_env::Tasks;
use tokio::sync::{mpsc, watch};

use crate::Version;
use crate::objects::{Kind, Object};
use crate::registry::selector::Selector;
use crate::registry::store::{Listed, Store};
use crate::status::Status;
use watcher::{Registered, Watcher};
use window::{Change, Window};

/// How long a read waits for the cache to reach the version it asks for
/// (`blockTimeout`, watch_cache.go).
const FRESH: Duration = Duration::from_secs(3);
/// Changes between the window and the dispatcher (`incoming`, cacher.go).
const INCOMING: usize = 100;
/// Changes that a watcher may lie behind.
const BEHIND: usize = 10;
/// The same for watchers of all pods or all nodes, where others have an index.
const BEHIND_UNINDEXED: usize = 1000;

/// The watch cache of one resource.
pub struct Cacher {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    kind: Kind,
    version: Version,
    ready: watch::Sender<bool>,
    revision: watch::Sender<i64>,
    state: Mutex<State>,
}

struct State {
    window: Window,
    watchers: BTreeMap<u64, Registered>,
    next: u64,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no task panics with the lock")
    }

    /// Closes the watches of all clients.
    fn close_watchers(&self) {
        self.state().watchers.clear();
    }

    fn forget(&self, id: u64) {
        self.state().watchers.remove(&id);
    }
}

impl Cacher {
    /// Starts the cache of what `store` holds on `tasks`.
    pub fn start(tasks: &Tasks, store: Store, version: Version) -> Self {
        let kind = store.kind();
        let shared = Arc::new(Shared {
            kind,
            version,
            ready: watch::Sender::new(false),
            revision: watch::Sender::new(0),
            state: Mutex::new(State {
                window: Window::new(kind.watch_window()),
                watchers: BTreeMap::new(),
                next: 0,
            }),
        });
        let (incoming, changes) = mpsc::channel::<Arc<Change>>(INCOMING);
        tasks.spawn(dispatch::run(shared.clone(), changes));
        tasks.spawn(reflector::run(shared.clone(), store, incoming));
        Cacher { shared }
    }

    /// Whether the cache has the state of etcd.
    pub fn is_ready(&self) -> bool {
        *self.shared.ready.borrow()
    }

    /// What the cache has under `key` right now: a hint, perhaps an old one.
    pub fn peek(&self, key: &str) -> Option<Arc<Object>> {
        self.shared.state().window.get(key)
    }

    /// Reads one object that is at least as fresh as `revision`.
    ///
    /// # Errors
    /// 504 where the cache is not that fresh within 3 s.
    pub async fn get(&self, key: &str, revision: i64) -> Result<Option<Arc<Object>>, Status> {
        self.fresh(revision).await?;
        Ok(self.peek(key))
    }

    /// Reads all objects under `prefix`, at least as fresh as `revision`.
    ///
    /// # Errors
    /// 504 where the cache is not that fresh within 3 s.
    pub async fn list(&self, prefix: &str, revision: i64) -> Result<Listed, Status> {
        self.fresh(revision).await?;
        let state = self.shared.state();
        let (items, revision) = (state.window.list(prefix), state.window.revision());
        Ok(Listed { items, revision })
    }

    async fn wait_until_ready(&self) {
        let mut ready = self.shared.ready.subscribe();
        // The sender is in `shared`, so there is nothing to fail.
        let _ = ready.wait_for(|ready| *ready).await;
    }

    async fn fresh(&self, wanted: i64) -> Result<(), Status> {
        self.wait_until_ready().await;
        let mut revision = self.shared.revision.subscribe();
        let reached = tokio::time::timeout(FRESH, revision.wait_for(|now| *now >= wanted)).await;
        match reached {
            Ok(_) => Ok(()),
            Err(_) => Err(Status::too_large(wanted, *self.shared.revision.borrow())),
        }
    }

    /// Follows the objects under `prefix` that `selector` selects, from after `revision`; 0 stands
    /// for the state now. The inner error is for the stream: a client gets it as an event.
    pub async fn watch(
        &self,
        prefix: String,
        selector: Selector,
        revision: i64,
    ) -> Result<Watcher, Status> {
        self.wait_until_ready().await;
        let mut state = self.shared.state();
        let initial = match revision {
            0 => state.window.everything(),
            revision => state.window.since(revision)?,
        };
        // What is in the window may still be on its way to the watchers.
        let from = state.window.revision().max(revision);
        let indexed = selector.is_indexed(self.shared.kind);
        let unindexed = matches!(self.shared.kind, Kind::Pod | Kind::Node) && !indexed;
        let (sender, live) = mpsc::channel(if unindexed { BEHIND_UNINDEXED } else { BEHIND });
        let id = state.next;
        state.next += 1;
        let index = indexed.then(|| selector.clone());
        state.watchers.insert(id, Registered { sender, from, index });
        drop(state);
        let shared = Arc::downgrade(&self.shared);
        Ok(Watcher::new(initial, live, prefix, selector, self.shared.version, shared, id))
    }
}
