//! When a repeated failure is worth another line.
//!
//! A failing loop fails many times a second; a person wants to see that it began, and once a minute
//! that it goes on, with how often.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

const PERIOD: Duration = Duration::from_secs(60);

/// Lets the first of each kind through, and then one a minute.
#[derive(Debug, Default)]
pub struct Throttle {
    kinds: BTreeMap<String, Kind>,
}

#[derive(Debug)]
struct Kind {
    told: Instant,
    untold: u64,
}

impl Throttle {
    /// Whether this occurrence is worth a line; if so, how many it stands for.
    pub fn admit(&mut self, what: &str) -> Option<u64> {
        let now = Instant::now();
        let Some(kind) = self.kinds.get_mut(what) else {
            self.kinds.insert(what.to_string(), Kind { told: now, untold: 0 });
            return Some(1);
        };
        kind.untold += 1;
        if now.duration_since(kind.told) < PERIOD {
            return None;
        }
        kind.told = now;
        Some(std::mem::take(&mut kind.untold))
    }

    /// It works again: the next failure is a first one.
    pub fn clear(&mut self, what: &str) {
        self.kinds.remove(what);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_is_told_and_then_one_a_minute_with_how_many_it_stands_for() {
        let mut throttle = Throttle::default();
        assert_eq!(throttle.admit("a"), Some(1));
        assert_eq!(throttle.admit("b"), Some(1));
        assert_eq!([throttle.admit("a"), throttle.admit("a")], [None, None]);
        tokio::time::advance(PERIOD).await;
        assert_eq!(throttle.admit("a"), Some(3));
        throttle.clear("a");
        assert_eq!(throttle.admit("a"), Some(1));
    }
}
