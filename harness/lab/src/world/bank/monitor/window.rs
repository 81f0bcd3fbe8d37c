//! The last minute of every journey, put together from counters that only grow.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

use crate::world::bank::metrics::Count;

/// How far back it looks.
pub const MINUTE: Duration = Duration::from_secs(60);

/// What was counted, by journey and time.
#[derive(Default)]
pub struct Window {
    last: BTreeMap<(SocketAddr, String), Count>,
    grown: BTreeMap<String, VecDeque<(Instant, Count)>>,
    /// When a journey was first counted.
    known: BTreeMap<String, Instant>,
}

impl Window {
    /// Takes in the counters of a target as they stand at `now`. As Prometheus' `increase`: the
    /// first time sets where to count from, and a counter that fell began anew.
    pub fn take(&mut self, now: Instant, target: SocketAddr, counts: BTreeMap<String, Count>) {
        for (journey, count) in counts {
            self.known.entry(journey.clone()).or_insert(now);
            let last = self.last.insert((target, journey.clone()), count);
            let Some(last) = last else { continue };
            let since = |now: u64, last: u64| if now < last { now } else { now - last };
            let grown =
                Count { ok: since(count.ok, last.ok), failed: since(count.failed, last.failed) };
            if grown != Count::default() {
                self.grown.entry(journey).or_default().push_back((now, grown));
            }
        }
    }

    /// What was counted in the minute before `now`, of every journey that has been watched for a
    /// minute.
    pub fn minute(&mut self, now: Instant) -> BTreeMap<String, Count> {
        let mut sums = BTreeMap::new();
        for (journey, grown) in &mut self.grown {
            while grown.front().is_some_and(|(at, _)| now.duration_since(*at) >= MINUTE) {
                grown.pop_front();
            }
            if now.duration_since(self.known[journey]) < MINUTE {
                continue;
            }
            let sum = grown.iter().fold(Count::default(), |sum, (_, count)| Count {
                ok: sum.ok + count.ok,
                failed: sum.failed + count.failed,
            });
            sums.insert(journey.clone(), sum);
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_minute_is_summed_over_targets_and_restarts() {
        let [a, b]: [SocketAddr; 2] = ["10.0.0.1:1", "10.0.0.2:1"].map(|s| s.parse().unwrap());
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let counts = |ok, failed| BTreeMap::from([("pay".to_owned(), Count { ok, failed })]);
        let mut window = Window::default();
        window.take(at(0), a, counts(100, 7));
        window.take(at(10), a, counts(110, 7));
        assert_eq!(window.minute(at(11)), BTreeMap::new(), "not watched for a minute yet");
        window.take(at(20), b, counts(50, 0));
        window.take(at(30), b, counts(50, 5));
        window.take(at(40), a, counts(3, 1));
        assert_eq!(window.minute(at(61))["pay"], Count { ok: 13, failed: 6 });
        assert_eq!(window.minute(at(75))["pay"], Count { ok: 3, failed: 6 });
        assert_eq!(window.minute(at(200))["pay"], Count::default());
    }
}
