//! Counts of failures, for the timeline.
//!
//! When a resource hangs there are thousands of equal failures. The first of each sort is told at
//! once; the rest are counted and told with the next that comes a minute later.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

const PAUSE: Duration = Duration::from_secs(60);

/// Failures of one sort, by resource and verb.
#[derive(Debug, Default)]
pub struct Tally {
    seen: Mutex<BTreeMap<(&'static str, &'static str), Seen>>,
}

#[derive(Debug)]
struct Seen {
    told: Instant,
    untold: u64,
}

impl Tally {
    /// Counts one. Returns how many to tell of now, 0 for none.
    pub fn count(&self, resource: &'static str, verb: &'static str) -> u64 {
        let now = Instant::now();
        let mut seen = self.seen.lock().expect("no task panics with the lock");
        match seen.get_mut(&(resource, verb)) {
            None => {
                seen.insert((resource, verb), Seen { told: now, untold: 0 });
                1
            }
            Some(seen) if now.duration_since(seen.told) >= PAUSE => {
                seen.told = now;
                std::mem::take(&mut seen.untold) + 1
            }
            Some(seen) => {
                seen.untold += 1;
                0
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_is_told_at_once_and_the_rest_by_the_minute() {
        let tally = Tally::default();
        assert_eq!(tally.count("secrets", "get"), 1);
        assert_eq!(tally.count("secrets", "list"), 1);
        for _ in 0..9 {
            assert_eq!(tally.count("secrets", "get"), 0);
        }
        tokio::time::advance(PAUSE).await;
        assert_eq!(tally.count("secrets", "get"), 10);
        assert_eq!(tally.count("secrets", "get"), 0);
    }
}
