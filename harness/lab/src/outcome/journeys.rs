//! How each journey fared, in one line of numbers.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::buckets::{Bucket, Table};
use crate::scenario::Journey;

/// One request of one journey.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The journey.
    pub journey: Arc<str>,
    /// When the request began: seconds from the scenario's zero.
    pub at: f64,
    /// Whether the user got what was asked for, in time.
    pub ok: bool,
}

/// How a journey fared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JourneyOutcome {
    /// Its name.
    pub name: String,
    /// Requests.
    pub requests: u64,
    /// The part of them that succeeded; 1 where there were none.
    pub success_ratio: f64,
    /// The same for the worst ten seconds.
    pub worst_bucket: f64,
    /// When the first of the worst ten seconds began.
    pub worst_at: Option<i64>,
    /// Every ten seconds in which somebody asked.
    pub buckets: Vec<Bucket>,
}

/// Sums up every journey.
pub(super) fn summaries(table: &Table, journeys: &[Journey]) -> Vec<JourneyOutcome> {
    let summary = |(journey, buckets): (&Journey, &Vec<Bucket>)| {
        let asked: Vec<Bucket> = buckets.iter().copied().filter(|b| b.requests > 0).collect();
        let requests: u64 = asked.iter().map(|bucket| bucket.requests).sum();
        let ok: u64 = asked.iter().map(|bucket| bucket.ok).sum();
        let mut worst: Option<(f64, i64)> = None;
        for bucket in &asked {
            let ratio = bucket.ratio().unwrap_or(1.0);
            if worst.is_none_or(|(least, _)| ratio < least) {
                worst = Some((ratio, bucket.start));
            }
        }
        JourneyOutcome {
            name: journey.name.clone(),
            requests,
            success_ratio: if requests == 0 { 1.0 } else { ok as f64 / requests as f64 },
            worst_bucket: worst.map_or(1.0, |(ratio, _)| ratio),
            worst_at: worst.map(|(_, start)| start),
            buckets: asked,
        }
    };
    journeys.iter().zip(&table.journeys).map(summary).collect()
}
