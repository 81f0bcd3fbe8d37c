//! Standing in: a data centre answers for the ledger, within limits, and remembers what it said.
//!
//! It knows no balances. It approves what is small, and for each card only so much in all since the
//! ledger was last in step, counted by each data centre for itself. What it approves is an *advice*:
//! on its disk before the answer, and replayed to the ledger later under the payment's own id.

use std::collections::BTreeMap;
use std::io;

use harness_env::Env;
use serde::{Deserialize, Serialize};

use crate::world::bank::journal::Journal;
use crate::world::bank::payment::Request;

/// The dearest payment that is approved, in pence. An assumption, as is the next one.
pub const AMOUNT_MAX: u64 = 10_000;
/// The most that is approved for one card until the ledger is in step again, in pence.
pub const CARD_MAX: u64 = 30_000;
/// The file.
const FILE: &str = "advices.log";

/// A line of the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Line {
    /// Approved.
    Advice(Request),
    /// The ledger has booked the advice with this id.
    Booked(String),
}

/// What a data centre holds for the ledger.
pub struct StandIn {
    journal: Journal,
    /// In the order in which they were approved.
    advices: BTreeMap<u64, Request>,
    /// The number of the advice with an id.
    numbers: BTreeMap<String, u64>,
    next: u64,
    spent: BTreeMap<u32, u64>,
}

impl StandIn {
    /// What the disk holds.
    ///
    /// # Errors
    /// The disk fails, or the file is none of stand-in's.
    pub async fn open(env: &Env) -> io::Result<Self> {
        let (journal, lines) = Journal::open::<Line>(env, FILE).await?;
        let mut standin = StandIn {
            journal,
            advices: BTreeMap::new(),
            numbers: BTreeMap::new(),
            next: 0,
            spent: BTreeMap::new(),
        };
        for line in lines {
            match line {
                Line::Advice(request) => standin.remember(request),
                Line::Booked(id) => standin.forget(&id),
            }
        }
        Ok(standin)
    }

    /// Whether a payment is approved. If so, the advice is durable.
    ///
    /// # Errors
    /// The disk fails: nothing is approved.
    pub async fn decide(&mut self, request: &Request) -> io::Result<bool> {
        let card = request.card.unwrap_or_default();
        if self.numbers.contains_key(&request.id) {
            return Ok(true);
        }
        let spent = self.spent.get(&card).copied().unwrap_or_default();
        if request.amount > AMOUNT_MAX || spent + request.amount > CARD_MAX {
            return Ok(false);
        }
        self.journal.append(&Line::Advice(request.clone())).await?;
        self.remember(request.clone());
        Ok(true)
    }

    fn remember(&mut self, request: Request) {
        *self.spent.entry(request.card.unwrap_or_default()).or_default() += request.amount;
        self.numbers.insert(request.id.clone(), self.next);
        self.advices.insert(self.next, request);
        self.next += 1;
    }

    fn forget(&mut self, id: &str) {
        if let Some(number) = self.numbers.remove(id) {
            self.advices.remove(&number);
        }
    }

    /// The oldest advice that the ledger has not booked.
    pub fn oldest(&self) -> Option<&Request> {
        self.advices.values().next()
    }

    /// The advices that the ledger has not booked, the oldest first.
    pub fn advices(&self) -> impl ExactSizeIterator<Item = &Request> {
        self.advices.values()
    }

    /// The ledger has booked an advice. With the last one the file and the cards' counters begin
    /// anew.
    ///
    /// # Errors
    /// The disk fails: the advice is still held, and may be replayed again.
    pub async fn booked(&mut self, id: &str) -> io::Result<()> {
        let last = self.numbers.len() == 1 && self.numbers.contains_key(id);
        if last {
            self.journal.clear().await?;
            self.spent.clear();
        } else {
            self.journal.append(&Line::Booked(id.to_owned())).await?;
        }
        self.forget(id);
        Ok(())
    }
}
