//! What a request carries from hop to hop, and what comes back.

use serde::{Deserialize, Serialize};

use crate::scenario::Journey;

/// The services that book payments. The book that a service writes has its name.
pub const BOOKING_SERVICES: [&str; 2] = ["ledger", "prepaid-ledger"];

/// One request of a journey. Its id makes it safe to repeat: a payment is booked once by its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Unique in a run: `<journey>-<n>`.
    pub id: String,
    /// The journey.
    pub journey: String,
    /// Pence; 0 where nothing is paid.
    pub amount: u64,
    /// The card, in a card payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<u32>,
    /// The services that are still to be passed, the next one first.
    #[serde(default)]
    pub hops: Vec<String>,
}

impl Request {
    /// The request as it reaches the first service of the journey's path.
    #[must_use]
    pub fn at_entry(mut self, journey: &Journey) -> Self {
        self.hops = journey.path.iter().skip(1).cloned().collect();
        self
    }
}

/// Whether a journey ends in a booked payment.
pub fn books(journey: &Journey) -> bool {
    journey.path.iter().any(|service| BOOKING_SERVICES.contains(&service.as_str()))
}

/// What a service says about a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// Whether everything was done that was asked for.
    pub ok: bool,
    /// Why not: the hops that it passed, and what happened at the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What a data centre says about a card payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authorisation {
    /// Whether the shop gets its money.
    pub approved: bool,
    /// Who decided.
    pub by: By,
}

/// Who acknowledged a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// The ledger in the cluster.
    Cluster,
    /// A data centre on its own.
    StandIn,
}

/// A payment in a book of the database, or one that stand-in holds for the ledger.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Booking {
    /// The book, or the data centre.
    pub book: String,
    /// The payment's id.
    pub id: String,
    /// Pence.
    pub amount: u64,
}
