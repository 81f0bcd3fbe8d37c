//! Tasks that stop with the component that started them.
//!
//! A component is one future. What it runs beside itself it starts on a [`Tasks`] that lives in
//! that future; dropping the future drops the set, and the set stops its tasks. Libraries that want
//! an executor (hyper, and tonic through it) get [`Tasks::executor`], which starts on the same set.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, Weak};

use tokio::task::AbortHandle;

use crate::env::Env;

/// A set of tasks. Dropping it stops them, in the order they were started.
pub struct Tasks {
    env: Env,
    running: Arc<Running>,
}

#[derive(Default)]
struct Running {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    next: u64,
    handles: BTreeMap<u64, AbortHandle>,
}

impl Tasks {
    pub(crate) fn new(env: Env) -> Self {
        Tasks { env, running: Arc::default() }
    }

    /// Starts a task that runs until it ends or the set is dropped.
    pub fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        spawn(&self.env, &self.running, future);
    }

    /// Starts a task that runs until it ends, its [`Task`] is dropped, or the set is.
    pub fn spawn_owned(&self, future: impl Future<Output = ()> + Send + 'static) -> Task {
        Task(spawn(&self.env, &self.running, future))
    }

    /// An executor for libraries. Once the set is gone it drops what it is given.
    pub fn executor(&self) -> Executor {
        Executor { env: self.env.clone(), running: Arc::downgrade(&self.running) }
    }

    /// How many tasks have not ended.
    pub fn len(&self) -> usize {
        self.running.inner.lock().expect("no task panics with the lock").handles.len()
    }

    /// Whether all tasks have ended.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        let handles = {
            let mut inner = self.running.inner.lock().expect("no task panics with the lock");
            std::mem::take(&mut inner.handles)
        };
        for handle in handles.into_values() {
            handle.abort();
        }
    }
}

fn spawn(
    env: &Env,
    running: &Arc<Running>,
    future: impl Future<Output = ()> + Send + 'static,
) -> AbortHandle {
    let mut inner = running.inner.lock().expect("no task panics with the lock");
    let id = inner.next;
    inner.next += 1;
    let done = Done { id, running: Arc::downgrade(running) };
    let handle = env.host().spawn(Box::pin(async move {
        let _done = done;
        future.await;
    }));
    inner.handles.insert(id, handle.clone());
    handle
}

/// Takes the task off the list when it ends.
struct Done {
    id: u64,
    running: Weak<Running>,
}

impl Drop for Done {
    fn drop(&mut self) {
        if let Some(running) = self.running.upgrade()
            && let Ok(mut inner) = running.inner.lock()
        {
            inner.handles.remove(&self.id);
        }
    }
}

/// A task that stops when this is dropped.
#[must_use = "dropping it stops the task"]
pub struct Task(AbortHandle);

impl Task {
    /// Whether the task has ended.
    pub fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Starts a library's tasks on a [`Tasks`].
#[derive(Clone)]
pub struct Executor {
    env: Env,
    running: Weak<Running>,
}

impl<F> hyper::rt::Executor<F> for Executor
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        if let Some(running) = self.running.upgrade() {
            spawn(&self.env, &running, async move {
                future.await;
            });
        }
    }
}
