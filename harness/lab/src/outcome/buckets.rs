//! Samples put into buckets of ten seconds.
//!
//! A sample counts where its request began, so that a request that hangs for its whole patience
//! makes the bucket bad in which the user began to wait.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::journeys::Sample;
use crate::scenario::Journey;

/// The width of a bucket in seconds.
pub const WIDTH: i64 = 10;

/// How many buckets must be alike in a row to count: a minute.
pub const MINUTE: usize = 6;

/// The requests of one journey that began in the same ten seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// When it begins: seconds from the scenario's zero.
    pub start: i64,
    /// Requests.
    pub requests: u64,
    /// Those that succeeded.
    pub ok: u64,
}

impl Bucket {
    /// The part that succeeded; none where there were no requests.
    pub fn ratio(&self) -> Option<f64> {
        (self.requests > 0).then(|| self.ok as f64 / self.requests as f64)
    }
}

/// The buckets of every journey. All journeys have the same buckets: those in which any of them
/// had a request.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// The beginnings, in order.
    pub starts: Vec<i64>,
    /// By journey (in the scenario's order), then by bucket.
    pub journeys: Vec<Vec<Bucket>>,
}

impl Table {
    /// Counts samples. Those of a journey that the scenario does not have are left out.
    pub fn of(journeys: &[Journey], samples: &[Sample]) -> Self {
        let numbers: BTreeMap<&str, usize> =
            journeys.iter().enumerate().map(|(n, journey)| (journey.name.as_str(), n)).collect();
        let mut counts: BTreeMap<i64, Vec<(u64, u64)>> = BTreeMap::new();
        for sample in samples {
            let Some(journey) = numbers.get(&*sample.journey) else { continue };
            let start = (sample.at / WIDTH as f64).floor() as i64 * WIDTH;
            let row = counts.entry(start).or_insert_with(|| vec![(0, 0); journeys.len()]);
            row[*journey].0 += 1;
            row[*journey].1 += u64::from(sample.ok);
        }
        let column = |n: usize| {
            let bucket = |(start, row): (&i64, &Vec<(u64, u64)>)| Bucket {
                start: *start,
                requests: row[n].0,
                ok: row[n].1,
            };
            counts.iter().map(bucket).collect()
        };
        Table {
            starts: counts.keys().copied().collect(),
            journeys: (0..journeys.len()).map(column).collect(),
        }
    }
}
