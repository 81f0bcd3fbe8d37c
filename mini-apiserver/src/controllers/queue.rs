//! The work queue of a controller.
//!
//! After client-go `util/workqueue`: a key is in the queue once, however often it is added; a key
//! that is being worked on and added again is worked on once more afterwards, never by two workers at
//! once; a failed key comes back after 5 ms, doubled with each failure of that key.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::pin::pin;
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// First and longest delay of a failed key (`DefaultControllerRateLimiter`). Its second limit, 10
/// failures a second over all keys with bursts of 100, is left out: nothing here comes near it.
const BACKOFF: Duration = Duration::from_millis(5);
const BACKOFF_MAX: Duration = Duration::from_secs(1000);

/// A queue of keys.
#[derive(Debug, Default)]
pub struct Queue {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    ready: VecDeque<String>,
    /// Added since a worker last took it.
    dirty: BTreeSet<String>,
    processing: BTreeSet<String>,
    delayed: BTreeSet<(Instant, u64, String)>,
    sequence: u64,
    failures: BTreeMap<String, u32>,
}

impl Queue {
    /// Adds a key.
    pub fn add(&self, key: &str) {
        self.lock().add(key);
        self.changed.notify_one();
    }

    /// Adds a key after `delay`.
    pub fn add_after(&self, key: &str, delay: Duration) {
        let mut state = self.lock();
        state.sequence += 1;
        let entry = (Instant::now() + delay, state.sequence, key.to_string());
        state.delayed.insert(entry);
        drop(state);
        self.changed.notify_one();
    }

    /// Adds a failed key after its back-off.
    pub fn add_failed(&self, key: &str) {
        let delay = {
            let mut state = self.lock();
            let failures = state.failures.entry(key.to_string()).or_default();
            *failures += 1;
            backoff(*failures - 1)
        };
        self.add_after(key, delay);
    }

    /// How often the key has failed since it was last forgotten.
    pub fn failures(&self, key: &str) -> u32 {
        self.lock().failures.get(key).copied().unwrap_or_default()
    }

    /// The key did not fail, or will not be tried again: its next back-off is the first.
    pub fn forget(&self, key: &str) {
        self.lock().failures.remove(key);
    }

    /// The next key. [`Queue::done`] must follow.
    pub async fn next(&self) -> String {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            let due = {
                let mut state = self.lock();
                state.promote(Instant::now());
                if let Some(key) = state.take() {
                    if !state.ready.is_empty() {
                        self.changed.notify_one();
                    }
                    return key;
                }
                state.delayed.first().map(|(at, ..)| *at)
            };
            match due {
                Some(at) => tokio::select! {
                    biased;
                    () = changed => {}
                    () = tokio::time::sleep_until(at) => {}
                },
                None => changed.await,
            }
        }
    }

    /// The worker is done with the key.
    pub fn done(&self, key: &str) {
        let mut state = self.lock();
        state.processing.remove(key);
        if state.dirty.contains(key) {
            state.ready.push_back(key.to_string());
            drop(state);
            self.changed.notify_one();
        }
    }

    /// The worker is done with the key, and it went well or not. A failed key comes back until it
    /// has failed `retries` times in a row; then it is dropped until it is added anew.
    pub fn finish<E>(&self, key: &str, result: &Result<(), E>, retries: u32) {
        match result {
            Err(_) if self.failures(key) < retries => self.add_failed(key),
            _ => self.forget(key),
        }
        self.done(key);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no panic with the lock")
    }
}

impl State {
    fn add(&mut self, key: &str) {
        if self.dirty.insert(key.to_string()) && !self.processing.contains(key) {
            self.ready.push_back(key.to_string());
        }
    }

    fn promote(&mut self, now: Instant) {
        while self.delayed.first().is_some_and(|(at, ..)| *at <= now) {
            let (_, _, key) = self.delayed.pop_first().expect("just seen");
            self.add(&key);
        }
    }

    fn take(&mut self) -> Option<String> {
        let key = self.ready.pop_front()?;
        assert!(self.dirty.remove(&key), "what is ready was added");
        assert!(self.processing.insert(key.clone()), "a key has one worker");
        Some(key)
    }
}

fn backoff(failures: u32) -> Duration {
    BACKOFF.saturating_mul(1 << failures.min(20)).min(BACKOFF_MAX)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_added_key_is_worked_on_afterwards_and_never_twice_at_once(
            steps in prop::collection::vec((0..3u8, 0..4u8), 0..60),
        ) {
            let queue = Queue::default();
            let (mut owed, mut held) = (BTreeSet::new(), Vec::new());
            for (step, key) in steps {
                let key = key.to_string();
                match step {
                    0 => {
                        queue.add(&key);
                        owed.insert(key);
                    }
                    1 => match queue.next().now_or_never() {
                        Some(key) => {
                            prop_assert!(!held.contains(&key), "two workers");
                            prop_assert!(owed.remove(&key), "nobody added it");
                            held.push(key);
                        }
                        None => prop_assert!(owed.iter().all(|key| held.contains(key))),
                    },
                    _ => {
                        if let Some(key) = held.pop() {
                            queue.done(&key);
                        }
                    }
                }
            }
            held.iter().for_each(|key| queue.done(key));
            while let Some(Some(key)) = (!owed.is_empty()).then(|| queue.next().now_or_never()) {
                owed.remove(&key);
                queue.done(&key);
            }
            prop_assert!(owed.is_empty(), "never worked on: {owed:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_failing_key_backs_off_and_is_dropped_in_the_end() {
        let queue = Queue::default();
        queue.add("a");
        let (begun, mut tries) = (Instant::now(), Vec::new());
        let work = async {
            loop {
                let key = queue.next().await;
                tries.push(begun.elapsed());
                queue.finish(&key, &Err::<(), ()>(()), 15);
            }
        };
        let _: Result<(), _> = tokio::time::timeout(Duration::from_secs(3600), work).await;
        assert_eq!(tries.len(), 16, "one try and 15 more");
        let last = tries[15].as_secs();
        assert!((160..170).contains(&last), "5 ms doubled 15 times is about 164 s, not {last} s");
        assert_eq!(queue.failures("a"), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_delayed_key_wakes_a_waiting_worker() {
        let queue = Queue::default();
        let (key, ()) = tokio::join!(queue.next(), async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            queue.add_after("later", Duration::from_secs(10));
            queue.add_after("sooner", Duration::from_secs(5));
        });
        assert_eq!(key, "sooner");
    }
}
