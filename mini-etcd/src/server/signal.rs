//! A value that tasks can wait on.
//!
//! As `tokio::sync::watch`, but waiters are woken in the order in which they began to wait; that
//! one spreads them over queues by a random number.

use std::sync::Mutex;

use tokio::sync::Notify;

/// A shared value with waiters.
#[derive(Default)]
pub(crate) struct Signal<T> {
    value: Mutex<T>,
    changed: Notify,
}

impl<T: Copy + PartialEq> Signal<T> {
    pub fn new(value: T) -> Self {
        Signal { value: Mutex::new(value), changed: Notify::new() }
    }

    pub fn get(&self) -> T {
        *self.value.lock().expect("no task panics with the lock")
    }

    /// Sets the value, waking the waiters if it is another.
    pub fn set(&self, value: T) {
        let old = std::mem::replace(
            &mut *self.value.lock().expect("no task panics with the lock"),
            value,
        );
        if old != value {
            self.changed.notify_waiters();
        }
    }

    /// Waits until the value is one that `accept` takes. A value that came and went may be missed.
    pub async fn wait(&self, mut accept: impl FnMut(T) -> bool) -> T {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            let value = self.get();
            if accept(value) {
                return value;
            }
            changed.await;
        }
    }
}
