//! When somebody is woken.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::world::bank::metrics::Count;

/// An alarm is raised when less than this part of the last minute succeeded. The figures of the bank
/// are not known; these are the scenario's definition of an outage and its end.
const RAISED_BELOW: f64 = 0.5;
/// It is cleared when more than this part of the last minute succeeded.
const CLEARED_ABOVE: f64 = 0.95;
/// Fewer requests in a minute say nothing.
const REQUESTS_MIN: u64 = 3;

/// A journey that fails.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    /// The journey.
    pub journey: String,
    /// Since when: seconds since the Unix epoch on the monitor's clock.
    pub since: i64,
    /// The part of the last minute's requests that succeeded.
    pub success: f64,
}

/// What has changed.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// An alarm began.
    Raised(Alarm),
    /// An alarm ended. Its success is what it ended with.
    Cleared(Alarm),
}

/// The alarms that are on.
#[derive(Debug, Default)]
pub struct Pager {
    alarms: BTreeMap<String, Alarm>,
}

impl Pager {
    /// Looks at the last minute. `now` is in seconds since the Unix epoch.
    pub fn look(&mut self, now: i64, minute: BTreeMap<String, Count>) -> Vec<Change> {
        let mut changes = Vec::new();
        for (journey, count) in minute {
            let requests = count.ok + count.failed;
            if requests < REQUESTS_MIN {
                continue;
            }
            let success = count.ok as f64 / requests as f64;
            match self.alarms.get_mut(&journey) {
                None if success < RAISED_BELOW => {
                    let alarm = Alarm { journey: journey.clone(), since: now, success };
                    self.alarms.insert(journey, alarm.clone());
                    changes.push(Change::Raised(alarm));
                }
                None => {}
                Some(alarm) => alarm.success = success,
            }
        }
        let (over, on): (BTreeMap<_, _>, _) = std::mem::take(&mut self.alarms)
            .into_iter()
            .partition(|(_, alarm)| alarm.success > CLEARED_ABOVE);
        self.alarms = on;
        changes.extend(over.into_values().map(Change::Cleared));
        changes
    }

    /// The alarms that are on, by journey.
    pub fn alarms(&self) -> Vec<Alarm> {
        self.alarms.values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_is_raised_below_half_and_cleared_above_nineteen_in_twenty() {
        let mut pager = Pager::default();
        let mut look = |now, ok, failed| {
            pager.look(now, BTreeMap::from([("pay".to_owned(), Count { ok, failed })]))
        };
        let alarm = |success| Alarm { journey: "pay".into(), since: 20, success };
        assert_eq!(look(0, 0, 2), [], "two requests say nothing");
        assert_eq!(look(10, 5, 5), []);
        assert_eq!(look(20, 4, 6), [Change::Raised(alarm(0.4))]);
        assert_eq!(look(30, 0, 9), [], "it is raised once");
        assert_eq!(look(40, 9, 1), []);
        assert_eq!(look(50, 0, 0), [], "silence clears nothing");
        assert_eq!(look(60, 19, 1), [], "not above");
        assert_eq!(look(70, 20, 0), [Change::Cleared(alarm(1.0))]);
        assert_eq!(pager.alarms(), []);
    }
}
