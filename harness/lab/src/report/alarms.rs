//! While which journey's alarm was up, by what the pager said.

use std::collections::BTreeMap;

use crate::outcome::Event;

/// The alarms of a run, by journey: from when until when each was up.
pub struct Alarms<'e>(BTreeMap<&'e str, Vec<(f64, f64)>>);

impl<'e> Alarms<'e> {
    /// Read off the events. What is not cleared is up until `end`.
    pub fn of(events: &'e [Event], end: f64) -> Self {
        let mut alarms: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
        for event in events {
            let Some(journey) = event.fields.get("journey") else { continue };
            let spans = alarms.entry(journey).or_default();
            match event.kind.as_str() {
                "alarm.raised" => spans.push((event.at, end)),
                "alarm.cleared" => {
                    if let Some(last) = spans.last_mut() {
                        last.1 = event.at;
                    }
                }
                _ => {}
            }
        }
        Alarms(alarms)
    }

    /// Those of one journey, in order of time.
    pub fn of_journey(&self, journey: &str) -> &[(f64, f64)] {
        self.0.get(journey).map_or(&[], Vec::as_slice)
    }

    /// Whether the alarm of any of these journeys is up at a moment.
    pub fn are_up(&self, journeys: &[&str], at: f64) -> bool {
        let mut spans = journeys.iter().flat_map(|journey| self.of_journey(journey));
        spans.any(|(since, until)| *since <= at && at < *until)
    }

    /// Whether any alarm at all is up at a moment.
    pub fn any_is_up(&self, at: f64) -> bool {
        self.0.values().flatten().any(|(since, until)| *since <= at && at < *until)
    }

    /// The first moment from `at` on at which any alarm is up.
    pub fn first_up(&self, at: f64) -> Option<f64> {
        let later = self.0.values().flatten().filter(|(_, until)| *until > at);
        later.map(|(since, _)| since.max(at)).min_by(f64::total_cmp)
    }
}
