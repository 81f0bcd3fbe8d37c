//! List, watch, and begin again.
//!
//! After client-go v4 `tools/cache/reflector.go`. A reflector lists from the apiserver's watch cache
//! (`resourceVersion=0`), watches from the list's version on, and opens the next watch from the last
//! event's version. It asks for watches of 5 to 10 minutes: one that has gone silent is therefore
//! noticed within 10 minutes, which is what linkerd's client did not do. Only an error makes it list
//! again, a second later; a watch that merely ends is reopened at once.

use std::convert::Infallible;
use std::time::Duration;

use harness_env::Rng;
use serde_json::Value;
use tokio::time::Instant;

use super::throttle::Throttle;
use super::watch::{EventType, WatchStream};
use super::{Client, Error, view};

/// The pause before listing again (`period` of `NewReflector`).
const RELIST: Duration = Duration::from_secs(1);
/// The shortest watch to ask for (`minWatchTimeout`); the longest is twice that.
const WATCH_MIN_SECONDS: f64 = 300.0;
/// A watch that ends sooner than this without an event is an error.
const WATCH_TOO_SHORT: Duration = Duration::from_secs(1);

/// What a reflector learns.
#[derive(Clone, Debug, PartialEq)]
pub enum Delta {
    /// These are all the objects there are.
    Replace(Vec<Value>),
    /// This object is new or changed.
    Upsert(Value),
    /// This object is gone.
    Delete(Value),
}

/// Follows one collection.
pub struct Reflector {
    client: Client,
    path: String,
    rng: Rng,
    throttle: Throttle,
}

/// Why a reflector begins again.
#[derive(Debug)]
enum Lost {
    Request(Error),
    ErrorEvent(String),
    TooShort,
}

impl Reflector {
    /// Follows the collection at `path` (`/api/v1/pods`, or with a selector as its query). `rng`
    /// spreads the ends of the watches.
    pub fn new(client: Client, path: &str, rng: Rng) -> Self {
        Reflector { client, path: path.to_string(), rng, throttle: Throttle::default() }
    }

    /// Follows the collection for ever and tells `on` what it learns, in order.
    pub async fn run(mut self, mut on: impl FnMut(Delta) + Send) -> Infallible {
        loop {
            let lost = match self.list_and_watch(&mut on).await {
                Ok(never) => return never,
                Err(lost) => lost,
            };
            self.tell(&lost);
            tokio::time::sleep(RELIST).await;
        }
    }

    async fn list_and_watch(
        &mut self,
        on: &mut (impl FnMut(Delta) + Send),
    ) -> Result<Infallible, Lost> {
        let mut list = self.client.list(&self.query("resourceVersion=0")).await?;
        let mut version = view::resource_version(&list).to_string();
        let items = match list.get_mut("items").map(Value::take) {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        };
        self.throttle.clear(&self.path);
        on(Delta::Replace(items));
        loop {
            let seconds = (WATCH_MIN_SECONDS * (1.0 + self.rng.unit())) as u64;
            let query = self
                .query(&format!("watch=true&resourceVersion={version}&timeoutSeconds={seconds}"));
            let begun = Instant::now();
            match self.client.watch(&query).await {
                Ok(stream) => {
                    let events = follow(stream, &mut version, on).await?;
                    if events == 0 && begun.elapsed() < WATCH_TOO_SHORT {
                        return Err(Lost::TooShort);
                    }
                }
                // Nobody listens: the apiserver is being restarted. What is known stays known.
                Err(error) if error.is_connection_refused() => tokio::time::sleep(RELIST).await,
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn query(&self, parameters: &str) -> String {
        let joint = if self.path.contains('?') { '&' } else { '?' };
        format!("{}{joint}{parameters}", self.path)
    }

    fn tell(&mut self, lost: &Lost) {
        let path = &self.path;
        match lost {
            Lost::Request(error) => {
                if let Some(times) = self.throttle.admit(path) {
                    tracing::info!(
                        kind = "watch.failed", %path, times, %error,
                        "cannot list or watch {path}: {error}"
                    );
                }
            }
            Lost::ErrorEvent(reason) => {
                tracing::debug!(kind = "watch.lost", %path, "watch of {path} ended: {reason}");
            }
            Lost::TooShort => {
                tracing::debug!(kind = "watch.lost", %path, "watch of {path} ended at once");
            }
        }
    }
}

impl From<Error> for Lost {
    fn from(error: Error) -> Self {
        Lost::Request(error)
    }
}

/// Passes on the events of one watch until it ends, and tells how many there were. A connection that
/// breaks is an end like any other: client-go's `StreamWatcher` logs it and closes its channel.
async fn follow(
    mut stream: WatchStream,
    version: &mut String,
    on: &mut (impl FnMut(Delta) + Send),
) -> Result<usize, Lost> {
    let mut events = 0;
    while let Some(Ok((kind, object))) = stream.next().await {
        if kind == EventType::Error {
            return Err(Lost::ErrorEvent(view::text(&object, "/message").to_string()));
        }
        events += 1;
        *version = view::resource_version(&object).to_string();
        on(if kind == EventType::Deleted { Delta::Delete(object) } else { Delta::Upsert(object) });
    }
    Ok(events)
}
