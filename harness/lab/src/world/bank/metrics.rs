//! Requests counted by journey and outcome, in Prometheus' text format.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex};

/// How often a journey's requests succeeded and failed since the program began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Requests that were answered as the user wished.
    pub ok: u64,
    /// All others.
    pub failed: u64,
}

/// The counters of a program. Clones share them.
#[derive(Clone, Default)]
pub struct Metrics(Arc<Mutex<BTreeMap<String, Count>>>);

impl Metrics {
    /// Counters that stand at zero for these journeys.
    pub fn of<'a>(journeys: impl IntoIterator<Item = &'a str>) -> Self {
        let counts = journeys.into_iter().map(|name| (name.to_owned(), Count::default()));
        Metrics(Arc::new(Mutex::new(counts.collect())))
    }

    /// A request that is under way. Unless it succeeds it counts as failed when this is dropped:
    /// whoever gave up waiting had no success.
    pub fn begin(&self, journey: &str) -> Pending {
        Pending { metrics: self.clone(), journey: journey.to_owned(), ok: false }
    }

    /// Counts a request.
    pub fn count(&self, journey: &str, ok: bool) {
        let mut counts = self.0.lock().expect("no panic with the lock");
        let count = counts.entry(journey.to_owned()).or_default();
        *(if ok { &mut count.ok } else { &mut count.failed }) += 1;
    }

    /// The text that `/metrics` answers with.
    pub fn render(&self) -> String {
        let mut text = String::from("# TYPE requests_total counter\n");
        for (journey, count) in self.0.lock().expect("no panic with the lock").iter() {
            for (outcome, n) in [("ok", count.ok), ("failed", count.failed)] {
                let labels = format!("journey=\"{journey}\",outcome=\"{outcome}\"");
                writeln!(text, "requests_total{{{labels}}} {n}").expect("a string takes all");
            }
        }
        text
    }
}

/// A request under way: see [`Metrics::begin`].
pub struct Pending {
    metrics: Metrics,
    journey: String,
    ok: bool,
}

impl Pending {
    /// Counts it.
    pub fn end(mut self, ok: bool) {
        self.ok = ok;
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.metrics.count(&self.journey, self.ok);
    }
}

/// The counters in a text of [`Metrics::render`]. Lines of other metrics are passed over.
pub fn parse(text: &str) -> BTreeMap<String, Count> {
    let mut counts: BTreeMap<String, Count> = BTreeMap::new();
    for line in text.lines() {
        let Some((labels, value)) =
            line.strip_prefix("requests_total{").and_then(|rest| rest.split_once("} "))
        else {
            continue;
        };
        let label = |name: &str| {
            let mut labels = labels.split(',').filter_map(|label| label.split_once('='));
            labels.find(|(key, _)| *key == name).map(|(_, value)| value.trim_matches('"'))
        };
        let (Some(journey), Ok(n)) = (label("journey"), value.trim().parse()) else { continue };
        let count = counts.entry(journey.to_owned()).or_default();
        match label("outcome") {
            Some("ok") => count.ok = n,
            Some("failed") => count.failed = n,
            _ => {}
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_rendered_is_read_again() {
        let metrics = Metrics::of(["idle", "pay"]);
        metrics.begin("pay").end(true);
        metrics.begin("pay").end(false);
        drop(metrics.begin("pay"));
        let counts = parse(&metrics.render());
        assert_eq!(counts["idle"], Count { ok: 0, failed: 0 });
        assert_eq!(counts["pay"], Count { ok: 1, failed: 2 });
    }

    #[test]
    fn other_lines_are_passed_over() {
        let text = "# HELP x\nup 1\nrequests_total{journey=\"a\"} 3\nrequests_total{x} y\n}{\n\
                    requests_total{outcome=\"ok\",journey=\"b\"} 4\n";
        let counts = parse(text);
        assert_eq!(counts["a"], Count::default());
        assert_eq!(counts["b"].ok, 4);
        assert_eq!(counts.len(), 2);
    }
}
