//! What clients did and saw: operations with an invocation, and an outcome that may be unknown.

use std::fmt;
use std::time::Duration;

use super::kv::{Answer, Request};

/// A point of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// Its place in the order of everything that clients noted: no two are alike, so that what a
    /// client did before is before, whatever the clock's grain.
    pub order: u64,
    /// The clock, for people.
    pub at: Duration,
}

/// How an operation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered.
    Ok(Answer, Moment),
    /// It certainly did not happen.
    Failed,
    /// Nobody knows: it may take effect at any time after its call, or never.
    Unknown,
}

/// One operation of one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Who.
    pub client: u32,
    /// What was asked.
    pub request: Request,
    /// When.
    pub called: Moment,
    /// What came of it.
    pub outcome: Outcome,
}

impl Operation {
    /// The answer, where there is one.
    pub fn answer(&self) -> Option<&Answer> {
        match &self.outcome {
            Outcome::Ok(answer, _) => Some(answer),
            _ => None,
        }
    }

    /// When it was answered.
    pub fn returned(&self) -> Option<Moment> {
        match &self.outcome {
            Outcome::Ok(_, moment) => Some(*moment),
            _ => None,
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Operation { client, request, called, outcome } = self;
        write!(f, "{:.3} s client {client}: {request}", called.at.as_secs_f64())?;
        match outcome {
            Outcome::Ok(answer, end) => write!(f, " → {answer} at {:.3} s", end.at.as_secs_f64()),
            Outcome::Failed => f.write_str(" → did not happen"),
            Outcome::Unknown => f.write_str(" → unknown"),
        }
    }
}
