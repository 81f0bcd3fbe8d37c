//! Giving up on work without stopping it.
//!
//! The real server's time limits answer the client and leave the goroutine where it hangs: nothing
//! in 1.7 cancels a call to etcd. So the work that runs out of time is handed to the executor and
//! goes on.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use harness_env::tasks::Executor as TaskExecutor;
use hyper::rt::Executor;

/// Runs work within a time limit.
#[derive(Clone)]
pub struct Patience {
    executor: TaskExecutor,
    abandoned: Arc<AtomicUsize>,
}

impl Patience {
    /// Abandoned work goes on on `executor`.
    pub fn new(executor: TaskExecutor) -> Self {
        Patience { executor, abandoned: Arc::default() }
    }

    /// How much abandoned work has not ended.
    pub fn abandoned(&self) -> usize {
        self.abandoned.load(Ordering::Relaxed)
    }

    /// What `work` comes to; `None` where that takes longer than `limit`.
    pub async fn within<T: Send + 'static>(
        &self,
        limit: Duration,
        work: Pin<Box<dyn Future<Output = T> + Send>>,
    ) -> Option<T> {
        let mut work = work;
        if let Ok(result) = tokio::time::timeout(limit, &mut work).await {
            return Some(result);
        }
        self.abandoned.fetch_add(1, Ordering::Relaxed);
        let abandoned = self.abandoned.clone();
        self.executor.execute(async move {
            work.await;
            abandoned.fetch_sub(1, Ordering::Relaxed);
        });
        None
    }
}
