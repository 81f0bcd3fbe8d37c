//! A signal that is given once and stays given: what a closed Go channel is to those who wait on it.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

#[derive(Default)]
pub(super) struct Gate {
    given: AtomicBool,
    waiting: Notify,
}

impl Gate {
    /// Gives the signal. Doing it twice is the same as once.
    pub fn give(&self) {
        self.given.store(true, Ordering::SeqCst);
        self.waiting.notify_waiters();
    }

    pub fn is_given(&self) -> bool {
        self.given.load(Ordering::SeqCst)
    }

    /// Returns when the signal has been given. Cancel-safe.
    pub async fn wait(&self) {
        loop {
            // Made before the check: a signal between the two then wakes it.
            let notified = self.waiting.notified();
            if self.is_given() {
                return;
            }
            notified.await;
        }
    }
}
