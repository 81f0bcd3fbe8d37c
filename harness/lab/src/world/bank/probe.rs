//! What really happened to whom.
//!
//! The programs outside the bank (customers, the card scheme, the health check) write here what they
//! lived through. Nothing in the world reads it: it is for the outcome and the oracles, after the
//! run.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness_env::{Env, Wall};
use tokio::sync::Notify;

use super::database;
use super::http::Client;
use super::payment::{Booking, By};
use crate::outcome::Sample;
use crate::world::goal::{Goal, Lived};

/// A payment that somebody was told is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// Its id.
    pub id: String,
    /// Who said so.
    pub by: By,
    /// Pence.
    pub amount: u64,
}

/// The notes of a run. Clones share them.
#[derive(Clone, Default)]
pub struct Probe(Arc<Mutex<Notes>>, Arc<Notify>);

#[derive(Default)]
struct Notes {
    samples: Vec<Lived>,
    acknowledged: Vec<Acknowledged>,
    goal: Option<Goal>,
}

impl Probe {
    /// Notes of a run that somebody waits in for a severity.
    pub fn with_goal(goal: Option<Goal>) -> Self {
        Probe(Arc::new(Mutex::new(Notes { goal, ..Notes::default() })), Arc::default())
    }

    /// Waits until the goal is reached; for ever where there is none.
    pub async fn goal_reached(&self) {
        self.1.notified().await;
    }

    /// Notes a request that began at `began` and has ended at `now`.
    pub fn sample(&self, journey: &Arc<str>, began: Wall, now: Wall, ok: bool) {
        let notes = &mut *self.notes();
        notes.samples.push((journey.clone(), began, ok));
        if notes.goal.as_mut().is_some_and(|goal| goal.look(now, &notes.samples)) {
            notes.goal = None;
            self.1.notify_one();
        }
    }

    /// Notes that a payment was acknowledged to whoever made it.
    pub fn acknowledge(&self, id: &str, by: By, amount: u64) {
        self.notes().acknowledged.push(Acknowledged { id: id.to_owned(), by, amount });
    }

    /// Every request so far, in the order in which they ended, with seconds from `zero`.
    pub fn samples(&self, zero: Wall) -> Vec<Sample> {
        let notes = self.notes();
        let sample = |(journey, began, ok): &(Arc<str>, Wall, bool)| Sample {
            journey: journey.clone(),
            at: (began.0 as f64 - zero.0 as f64) / 1e9,
            ok: *ok,
        };
        notes.samples.iter().map(sample).collect()
    }

    /// Every acknowledged payment so far, in order.
    pub fn acknowledged(&self) -> Vec<Acknowledged> {
        self.notes().acknowledged.clone()
    }

    fn notes(&self) -> std::sync::MutexGuard<'_, Notes> {
        self.0.lock().expect("no panic with the lock")
    }
}

/// Where payments are at the end of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Books {
    /// What the database holds.
    pub booked: Vec<Booking>,
    /// What data centres hold for the ledger: answered by stand-in, not yet replayed.
    pub advices: Vec<Booking>,
}

/// Asks the database and the data centres for what they hold. Run it as a program of its own once
/// the customers have stopped.
///
/// # Errors
/// One of them does not answer within ten seconds.
pub async fn collect(
    env: &Env,
    database: SocketAddr,
    data_centres: &[SocketAddr],
) -> Result<Books, String> {
    const WITHIN: Duration = Duration::from_secs(10);
    let client = Client::new(env);
    let mut books = Books::default();
    // The advices first: what is replayed meanwhile is then seen twice rather than not at all.
    for centre in data_centres {
        let answer = client.get(*centre, "/advices", WITHIN).await.map_err(|e| e.to_string())?;
        books.advices.extend(answer.read::<Vec<Booking>>()?);
    }
    books.booked = database::booked(&client, database, WITHIN).await?;
    Ok(books)
}
