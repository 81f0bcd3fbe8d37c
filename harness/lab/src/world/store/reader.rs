//! The reading workload: clients that read the newest again and again, through one member each.
//!
//! Whoever still talks to a leader that is none any more must not be told what was. Such a leader has
//! a second or less, so somebody has to be there all the time, at every member, and must not wait for
//! one answer before asking again.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::sleep;

use super::call;
use super::seat::Seat;
use crate::oracle::linearizability::kv::Keys;

/// Lives until dropped.
///
/// # Errors
/// Never.
pub async fn run(mut seat: Seat) -> Result<(), String> {
    let member = (seat.number as usize - 1) % seat.endpoints.len();
    seat.endpoints = vec![seat.endpoints[member]];
    let session = seat.session("read");
    let Seat { env, number, pause, notes, .. } = seat;
    let mut rng = env.rng("reads");
    let (each, what): (_, Arc<str>) = (env.tasks(), format!("read {number}").into());
    loop {
        sleep(rng.exponential(pause)).await;
        let (session, notes, what) = (session.clone(), notes.clone(), what.clone());
        each.spawn(async move {
            let called = notes.moment();
            let read = call::range(&Keys::One(Bytes::from_static(b"lookup")));
            let answer = session.call(|client| async move { client.range(read).await }).await;
            if let Ok(answer) = answer {
                let revision = answer.header.map_or(0, |header| header.revision);
                notes.stamp(what.to_string(), called, revision, false);
            }
        });
    }
}
