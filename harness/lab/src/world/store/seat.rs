//! What every client of a workload is given.

use std::net::SocketAddr;
use std::time::Duration;

use harness_env::Env;

use super::notes::Notes;
use super::session::Session;

/// One client.
pub struct Seat {
    /// Its machine.
    pub env: Env,
    /// Its number in the workload, from 1.
    pub number: u32,
    /// How long it waits on the average between two operations.
    pub pause: Duration,
    /// Where it may find etcd.
    pub endpoints: Vec<SocketAddr>,
    /// How long it waits for an answer.
    pub patience: Duration,
    /// Where it notes what it lives through.
    pub notes: Notes,
}

impl Seat {
    /// Its connection. `what` keys the random streams, with its number.
    pub fn session(&self, what: &str) -> Session {
        let name = format!("{what} {}", self.number);
        Session::new(&self.env, &name, &self.endpoints, self.patience)
    }
}
